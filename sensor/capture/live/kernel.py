"""Numbers of the kernel's packet interface that Python's `socket` does not name.

linux/if_packet.h, linux/filter.h, linux/sockios.h, linux/net_tstamp.h and asm-generic/socket.h; the latter two differ
on some rare machines (SPARC, PA-RISC, MIPS), which are not supported.
The rule it lives by: a number stands here once, under the header's own name.
"""

from typing import Final

# Socket level and options
SOL_PACKET: Final = 263
PACKET_ADD_MEMBERSHIP: Final = 1
PACKET_RX_RING: Final = 5
PACKET_STATISTICS: Final = 6
PACKET_AUXDATA: Final = 8
PACKET_VERSION: Final = 10
PACKET_TIMESTAMP: Final = 17
PACKET_FANOUT: Final = 18
PACKET_FANOUT_DATA: Final = 22
PACKET_IGNORE_OUTGOING: Final = 23
PACKET_MR_PROMISC: Final = 1
TPACKET_V3: Final = 2
PACKET_FANOUT_HASH: Final = 0
PACKET_FANOUT_CBPF: Final = 6
PACKET_FANOUT_FLAG_UNIQUEID: Final = 0x2000
PACKET_FANOUT_FLAG_IGNORE_OUTGOING: Final = 0x4000
SO_ATTACH_FILTER: Final = 26
SO_TIMESTAMPNS: Final = 35
SO_LOCK_FILTER: Final = 44
SOF_TIMESTAMPING_RAW_HARDWARE: Final = 1 << 6
HWTSTAMP_TX_OFF: Final = 0
HWTSTAMP_FILTER_ALL: Final = 1
ETH_P_ALL: Final = 3

# Requests of ioctl
SIOCGIFFLAGS: Final = 0x8913
SIOCGIFINDEX: Final = 0x8933
SIOCGIFHWADDR: Final = 0x8927
SIOCSHWTSTAMP: Final = 0x89B0
IFF_UP: Final = 0x1
IFF_RUNNING: Final = 0x40

# A block of a TPACKET_V3 ring: version, offset_to_priv, then tpacket_hdr_v1
BLOCK_STATUS: Final = 8
BLOCK_FRAMES: Final = 12
BLOCK_FIRST: Final = 16
BLOCK_LENGTH: Final = 20
BLOCK_SEQUENCE: Final = 24
BLOCK_HEADER: Final = 48

# A frame in it: struct tpacket3_hdr
FRAME_HEADER: Final = 48

# Status bits, of blocks and frames
TP_STATUS_USER: Final = 1 << 0
TP_STATUS_CSUMNOTREADY: Final = 1 << 3
TP_STATUS_VLAN_VALID: Final = 1 << 4
TP_STATUS_VLAN_TPID_VALID: Final = 1 << 6
TP_STATUS_GSO_TCP: Final = 1 << 8
TP_STATUS_TS_RAW_HARDWARE: Final = 1 << 31
