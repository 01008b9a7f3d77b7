"""Read what tcpdump wrote and write pcapng with an interface, a description and comments (pcapng draft, section 4).

No machine's name, system or path goes into a file.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

PCAP_NANOSECONDS = 0xA1B23C4D
ETHERNET = 1
ETHERTYPE_VLAN = 0x8100
SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
COMMENT, SOFTWARE, NAME, DESCRIPTION, RESOLUTION = 1, 4, 2, 3, 9
APPLICATION = "otsensor plant"


class Frame(NamedTuple):
    """One captured frame: nanoseconds since 1970, and its bytes."""

    time: int
    data: bytes


def read_pcap(path: Path) -> list[Frame]:
    """Return the frames of a classical capture with nanoseconds."""
    data = path.read_bytes()
    if struct.unpack_from("<I", data)[0] != PCAP_NANOSECONDS:
        raise ValueError(f"{path.name}: not a little-endian capture with nanoseconds")
    frames, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, kept, _ = struct.unpack_from("<IIII", data, at)
        frames.append(Frame(seconds * 1_000_000_000 + fraction, data[at + 16 : at + 16 + kept]))
        at += 16 + kept
    return frames


def write_pcap(path: Path, frames: list[Frame]) -> None:
    """Write a classical capture with nanoseconds."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", PCAP_NANOSECONDS, 2, 4, 0, 0, 262_144, ETHERNET))
        for frame in frames:
            seconds, fraction = divmod(frame.time, 1_000_000_000)
            out.write(struct.pack("<IIII", seconds, fraction, len(frame.data), len(frame.data)) + frame.data)


def tagged(frame: Frame, vlan: int) -> Frame:
    """Return the frame as a trunk's mirror gives it: with an 802.1Q tag behind the addresses."""
    tag = struct.pack("!HH", ETHERTYPE_VLAN, vlan)
    return Frame(frame.time, frame.data[:12] + tag + frame.data[12:])


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _block(kind: int, body: bytes, options: bytes) -> bytes:
    content = body + (options + _option(0, b"") if options else b"")
    length = len(content) + 12
    return struct.pack("<II", kind, length) + content + struct.pack("<I", length)


def write_pcapng(path: Path, frames: list[Frame], comments: dict[int, str], description: str) -> None:
    """Write a pcapng file; `comments` maps a frame's index (from 0) to what happened there."""
    with path.open("wb") as out:
        section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        about = _option(COMMENT, description.encode()) + _option(SOFTWARE, APPLICATION.encode())
        out.write(_block(SECTION, section, about))
        interface = _option(NAME, b"span0") + _option(DESCRIPTION, b"mirror port of the cell switch")
        out.write(
            _block(INTERFACE, struct.pack("<HHI", ETHERNET, 0, 262_144), interface + _option(RESOLUTION, b"\x09"))
        )
        for index, frame in enumerate(frames):
            size = len(frame.data)
            head = struct.pack("<IIIII", 0, frame.time >> 32, frame.time & 0xFFFF_FFFF, size, size)
            comment = comments.get(index, "")
            options = _option(COMMENT, comment.encode()) if comment else b""
            out.write(_block(PACKET, head + _padded(frame.data), options))
