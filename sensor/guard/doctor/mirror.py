"""What a listening says of the mirror: is it one, whole, single, and as the frames were on the wire.

The rule it lives by: nothing is concluded from a few frames; what was seen is told with its numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sensor.guard.doctor import interface
from sensor.guard.doctor.finding import NOTE, WARNING, WELL, WRONG, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.guard.doctor.listening import Ear

LONG: Final = 6  # frames from which on a conversation should show both sides
FEW: Final = 3  # conversations below which nothing is said about them all
TOLD: Final = 8  # VLANs by name


def judge(ear: Ear) -> Iterator[Finding]:
    """Say what was heard on one interface."""
    traffic = ear.traffic
    for what, count in traffic.sent.most_common(TOLD):
        yield Finding(
            WRONG,
            ear.name,
            "sending",
            f"this machine sent {count:,} frames there while we listened: {what}",
            "nothing sent",
            "see the findings above on addresses, ARP and IPv6",
        )
    yield from losing(ear)
    if traffic.frames == 0:
        yield Finding(
            WARNING,
            ear.name,
            "traffic",
            f"nothing heard in {ear.seconds:.0f} s",
            "the mirrored traffic",
            "see to the mirror session on the switch",
        )
        return
    rate = max(ear.grown("rx_packets"), traffic.frames) / ear.seconds
    megabits = traffic.octets / traffic.frames * rate * 8 / 1e6
    yield Finding(WELL, ear.name, "traffic", f"{rate:,.0f} frames/s, {megabits:,.1f} Mb/s, in {ear.seconds:.0f} s")
    yield from mirror(ear)
    yield from doubled(ear)
    yield from both_sides(ear)
    yield from vlans(ear)
    yield from sizes_and_sums(ear)


def losing(ear: Ear) -> Iterator[Finding]:
    """Say what the card lost meanwhile; what this listening itself lost is no fault of theirs."""
    for key, why in interface.LOSSES.items():
        if ear.grown(key) > 0 and key != "rx_dropped":
            yield Finding(WARNING, ear.name, key, f"{key} grew by {ear.grown(key):,} while we listened: {why}")
    if ear.lost:
        yield Finding(
            NOTE,
            ear.name,
            "sample",
            f"this listening is slower than the traffic and looked at {ear.traffic.frames:,} "
            f"of {ear.traffic.frames + ear.lost:,} frames; otsensor watch is not so slow",
        )


def mirror(ear: Ear) -> Iterator[Finding]:
    """Say whether it is a mirror at all: an ordinary port brings nothing that is meant for one other machine."""
    if ear.traffic.to_others == 0:
        yield Finding(
            WRONG,
            ear.name,
            "mirror",
            "only frames to everybody, to groups or to this machine: an ordinary port",
            "frames between other machines",
            "see to the mirror session on the switch",
        )


def doubled(ear: Ear) -> Iterator[Finding]:
    """Say whether each frame comes twice."""
    traffic = ear.traffic
    share = 2 * traffic.copies / traffic.tcp if traffic.tcp else 0.0
    if share > 0.5:
        yield Finding(
            WARNING,
            ear.name,
            "doubled",
            f"{share:.0%} of TCP comes twice: the mirror copies what enters and what "
            "leaves; the sensor tells copies, at twice the work",
            "each frame once",
            "mirror only what enters each port (rx, ingress)",
        )
    elif share > 0.01:
        yield Finding(
            NOTE,
            ear.name,
            "doubled",
            f"{share:.0%} of TCP comes twice: some ports or VLANs are mirrored twice",
            "each frame once",
            "mirror only what enters each port (rx, ingress)",
        )
    elif traffic.tcp:
        yield Finding(WELL, ear.name, "doubled", "no frame comes twice")


def both_sides(ear: Ear) -> Iterator[Finding]:
    """Say whether both directions of conversations are there."""
    one_way, all_ = ear.traffic.one_way(LONG)
    if all_ < FEW:
        return
    told = f"{one_way} of {all_} TCP conversations show one side only"
    if one_way > all_ / 2:
        yield Finding(
            WRONG,
            ear.name,
            "one-way",
            told,
            "both sides",
            "mirror both directions of the port, or the other port of the tap as well",
        )
    elif one_way > all_ / 20:
        yield Finding(WARNING, ear.name, "one-way", told, "both sides", "some ports are mirrored in one direction")
    else:
        yield Finding(WELL, ear.name, "one-way", f"both sides of {all_ - one_way} of {all_} TCP conversations")


def vlans(ear: Ear) -> Iterator[Finding]:
    """Say which VLANs were seen."""
    traffic = ear.traffic
    told = ", ".join(f"{tag} ({count:,})" for tag, count in traffic.vlans.most_common(TOLD))
    more = f" and {len(traffic.vlans) - TOLD} more" if len(traffic.vlans) > TOLD else ""
    untagged = traffic.frames - sum(traffic.vlans.values())
    yield Finding(WELL, ear.name, "vlans", f"VLANs seen: {told or 'none'}{more}; {untagged:,} frames without a tag")


def sizes_and_sums(ear: Ear) -> Iterator[Finding]:
    """Say whether frames were glued on their way, and whether their checksums hold."""
    traffic = ear.traffic
    if traffic.glued:
        yield Finding(
            WARNING,
            ear.name,
            "glued",
            f"{traffic.glued:,} of {traffic.frames:,} frames are longer than the MTU of "
            f"{traffic.mtu}, the longest {traffic.longest:,} bytes: glued by an offload here or at a virtual sender",
            "frames as they were on the wire",
            f"ethtool -K {ear.name} gro off lro off; at virtual senders tso off gso off",
        )
    if traffic.unfinished:
        yield Finding(
            NOTE,
            ear.name,
            "unfinished",
            f"{traffic.unfinished:,} frames have an unfinished checksum: they come from a virtual machine on this host",
            "",
            "harmless; at the sender: tx off",
        )
    if traffic.wrong_sums:
        share = traffic.wrong_sums / traffic.summed
        yield Finding(
            WARNING if share > 0.01 else NOTE,
            ear.name,
            "checksums",
            f"{traffic.wrong_sums:,} of {traffic.summed:,} TCP and UDP checksums are wrong",
            "right ones",
            "cut or changed by the mirror, or made by a sender whose card finishes them",
        )
    elif traffic.summed:
        yield Finding(WELL, ear.name, "checksums", f"{traffic.summed:,} TCP and UDP checksums are right")
