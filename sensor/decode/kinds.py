"""What a frame turned out to be: exactly one kind each, so that the counts per kind add up to the capture.

The rule it lives by: kinds from FLOWING on have `segment.key` set and belong to a conversation; those below
have none, and their name says why.
"""

from typing import Final

UNKNOWN_LINK: Final = 0  # a link type, or a family within one, that is not decoded
CUT_SHORT: Final = 1  # the snap length cut a header, or a fragment
BAD_LENGTH: Final = 2  # a length contradicts the packet around it
BAD_HEADER: Final = 3  # a header's value is impossible
FRAGMENT: Final = 4  # kept until its datagram is complete
NESTED_TOO_DEEP: Final = 5  # more headers around each other than any network has
UNADDRESSED: Final = 6  # neither IP nor link addresses: nothing to tell a conversation by

FLOWING: Final = 7
TCP: Final = 7
UDP: Final = 8
ICMP: Final = 9  # ICMP and ICMPv6
OTHER_IP: Final = 10
ARP: Final = 11
LLDP: Final = 12
PROFINET: Final = 13  # real time and DCP, ethertype 0x8892
ETHERCAT: Final = 14
GOOSE: Final = 15
SAMPLED_VALUES: Final = 16
CDP: Final = 17
LLC: Final = 18  # 802.3 with LLC or a vendor's SNAP: spanning tree, IS-IS ...
NON_IP: Final = 19  # any other ethertype

KIND_NAMES: Final = (
    "unknown_link",
    "cut_short",
    "bad_length",
    "bad_header",
    "fragment",
    "nested_too_deep",
    "unaddressed",
    "tcp",
    "udp",
    "icmp",
    "other_ip",
    "arp",
    "lldp",
    "profinet",
    "ethercat",
    "goose",
    "sampled_values",
    "cdp",
    "llc",
    "non_ip",
)
