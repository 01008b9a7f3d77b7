"""What a DNP3 message is about, as targets of its behaviour.

The rule it lives by: a target is fixed by the shape. Classes are "class 0" ... "class 3", points "g30" with their
range, files "file NAME", device attributes and authentication objects "g0v252" and "g120v1", all else its group.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Target
from sensor.protocols.dnp3.message import Dnp3Message
from sensor.protocols.dnp3.objects import Headers
from sensor.protocols.dnp3.shape import file_name

MAX_TARGETS: Final = 64  # of one message; masters ask for a handful of ranges


def add_targets(message: Dnp3Message, headers: Headers) -> None:
    """Add what one object header of a request is about."""
    group = headers.group
    space = f"g{group}"
    if group == 60 and 1 <= headers.variation <= 4:
        space = f"class {headers.variation - 1}"
    elif group in (0, 120):
        space = f"g{group}v{headers.variation}"
    elif group == 70:
        name = file_name(headers)
        space = "file " + name.decode("utf-8", "replace") if name else f"g70v{headers.variation}"
    elif headers.first >= 0:
        add(message, space, headers.first, headers.last)
        return
    elif headers.prefix and headers.whole and headers.size >= 0:
        add_indexes(message, headers, space)
        return
    add(message, space, -1, -1)


def add_indexes(message: Dnp3Message, headers: Headers, space: str) -> None:
    """Add the indexes that stand before the objects, neighbours as one range."""
    first: i64 = -1
    last: i64 = -1
    for place in range(headers.count):
        index = headers.index(place)
        if first >= 0 and index == last + 1:
            last = index
            continue
        if first >= 0:
            add(message, space, first, last)
        first = index
        last = index
    if first >= 0:
        add(message, space, first, last)


def add(message: Dnp3Message, space: str, first: i64, last: i64) -> None:
    """Add one target, once."""
    for known in message.targets:
        if known.first == first and known.last == last and known.space == space:
            return
    if len(message.targets) < MAX_TARGETS:
        message.targets.append(Target(space, first, last))


def add_groups(message: Dnp3Message) -> None:
    """Give a response its groups as targets, each once, in order."""
    groups = sorted({int(header.group) for header in message.headers})
    message.targets = [Target(f"g{group}", -1, -1) for group in groups]
