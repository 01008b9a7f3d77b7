"""What may be wrong with a frame's headers, by name; each is counted, and the first stands in the Segment.

The rule it lives by: an oddity never decides what a frame is, that is its kind; it says what was seen.
"""

from typing import Final

NONE: Final = 0
HEADER_BEYOND_PACKET: Final = 1  # a header needs more bytes than the packet around it has
PAYLOAD_CUT: Final = 2  # by the snap length or a mirror
LLC_LENGTH_BEYOND_FRAME: Final = 3
VLAN_STACK_DEEP: Final = 4  # more tags than `segment.vlan` holds
PPPOE_BAD: Final = 5  # version, type or code
PPPOE_LENGTH_BEYOND_FRAME: Final = 6
BAD_IP_VERSION: Final = 7  # not the version that the header before announced
BAD_IHL: Final = 8
BAD_IPV4_CHECKSUM: Final = 9  # 0 is not counted: the sender's network card fills it in after the capture
IP_TOTAL_LENGTH_SHORT: Final = 10  # shorter than its own header
IP_TOTAL_LENGTH_BEYOND_FRAME: Final = 11
EXTENSION_HEADERS_MANY: Final = 12
FRAGMENT_OVERLAP: Final = 13
FRAGMENT_EMPTY: Final = 14
FRAGMENT_UNALIGNED: Final = 15  # not the last one, and not a multiple of 8 bytes
FRAGMENT_BEYOND_64K: Final = 16  # "ping of death"
FRAGMENT_ENDS_DIFFER: Final = 17  # two last ones, or bytes behind the last one
FRAGMENT_TINY: Final = 18  # the first one does not hold the transport's header: an old way past filters
FRAGMENTS_MANY: Final = 19  # of one datagram
FRAGMENTS_EVICTED: Final = 20  # datagrams given up to make room
FRAGMENTS_EXPIRED: Final = 21  # datagrams given up because the rest did not come
TCP_OFFSET_BAD: Final = 22
UDP_LENGTH_MISMATCH: Final = 23  # shorter than the packet around it, as some stacks pad
UDP_LENGTH_BAD: Final = 24  # shorter than its header or longer than the packet around it: receivers refuse it
GRE_UNKNOWN: Final = 25  # a GRE version or payload that is not decoded: the frame stays the outer packet

ODDITY_NAMES: Final = (
    "",
    "header_beyond_packet",
    "payload_cut",
    "llc_length_beyond_frame",
    "vlan_stack_deep",
    "pppoe_bad",
    "pppoe_length_beyond_frame",
    "bad_ip_version",
    "bad_ihl",
    "bad_ipv4_checksum",
    "ip_total_length_short",
    "ip_total_length_beyond_frame",
    "extension_headers_many",
    "fragment_overlap",
    "fragment_empty",
    "fragment_unaligned",
    "fragment_beyond_64k",
    "fragment_ends_differ",
    "fragment_tiny",
    "fragments_many",
    "fragments_evicted",
    "fragments_expired",
    "tcp_offset_bad",
    "udp_length_mismatch",
    "udp_length_bad",
    "gre_unknown",
)
