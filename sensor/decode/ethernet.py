"""Link headers: Ethernet II, 802.3 with LLC and SNAP, tags, MPLS, PPPoE and PPP, Linux cooked, loopback, raw IP.

IEEE 802.3, 802.1Q, 802.1ad, 802.1CB, RFC 3032, RFC 2516, RFC 1661, IEC 62439-3 and the tcpdump group's LINKTYPE_ list.
The rule it lives by: tags and shims are peeled until a network protocol or an unknown ethertype appears.
"""

from typing import Final

from mypy_extensions import i64

from sensor.decode.frame import ETHERNET, IPV4, IPV6, MPLS, PPP, Frame, u16, u32
from sensor.decode.kinds import (
    ARP,
    BAD_HEADER,
    CDP,
    ETHERCAT,
    GOOSE,
    LLC,
    LLDP,
    NESTED_TOO_DEEP,
    NON_IP,
    PROFINET,
    SAMPLED_VALUES,
    UNADDRESSED,
    UNKNOWN_LINK,
)
from sensor.decode.oddities import LLC_LENGTH_BEYOND_FRAME, PPPOE_BAD, PPPOE_LENGTH_BEYOND_FRAME, VLAN_STACK_DEEP

LINK_ETHERNET: Final = 1
MAX_TAGS: Final = 8  # provider, customer, redundancy tags: real networks stay under five
MAX_LABELS: Final = 8  # MPLS: transport, entropy, service labels are six at most
MAX_VLANS: Final = 4  # what fits into `segment.vlan`
UNTYPED: Final = 0x0600  # below it the field is a length (802.3, 3.2.6)
NO_RECEIVER: Final = b"\0\0\0\0\0\0"


def link(frame: Frame, link_type: i64) -> i64:
    """Begin a frame of a LINKTYPE_: return the step its first header is."""
    if link_type == LINK_ETHERNET:
        return ETHERNET
    if link_type == 113:
        return cooked(frame, 16, 14, 2, 6)
    if link_type == 276:
        return cooked(frame, 20, 0, 8, 12)
    if link_type in (101, 12, 14):
        return by_version(frame)
    if link_type == 228:
        return IPV4
    if link_type == 229:
        return IPV6
    if link_type in (0, 108):
        return loopback(frame)
    if link_type in (9, 50):
        return PPP
    return UNKNOWN_LINK


def by_version(frame: Frame) -> i64:
    """Raw IP: the version field says which."""
    lack = frame.lacks(1)
    if lack != 0:
        return lack
    return IPV6 if frame.data[frame.at] >> 4 == 6 else IPV4


def loopback(frame: Frame) -> i64:
    """LINKTYPE_NULL and _LOOP: an address family of the capturing system, in either byte order."""
    lack = frame.lacks(4)
    if lack != 0:
        return lack
    family = u32(frame.data, frame.at)
    if family > 0xFFFF:  # no family is that large: written by a little-endian machine
        family = (family >> 24) | (family >> 8 & 0xFF00)
    frame.at += 4
    if family == 2:
        return IPV4
    if family in (10, 23, 24, 28, 30):  # Linux, Windows, NetBSD, FreeBSD, macOS
        return IPV6
    return UNKNOWN_LINK


def cooked(frame: Frame, size: i64, type_at: i64, hardware_at: i64, address_at: i64) -> i64:
    """LINKTYPE_LINUX_SLL and _SLL2: the sender's link address only, and an ethertype."""
    lack = frame.lacks(size)
    if lack != 0:
        return lack
    start = frame.at
    hardware = u16(frame.data, start + hardware_at)
    if hardware in (803, 824):  # 802.11 with radiotap, netlink: the last field is no ethertype
        return UNKNOWN_LINK
    frame.at += size
    if hardware == 1:
        frame.source_at = start + address_at
    type_at += start
    if u16(frame.data, type_at) == 0x0004:
        return llc(frame)
    return after_type(frame, type_at)


def ethernet(frame: Frame) -> i64:
    """Destination, source, type or length."""
    lack = frame.lacks(14)
    if lack != 0:
        return lack
    frame.segment.frame = frame.data
    frame.segment.mac_at = frame.at
    frame.at += 14
    return after_type(frame, frame.at - 2)


def after_type(frame: Frame, type_at: i64) -> i64:
    """Follow the ethertype at `type_at` through tags; `frame.at` is where its payload begins."""
    for _ in range(MAX_TAGS):
        ethertype = u16(frame.data, type_at)
        frame.segment.ethertype = ethertype
        frame.type_at = type_at
        if ethertype == 0x0800:
            return IPV4
        if ethertype == 0x86DD:
            return IPV6
        if ethertype < UNTYPED:
            return length_and_llc(frame, ethertype)
        if ethertype in (0x8847, 0x8848):
            return MPLS
        if ethertype == 0x8864:
            return pppoe(frame)
        if not is_tag(ethertype):
            return not_ip(frame, kind_of(ethertype), type_at)
        # A VLAN tag is two bytes and a type; VN-Tag, HSR and 802.1CB's R-TAG are four and a type.
        size: i64 = 4 if is_vlan(ethertype) else 6
        lack = frame.lacks(size)
        if lack != 0:
            return lack
        if size == 4:
            push_vlan(frame, u16(frame.data, frame.at) & 0x0FFF)
        frame.at += size
        type_at = frame.at - 2
    return NESTED_TOO_DEEP


def is_vlan(ethertype: i64) -> bool:
    """802.1Q, 802.1ad, and the numbers used before it."""
    return ethertype in (0x8100, 0x88A8, 0x9100, 0x9200)


