"""Is a card set for listening: nothing glued together, nothing sent by itself, room for bursts, times of its own.

The rule it lives by: what a driver does not tell is no fault of anybody's, and is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sensor.guard.doctor.ethtool import Card
from sensor.guard.doctor.finding import NOTE, WARNING, WELL, WRONG, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.guard.doctor.want import Want

# What glues frames together, by the kernel's name: ethtool's own name, how grave, and why.
GLUING: Final = {
    "rx-lro": ("lro", WRONG, "the card glues segments together and forgets where they began"),
    "rx-gro-hw": ("rx-gro-hw", WRONG, "the card glues segments together"),
    "rx-gro": ("gro", WARNING, "the kernel glues segments together before anybody sees them"),
    "rx-gro-list": ("rx-gro-list", WARNING, "the kernel chains segments before anybody sees them"),
    "rx-udp-gro-forwarding": ("rx-udp-gro-forwarding", WARNING, "the kernel glues datagrams together"),
}
LOSS_WORDS: Final = (
    "drop",
    "miss",
    "discard",
    "no_buf",
    "nobuf",
    "fifo",
    "overrun",
    "crc",
    "err",
    "oversize",
    "jabber",
)
HARMLESS: Final = ("tx", "xdp")
TOLD: Final = 6  # counters of one card
LLDP_OFF: Final = "disable-fw-lldp"


def examine(name: str, want: Want) -> Iterator[Finding]:
    """Look at one interface's driver."""
    with Card(name) as card:
        yield from link(card)
        yield from gluing(card)
        yield from tags(card)
        yield from ring(card)
        yield from speaking(card)
        yield from losses(card)
        yield from times(card, want)


def link(card: Card) -> Iterator[Finding]:
    """Look at how the link runs."""
    speed = card.speed()
    if speed is not None and speed.half:
        yield Finding(
            WARNING, card.name, "speed", f"{speed.megabits} Mb/s, half duplex", "full duplex", "see to the mirror port"
        )
    elif speed is not None:
        yield Finding(WELL, card.name, "speed", f"{speed.megabits:,} Mb/s")


def gluing(card: Card) -> Iterator[Finding]:
    """Look for offloads that make one frame of several."""
    found = card.features()
    on = {name: found[name] for name in GLUING if name in found and found[name].on}
    for name, feature in on.items():
        own, level, why = GLUING[name]
        if feature.fixed:
            yield Finding(
                NOTE,
                card.name,
                own,
                f"{own} is on and the driver ({card.driver()}) does not let it be changed: {why}",
                "off",
            )
        else:
            yield Finding(level, card.name, own, f"{own} is on: {why}", "off", f"ethtool -K {card.name} {own} off")
    if found and not on:
        yield Finding(WELL, card.name, "gro", "nothing glues frames together")


def tags(card: Card) -> Iterator[Finding]:
    """Look at who takes VLAN tags off."""
    feature = card.features().get("rx-vlan-hw-parse")
    if feature is not None and feature.on:
        yield Finding(
            NOTE,
            card.name,
            "rxvlan",
            "the card takes VLAN tags off; the sensor puts them back, other programs may not",
            "off where others listen too",
            "" if feature.fixed else f"ethtool -K {card.name} rxvlan off",
        )


def ring(card: Card) -> Iterator[Finding]:
    """Look at the card's own ring, which holds what comes while the kernel is busy."""
    found = card.rings()
    if found is None:
        return
    if found.now < found.most:
        yield Finding(
            WARNING,
            card.name,
            "ring",
            f"the card's ring has {found.now} of {found.most} places",
            f"{found.most}, for bursts",
            f"ethtool -G {card.name} rx {found.most}",
        )
    else:
        yield Finding(WELL, card.name, "ring", f"the card's ring has all its {found.most} places")


def speaking(card: Card) -> Iterator[Finding]:
    """Look for what the card sends without being asked."""
    if card.pause():
        yield Finding(
            WARNING,
            card.name,
            "pause",
            "the card sends pause frames when its ring is full, and so holds up the switch",
            "none",
            f"ethtool -A {card.name} autoneg off rx off tx off",
        )
    if card.private_flags().get(LLDP_OFF) is False:
        yield Finding(
            WRONG,
            card.name,
            "lldp",
            "the card's firmware sends LLDP by itself",
            "nothing sent",
            f"ethtool --set-priv-flags {card.name} {LLDP_OFF} on",
        )


def losses(card: Card) -> Iterator[Finding]:
    """Look at what the driver counts beyond what the kernel does."""
    lost = {
        name: count
        for name, count in card.statistics().items()
        if count and any(word in name.lower() for word in LOSS_WORDS) and not name.lower().startswith(HARMLESS)
    }
    worst = sorted(lost.items(), key=lambda one: -one[1])[:TOLD]
    if worst:
        told = ", ".join(f"{name} {count:,}" for name, count in worst)
        more = f" and {len(lost) - TOLD} more" if len(lost) > TOLD else ""
        yield Finding(
            NOTE,
            card.name,
            "driver",
            f"the driver ({card.driver()}) has counted {told}{more}",
            "nothing lost",
            f"see whether they grow: ethtool -S {card.name}",
        )


def times(card: Card, want: Want) -> Iterator[Finding]:
    """Look whether the card can stamp what it receives."""
    found = card.times()
    if found is None or not found.some:
        if want.hardware_times:
            yield Finding(
                WARNING,
                card.name,
                "times",
                "the card stamps nothing; the kernel's times are used",
                "hardware_times: false",
            )
        return
    if not found.all:
        yield Finding(NOTE, card.name, "times", "the card stamps only the frames of time protocols")
    elif want.hardware_times:
        yield Finding(WELL, card.name, "times", "the card stamps every frame")
    else:
        yield Finding(
            NOTE,
            card.name,
            "times",
            "the card can stamp every frame, which is not used",
            "used where its clock is kept right (ptp4l, phc2sys)",
            "hardware_times: true",
        )
