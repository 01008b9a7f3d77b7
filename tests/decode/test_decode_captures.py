"""Real captures: every frame of all of them has a kind, and tshark reads the same from a sample with every header."""

import collections
import ipaddress
import shutil
import subprocess

import pytest

from sensor.decode.decoder import Decoder
from sensor.decode.kinds import ARP, FLOWING, ICMP, KIND_NAMES, TCP, UDP

SAMPLE = (
    "the-tcpdump-group__tcpdump__tests_gso-ipv4-vxlan-ipv4.pcap",
    "the-tcpdump-group__tcpdump__tests_erspan-type-i-4.pcap",
    "the-tcpdump-group__tcpdump__tests_erspan-type-ii-3.pcap",
    "zeek__zeek__testing_btest_Traces_erspan.pcap",
    "arkime__arkime__tests_pcap_tcpdump-geneve.pcap",
    "seladb__PcapPlusPlus__Tests_Pcap_Test_PcapExamples_frag_with_padding.pcap",
    "seladb__PcapPlusPlus__Tests_Pcap_Test_PcapExamples_ip6_fragments.pcap",
    "seladb__PcapPlusPlus__Tests_Packet_Test_PacketExamples_SllPacket.pcap",
    "seladb__PcapPlusPlus__Tests_Pcap_Test_PcapExamples_sll2.pcap",
    "gopacket__gopacket__pcapgo_tests_le_test006.pcapng",
    "zeek__zeek__testing_btest_Traces_pppoe-over-qinq.pcap",
    "zeek__zeek__testing_btest_Traces_mpls-in-vlan.pcap",
    "zeek__zeek__testing_btest_Traces_tunnels_4in6.pcap",
    "zeek__zeek__testing_btest_Traces_vntag_vlan_sandwich_clean.pcap",
    "wireshark__wireshark__test_captures_tcp-badsegments.pcap",
)
FIELDS = (
    "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.seq_raw",
    "tcp.len", "udp.srcport", "udp.dstport", "udp.length", "vlan.id", "eth.src", "eth.dst",
)  # fmt: skip


def dissected(path):
    """One dictionary for each frame: the innermost of each field, as tshark lists it last."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=l"]
    for name in FIELDS:
        command += ["-e", name]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in ran.stdout.splitlines()]


def names_of(kind, version):
    if kind >= ARP:
        return ["eth.src", "eth.dst"]
    network = "ipv6" if version == 6 else "ip"
    names = [f"{network}.src", f"{network}.dst"]
    if kind == TCP:
        names += ["tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.len"]
    elif kind == UDP:
        names += ["udp.srcport", "udp.dstport", "udp.length"]
    return names


def seen_by_us(segment):
    if segment.kind >= ARP:
        return [segment.key[:6].hex(":"), segment.key[6:12].hex(":")]
    half = len(segment.key) // 2 - 2
    seen = [str(ipaddress.ip_address(segment.key[at : at + half])) for at in (0, half)]
    size = segment.end - segment.start + segment.missing
    if segment.kind == TCP:
        seen += map(str, (segment.source_port, segment.destination_port, segment.sequence, size))
    elif segment.kind == UDP:
        seen += map(str, (segment.source_port, segment.destination_port, size + 8))
    return seen


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", SAMPLE)
def test_tshark_reads_the_same(captures, frames_of, name):
    decoder = Decoder()
    segment = decoder.segment
    rows = dissected(captures / "files" / name)
    compared = 0
    for number, (frame, row) in enumerate(zip(frames_of(captures / "files" / name), rows, strict=True), 1):
        kind = decoder.decode(*frame)
        protocols = row["frame.protocols"]
        if "icmp:ip" in protocols or "icmpv6:ipv6" in protocols:
            assert kind == ICMP, f"frame {number}"  # an error that quotes another packet, which tshark reads too
            continue
        if kind < FLOWING:
            told = {"tcp", "udp"}.isdisjoint(protocols.split(":"))
            assert told, f"frame {number} is {KIND_NAMES[kind]} here, {protocols} there"
            continue
        assert seen_by_us(segment) == [row[name] for name in names_of(kind, segment.version)], f"frame {number}"
        if segment.vlan and row["vlan.id"]:
            assert segment.vlan & 0xFFF == int(row["vlan.id"]), f"frame {number}"
        compared += 1
    assert compared > 0


def test_every_frame_of_every_capture_has_one_kind(captures, frames_of):
    total, kinds = 0, collections.Counter()
    for path in sorted((captures / "files").iterdir()):
        decoder = Decoder()
        segment = decoder.segment
        given = 0
        for frame in frames_of(path):
            kind = decoder.decode(*frame)
            given += 1
            assert segment.kind == kind
            assert 0 <= segment.start <= segment.end <= len(segment.data)
        assert sum(decoder.kinds().values()) == given, path.name
        total += given
        kinds.update(decoder.kinds())
    assert total > 170_000
    legible = total - sum(kinds[name] for name in ("bad_length", "bad_header", "cut_short", "unknown_link"))
    assert legible > 0.998 * total
    assert kinds["nested_too_deep"] == 0
