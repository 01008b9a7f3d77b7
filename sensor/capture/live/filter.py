# mypyc: off: runs once at start
"""A filter in tcpdump's syntax, compiled by libpcap to the kernel's classic BPF. No packet is sent for it.

The kernel takes the outer VLAN tag off before a filter sees the frame. A filter that does not say `vlan` therefore
looks inside the tag, as tcpdump on an interface does. One that says `vlan` means the frame as it is on the wire, as
tcpdump on a file does; for tagged frames it is rewritten to read the tag where the kernel keeps it.
The rule it lives by: what is asked is what is compiled, and names are never looked up, for that would send packets.
"""

from __future__ import annotations

import ctypes
import re
import threading
from typing import Final

from sensor.capture.live import bpf
from sensor.capture.live.behindtag import behind_tag
from sensor.capture.live.bpf import Instruction
from sensor.capture.live.errors import LiveError

LIBRARY: Final = "libpcap.so.0.8"  # Debian's name for every libpcap since 2005
OTHER_LIBRARY: Final = "libpcap.so.1"  # that of most others
UNKNOWN_NETMASK: Final = 0xFFFF_FFFF
MAX_LENGTH: Final = 4_096  # characters of a filter: libpcap's optimiser takes minutes over a list of thousands of hosts

# Words of pcap-filter(7); any other word would be a name for libpcap to look up.
WORDS: Final = frozenset(
    (  # noqa: SIM905  seventy quotation marks would not make it easier to read
        "dst src host net mask port portrange less greater byte len proto protochain broadcast multicast and or not "
        "ether fddi tr wlan ip ip6 arp rarp decnet tcp udp sctp icmp icmp6 igmp igrp pim vrrp carp ah esp aarp atalk "
        "lat moprc mopdl iso esis isis clnp stp ipx netbeui vlan mpls pppoed pppoes geneve vxlan llc inbound outbound "
        "ifname on tcpflags icmptype icmpcode icmp6type icmp6code"
    ).split()
)
PREFIXES: Final = ("tcp-", "icmp-", "icmp6-")
NUMBERS_FOLLOW: Final = frozenset(("port", "portrange", "proto", "protochain"))  # names from local files are fine there
TOKEN: Final = re.compile(r"[^\s()!&|=<>+*/%^\[\],]+")
MAC: Final = re.compile(r"([0-9a-f]{4}\.){2}[0-9a-f]{4}|[0-9a-f]{1,2}([:-][0-9a-f]{1,2}){5}", re.IGNORECASE)


class Code(ctypes.Structure):
    """Represent struct bpf_program."""

    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


def compiled(text: str, link_type: int, snap_length: int) -> bytes:
    """Return the program for a filter, "" for every frame; it cuts frames at `snap_length`."""
    if not text.strip():
        return bpf.pack([Instruction(bpf.RET | bpf.K, snap_length)])
    words = words_of(text)
    program = by_libpcap(text, link_type, snap_length)
    if "vlan" in words:
        program = for_both(program, text)
    if len(program) > bpf.MAX_INSTRUCTIONS:
        raise LiveError(place(text), f"{len(program)} instructions of the kernel", f"at most {bpf.MAX_INSTRUCTIONS}")
    return bpf.pack(program)


def words_of(text: str) -> set[str]:
    """Return the filter's words; raise LiveError for one that libpcap would look up."""
    if len(text) > MAX_LENGTH:
        raise LiveError("the filter", f"{len(text)} characters", f"at most {MAX_LENGTH}")
    words = [word.lower() for word in TOKEN.findall(text)]
    before = ""
    for word in words:
        if not (known(word) or before in NUMBERS_FOLLOW):
            raise LiveError(place(text), f"the name {word!r}", "an address: names are not looked up, nothing is sent")
        before = word
    return set(words)


def known(word: str) -> bool:
    """Tell whether libpcap takes a word for one of its own, a number or an address."""
    if word in WORDS or word.startswith((*PREFIXES, "\\")) or MAC.fullmatch(word):
        return True
    if ":" in word:  # an IPv6 address, or two numbers in a bracket
        return re.fullmatch(r"[0-9a-f:.]+", word) is not None
    parts = word.split("-")  # a difference written without spaces
    return all(part in WORDS or re.fullmatch(r"(0x[0-9a-f]+|[0-9][0-9.]*)?", part) for part in parts)


def by_libpcap(text: str, link_type: int, snap_length: int) -> list[Instruction]:
    """Compile a filter."""
    library = loaded()
    with LOCK:
        handle = library.pcap_open_dead(link_type, snap_length)
        code = Code()
        try:
            if library.pcap_compile(handle, ctypes.byref(code), text.encode(), 1, UNKNOWN_NETMASK) != 0:
                raise LiveError(place(text), library.pcap_geterr(handle).decode(errors="replace"), "tcpdump's syntax")
            packed = ctypes.string_at(code.instructions, code.length * 8)
            library.pcap_freecode(ctypes.byref(code))
        finally:
            library.pcap_close(handle)
    return bpf.unpack(packed)


def loaded() -> ctypes.CDLL:
    """Return libpcap."""
    for name in (LIBRARY, OTHER_LIBRARY):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.pcap_open_dead.restype = ctypes.c_void_p
        library.pcap_geterr.restype = ctypes.c_char_p
        library.pcap_geterr.argtypes = library.pcap_close.argtypes = (ctypes.c_void_p,)
        library.pcap_compile.argtypes = (
            ctypes.c_void_p, ctypes.POINTER(Code), ctypes.c_char_p, ctypes.c_int, ctypes.c_uint,
        )  # fmt: skip
        return library
    raise LiveError("the filter", "libpcap, which compiles it, is not installed", "apt install libpcap0.8")


def for_both(program: list[Instruction], text: str) -> list[Instruction]:
    """Join a program for frames without a tag with its twin for frames whose tag the kernel keeps beside."""
    try:
        twin = behind_tag(program)
    except ValueError as error:
        raise LiveError(place(text), str(error), "bytes that do not reach over the VLAN tag's edge") from None
    return [
        Instruction(bpf.LD | bpf.B | bpf.ABS, bpf.AD_VLAN_TAG_PRESENT),
        Instruction(bpf.JMP | bpf.JEQ | bpf.K, 0, 0, 1),
        Instruction(bpf.JMP | bpf.JA, len(twin)),
        *twin,
        *program,
    ]


def place(text: str) -> str:
    """Name a filter in a message."""
    return f"filter {text!r}"


LOCK: Final = threading.Lock()  # libpcap's parser is not for two threads at once in its older versions