def is_tag(ethertype: i64) -> bool:
    """Say whether a tag follows: VLAN, VN-Tag, HSR (IEC 62439-3), R-TAG (802.1CB)."""
    return is_vlan(ethertype) or ethertype in (0x8926, 0x892F, 0xF1C1)


def push_vlan(frame: Frame, vlan: i64) -> None:
    """Add a tag to the stack. VLAN 0 is a priority only."""
    if vlan == 0:
        return
    if frame.segment.vlan >> 13 * (MAX_VLANS - 1) != 0:
        frame.note(VLAN_STACK_DEEP)
        return
    frame.segment.vlan = frame.segment.vlan << 13 | 0x1000 | vlan


def kind_of(ethertype: i64) -> i64:
    """Return the kind of a frame that is not IP."""
    if ethertype == 0x0806:
        return ARP
    if ethertype == 0x8892:
        return PROFINET
    if ethertype == 0x88BA:
        return SAMPLED_VALUES
    if ethertype == 0x88B8:
        return GOOSE
    if ethertype == 0x88A4:
        return ETHERCAT
    if ethertype == 0x88CC:
        return LLDP
    return NON_IP


def not_ip(frame: Frame, kind: i64, type_at: i64) -> i64:
    """End with a frame told apart by link addresses and the two bytes at `type_at`."""
    segment = frame.segment
    data = frame.data
    at = segment.mac_at
    if at >= 0:
        segment.key = segment.frame[at + 6 : at + 12] + segment.frame[at : at + 6] + data[type_at : type_at + 2]
    elif frame.source_at >= 0:
        segment.key = data[frame.source_at : frame.source_at + 6] + NO_RECEIVER + data[type_at : type_at + 2]
    else:
        return UNADDRESSED
    return kind


def length_and_llc(frame: Frame, length: i64) -> i64:
    """802.3: the field is the length of what follows, padding is behind it. From 1501 on it is neither."""
    if length > 1500:
        return not_ip(frame, NON_IP, frame.type_at)
    if not frame.narrow(frame.at + length):
        frame.note(LLC_LENGTH_BEYOND_FRAME)
    return llc(frame)


def llc(frame: Frame) -> i64:
    """802.2: DSAP, SSAP, control; with SNAP an organisation and its protocol."""
    lack = frame.lacks(3)
    if lack != 0:
        return lack
    data = frame.data
    at = frame.at
    service = u16(data, at)
    frame.segment.ethertype = service
    if service != 0xAAAA:
        return not_ip(frame, LLC, at)
    lack = frame.lacks(8)
    if lack != 0:
        return lack
    organisation = u32(data, at + 2) & 0xFFFFFF
    frame.at += 8
    if organisation in (0, 0x0000F8) and u16(data, at + 6) >= UNTYPED:
        return after_type(frame, at + 6)
    frame.segment.ethertype = u16(data, at + 6)
    return not_ip(frame, CDP if organisation == 0x00000C and frame.segment.ethertype == 0x2000 else LLC, at + 6)


def mpls(frame: Frame) -> i64:
    """RFC 3032: labels to the bottom of the stack, then IP or an Ethernet pseudowire (RFC 4448)."""
    for _ in range(MAX_LABELS):
        lack = frame.lacks(4)
        if lack != 0:
            return lack
        bottom = frame.data[frame.at + 2] & 1
        frame.at += 4
        if bottom != 0:
            return under_labels(frame)
    return NESTED_TOO_DEEP


def under_labels(frame: Frame) -> i64:
    """Nothing says what is under the labels: the first four bits, and whether an ethertype is in its place."""
    lack = frame.lacks(1)
    if lack != 0:
        return lack
    version = frame.data[frame.at] >> 4
    if version == 4:
        return IPV4
    if version == 6:
        return IPV6
    if version == 0 and frame.has(18) and is_familiar(u16(frame.data, frame.at + 16)):
        frame.at += 4  # the pseudowire's control word
        return ETHERNET
    if frame.has(14) and is_familiar(u16(frame.data, frame.at + 12)):
        return ETHERNET
    return not_ip(frame, NON_IP, frame.type_at)


def is_familiar(ethertype: i64) -> bool:
    """Say whether a number is an ethertype one expects to meet."""
    return ethertype in (0x0800, 0x86DD, 0x0806) or is_vlan(ethertype)


def pppoe(frame: Frame) -> i64:
    """RFC 2516 session stage: version and type, code, session, length, then PPP."""
    lack = frame.lacks(6)
    if lack != 0:
        return lack
    data = frame.data
    at = frame.at
    if u16(data, at) != 0x1100:
        frame.note(PPPOE_BAD)
        return not_ip(frame, NON_IP, frame.type_at)
    if not frame.narrow(at + 6 + u16(data, at + 4)):
        frame.note(PPPOE_LENGTH_BEYOND_FRAME)
    frame.at += 6
    return PPP


def ppp(frame: Frame) -> i64:
    """RFC 1661: an address and control field that may be left out, a protocol of two bytes, or one compressed."""
    lack = frame.lacks(2)
    if lack != 0:
        return lack
    if u16(frame.data, frame.at) == 0xFF03:
        frame.at += 2
        lack = frame.lacks(2)
        if lack != 0:
            return lack
    type_at = frame.at
    if frame.data[type_at] & 1 != 0:  # odd: the last byte of the protocol field
        protocol: i64 = i64(frame.data[type_at])
        frame.at += 1
    else:
        protocol = u16(frame.data, type_at)
        frame.at += 2
    if protocol == 0x0021:
        return IPV4
    if protocol == 0x0057:
        return IPV6
    if protocol == 0:
        return BAD_HEADER
    return not_ip(frame, NON_IP, type_at)
