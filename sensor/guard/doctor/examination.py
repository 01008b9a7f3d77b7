"""Everything the doctor looks at, in order: each interface, what is heard there, then the machine.

The rule it lives by: it reads and listens; it changes nothing and sends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.guard import netlink
from sensor.guard.doctor import card, clock, interface, listening, machine, rights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.guard.doctor.finding import Finding
    from sensor.guard.doctor.want import Want


def run(want: Want) -> Iterator[Finding]:
    """Look at everything."""
    present = [name for name in want.interfaces if name in netlink.links()]
    for name in want.interfaces:
        yield from interface.examine(name, want)
        if name in present:
            yield from card.examine(name, want)
    if want.seconds > 0:
        yield from listening.listen(want, present)
    yield from clock.examine()
    yield from machine.examine(want)
    yield from rights.examine(want)
