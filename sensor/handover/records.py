"""What a worker tells the recorder, each kind of record declared once, and how a batch of them becomes bytes.

The rule it lives by: the worker reads hostile bytes, so the recorder believes only what has the declared types. Numbers
of flows, behaviours, ends and files are the worker's own; each is told before it is first used.
"""

from typing import Annotated, Any, Final, TypedDict

import msgspec

from sensor.behaviour.behaviour import CODE_BITS
from sensor.contract import MAX_KEPT, OUTCOME_NAMES

MAX_BATCH: Final = 64 * 1024 * 1024  # bytes: twice what a worker lets wait, so a longer one is no batch of ours

MAX_COUNTERS: Final = 4_096  # of one pulse: 64 interfaces have a thousand
MAX_COUNT: Final = 1 << 53  # of exchanges: none comes to that, and what workers tell is added up

Whole = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]  # what a native class holds
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
Counters = Annotated[dict[str, Whole], msgspec.Meta(max_length=MAX_COUNTERS)]
Ending = Annotated[int, msgspec.Meta(ge=0, lt=len(OUTCOME_NAMES) << CODE_BITS)]
Direction = Annotated[int, msgspec.Meta(ge=0, le=1)]
Outcome = Annotated[int, msgspec.Meta(ge=0, lt=len(OUTCOME_NAMES))]
Address = Annotated[bytes, msgspec.Meta(max_length=16)]
Wire = Annotated[bytes, msgspec.Meta(max_length=MAX_KEPT)]
Targets = list[tuple[str, Whole, Whole]]


class Record(msgspec.Struct, array_like=True, gc=False):
    """A line of a batch; fields in order, without names."""


class Place(Record, tag=1):
    """A network: the point of observation, with VLAN stack and tunnel."""

    number: Whole
    site: str
    segment: str
    vlan: str
    tunnel: str


class End(Record, tag=2):
    """An endpoint: an address on a network."""

    number: Whole
    place: Whole
    address: Address
    text: str


class File(Record, tag=3):
    """What evidence shows for a source of frames: the interface, or the file that is written beside it."""

    number: Whole
    name: str


class Known(Record, tag=4):
    """A behaviour that was not there before, with its first statistics."""

    number: Whole
    client: Whole
    server: Whole
    protocol: str
    operation: str
    action: str
    unit: str
    targets: Targets
    ranged: bool
    statistics: list[Whole] = []  # as in Behaviour.statistics; none: only that it is known
    others: dict[Ending, Count] = {}  # as in Behaviour.others


class Counted(Record, tag=5):
    """The statistics of a behaviour, as they are now; `targets` where a range has grown."""

    number: Whole
    statistics: list[Whole]  # as in Behaviour.statistics
    others: dict[Ending, Count]  # as in Behaviour.others
    targets: Targets


class Began(Record, tag=6):
    """A conversation that was opened."""

    flow: Whole
    opener: Whole
    answerer: Whole
    key: bytes
    kind: Whole
    transport: Whole
    opener_port: Whole
    answerer_port: Whole
    ethertype: Whole
    time: Whole
    frame: Whole
    source: Whole
    icmp_type: Whole
    icmp_code: Whole
    macs: tuple[Address, Address]


class Answered(Record, tag=13):
    """Who did not open a conversation has sent, for the first time with this MAC."""

    flow: Whole
    mac: Address


class Stand(Record):
    """How a conversation stands when something is told of it."""

    flow: Whole
    protocol: str  # name of the one that was recognised, the carrier's where one carries another; "": none
    spoken: str  # name of what is carried inside, where there is something
    state: Whole
    starts: tuple[Whole, Whole]  # first sequences, -1 where no SYN told
    last_time: Whole
    last_source: Whole
    macs: tuple[Address, Address]


class Ended(Record, tag=7):
    """A conversation that is over; `halves` as in `half_counts`."""

    stand: Stand
    ending: str
    halves: tuple[list[Whole], list[Whole]]


class Found(Record, tag=8):
    """A finding: news, or a significant exchange."""

    stand: Stand
    behaviour: Whole
    news: str
    protocol: str
    client: Direction
    times: tuple[Whole, Whole]
    frames: tuple[Whole, Whole]
    sources: tuple[Whole, Whole]
    request: Wire
    response: Wire
    outcome: Outcome
    code: Whole
    retries: Whole
    significant: bool
    anomalies: list[str]


class Odd(Record, tag=9):
    """Something wrong with a stream or packet."""

    stand: Stand
    kind: str
    direction: Direction
    time: Whole
    frame: Whole
    sample: bytes


class Pulse(Record, tag=10):
    """How the worker is: every counter by name, and what the line says about the quality of what it sees."""

    counts: Counters
    taps: Counters  # of the interfaces, which outlive the worker
    quality: dict[str, Any]  # a Quality; empty: nothing new
    states: Annotated[dict[str, str], msgspec.Meta(max_length=MAX_COUNTERS)]  # of each interface


class Quality(TypedDict):
    """What a worker's line says about what it sees, as `Line.pulse` does."""

    time: Whole
    frames: Whole
    bytes: Whole
    stream_bytes: Whole
    counts: Counters
    lanes: list[tuple[str, str, str, str, Whole, Whole, Whole, Whole, Whole]]
    talkers: list[tuple[Whole, str, Whole]]  # number of the lane, address, time
    protocols: Annotated[dict[str, Counters], msgspec.Meta(max_length=MAX_COUNTERS)]


class Said(Record, tag=11):
    """What a worker has to say to people: why it ends."""

    text: str


class Left(Record, tag=12):
    """An endpoint that made room for others; nothing refers to it any more."""

    end: Whole


Told = Place | End | Left | File | Known | Counted | Began | Answered | Ended | Found | Odd | Pulse | Said


class Batch(Record):
    """What was told up to a capture time, ns; the worker's time goes on even when there is nothing to tell."""

    time: Whole
    records: list[Told]


ENCODER: Final = msgspec.msgpack.Encoder()
DECODER: Final = msgspec.msgpack.Decoder(Batch)


class Unfit(Exception):  # noqa: N818  # what a worker sent is not what workers send
    """Bytes that are no batch: the worker that sent them is not to be trusted any more."""


def packed(batch: Batch) -> bytes:
    """Return a batch as bytes."""
    try:
        return ENCODER.encode(batch)
    except (UnicodeEncodeError, OverflowError):  # a text or a number from the wire that no message takes
        return ENCODER.encode(mended(batch))


def mended(value: Any) -> Any:
    """Return a value with broken letters replaced, and numbers kept within 64 bits."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return max(-(1 << 63), min(value, (1 << 63) - 1))
    if isinstance(value, list | tuple):
        return [mended(one) for one in value]
    if isinstance(value, dict):
        return {mended(name): mended(one) for name, one in value.items()}
    if isinstance(value, msgspec.Struct):
        return type(value)(*map(mended, msgspec.structs.astuple(value)))
    return value


def judged(quality: dict[str, Any]) -> dict[str, Any]:
    """Return what a pulse says of quality, if it is what lines say; raise Unfit where it is not."""
    try:
        told = msgspec.convert(quality, Quality)
    except msgspec.ValidationError as error:
        raise Unfit(f"quality of what is seen: {error}") from error
    if any(not 0 <= lane < len(told["lanes"]) for lane, _, _ in told["talkers"]):
        raise Unfit("quality of what is seen: a machine on a network that was not told")
    return dict(told)


def unpacked(data: bytes) -> Batch:
    """Return the batch that bytes say; raise Unfit where they say none."""
    try:
        return DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unfit(str(error)) from error
