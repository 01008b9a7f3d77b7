"""What a worker tells the recorder, each kind of record declared once, and how a batch of them becomes bytes.

The rule it lives by: the worker reads hostile bytes, so the recorder believes only what has the declared types, and is
no longer than an honest worker makes it whatever it reads. What the wire, or a dissector of one's own, makes longer is
cut by the learner and the teller. Numbers of flows, behaviours, ends and files are the worker's own; each is told
before it is first used.
"""

from typing import Annotated, Any, Final, TypedDict

import msgspec

from sensor.behaviour.behaviour import CODE_BITS, MAX_ENDINGS, STATISTICS
from sensor.behaviour.learner import MAX_SAMPLE, MAX_SPACE, MAX_TARGETS
from sensor.contract import MAX_KEPT, MAX_NAME, OUTCOME_NAMES
from sensor.flow.hearing import MAX_TALKERS
from sensor.flow.lanes import MAX_NETWORKS

MAX_BATCH: Final = 64 * 1024 * 1024  # bytes: twice what a worker lets wait, so a longer one is no batch of ours

MAX_RECORDS: Final = 4_096  # of one batch: some hundred kB
MAX_COUNTERS: Final = 4_096  # of one pulse: 64 interfaces have a thousand
MAX_PROTOCOLS: Final = 256  # with one's own; a dozen are shipped
MAX_SPOKEN: Final = 32  # counters of a protocol: as in Spoken
MAX_COUNT: Final = 1 << 53  # of exchanges: none comes to that, and what workers tell is added up
MAX_TEXT: Final = 4_096  # characters of a path, or of a name in the configuration
MAX_SHORT: Final = 64  # of an address or a stack of tags; IPv6 takes 39, four tags 19
MAX_TUNNEL: Final = 512  # of a path: four tunnels inside each other, between addresses of IPv6, take 498
MAX_KEY: Final = 37  # bytes: both addresses and ports, IPv6, and a protocol
MAX_SAID: Final = 2_000  # characters of what went wrong: its end tells most
MAX_ANOMALIES: Final = 128  # of one exchange: each once, and all that are declared are 85
HALF_COUNTS: Final = 8  # of one direction, as in teller.half_counts
LANES: Final = MAX_NETWORKS + 1  # and one for all that found no room

Whole = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]  # what a native class holds
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
Short = Annotated[str, msgspec.Meta(max_length=MAX_SHORT)]
Tunnel = Annotated[str, msgspec.Meta(max_length=MAX_TUNNEL)]
Space = Annotated[str, msgspec.Meta(max_length=MAX_SPACE)]
Counters = Annotated[dict[Name, Whole], msgspec.Meta(max_length=MAX_COUNTERS)]
Ending = Annotated[int, msgspec.Meta(ge=0, lt=len(OUTCOME_NAMES) << CODE_BITS)]
Direction = Annotated[int, msgspec.Meta(ge=0, le=1)]
Outcome = Annotated[int, msgspec.Meta(ge=0, lt=len(OUTCOME_NAMES))]
Address = Annotated[bytes, msgspec.Meta(max_length=16)]
Wire = Annotated[bytes, msgspec.Meta(max_length=MAX_KEPT)]
Sample = Annotated[bytes, msgspec.Meta(max_length=MAX_SAMPLE)]
Key = Annotated[bytes, msgspec.Meta(max_length=MAX_KEY)]
Targets = Annotated[list[tuple[Space, Whole, Whole]], msgspec.Meta(max_length=MAX_TARGETS)]
Statistics = Annotated[list[Whole], msgspec.Meta(max_length=STATISTICS)]  # as in Behaviour.statistics
Others = Annotated[dict[Ending, Count], msgspec.Meta(max_length=MAX_ENDINGS + len(OUTCOME_NAMES))]  # Behaviour.others
Lane = tuple[Text, Text, Short, Tunnel, Whole, Whole, Whole, Whole, Whole]
Spoken = Annotated[dict[Name, Whole], msgspec.Meta(max_length=MAX_SPOKEN)]
Half = Annotated[list[Whole], msgspec.Meta(max_length=HALF_COUNTS)]


class Record(msgspec.Struct, array_like=True, gc=False):
    """A line of a batch; fields in order, without names."""


class Place(Record, tag=1):
    """A network: the point of observation, with VLAN stack and tunnel."""

    number: Whole
    site: Text
    segment: Text
    vlan: Short
    tunnel: Tunnel


class End(Record, tag=2):
    """An endpoint: an address on a network."""

    number: Whole
    place: Whole
    address: Address
    text: Short


class File(Record, tag=3):
    """What evidence shows for a source of frames: the interface, or the file that is written beside it."""

    number: Whole
    name: Text


class Known(Record, tag=4):
    """A behaviour that was not there before, with its first statistics."""

    number: Whole
    client: Whole
    server: Whole
    protocol: Name
    operation: Name
    action: Name
    unit: Name
    targets: Targets
    ranged: bool
    statistics: Statistics = []  # none: only that it is known
    others: Others = {}


class Counted(Record, tag=5):
    """The statistics of a behaviour, as they are now; `targets` where a range has grown."""

    number: Whole
    statistics: Statistics
    others: Others
    targets: Targets


class Began(Record, tag=6):
    """A conversation that was opened."""

    flow: Whole
    opener: Whole
    answerer: Whole
    key: Key
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
    protocol: Name  # name of the one that was recognised, the carrier's where one carries another; "": none
    spoken: Name  # name of what is carried inside, where there is something
    state: Whole
    starts: tuple[Whole, Whole]  # first sequences, -1 where no SYN told
    last_time: Whole
    last_source: Whole
    macs: tuple[Address, Address]


class Ended(Record, tag=7):
    """A conversation that is over; `halves` as in `half_counts`."""

    stand: Stand
    ending: Name
    halves: tuple[Half, Half]


class Found(Record, tag=8):
    """A finding: news, or a significant exchange."""

    stand: Stand
    behaviour: Whole
    news: Name
    protocol: Name
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
    anomalies: Annotated[list[Name], msgspec.Meta(max_length=MAX_ANOMALIES)]


class Odd(Record, tag=9):
    """Something wrong with a stream or packet."""

    stand: Stand
    kind: Name
    direction: Direction
    time: Whole
    frame: Whole
    sample: Sample


class Quality(TypedDict, total=False):
    """What a worker's line says about what it sees, as `Line.pulse` does; empty: nothing new."""

    time: Whole
    frames: Whole
    bytes: Whole
    stream_bytes: Whole
    counts: Counters
    lanes: Annotated[list[Lane], msgspec.Meta(max_length=LANES)]
    talkers: Annotated[list[tuple[Whole, Short, Whole]], msgspec.Meta(max_length=MAX_TALKERS)]  # lane, address, time
    protocols: Annotated[dict[Name, Spoken], msgspec.Meta(max_length=MAX_PROTOCOLS)]


class Pulse(Record, tag=10):
    """How the worker is: every counter by name, and what the line says about the quality of what it sees."""

    counts: Counters
    taps: Counters  # of the interfaces, which outlive the worker
    quality: Quality
    states: Annotated[dict[Name, Text], msgspec.Meta(max_length=MAX_COUNTERS)]  # of each interface


class Said(Record, tag=11):
    """What a worker has to say to people: why it ends."""

    text: Annotated[str, msgspec.Meta(max_length=MAX_SAID)]


class Left(Record, tag=12):
    """An endpoint that made room for others; nothing refers to it any more."""

    end: Whole


Told = Place | End | Left | File | Known | Counted | Began | Answered | Ended | Found | Odd | Pulse | Said


class Batch(Record):
    """What was told up to a capture time, ns; the worker's time goes on even when there is nothing to tell."""

    time: Whole
    records: Annotated[list[Told], msgspec.Meta(max_length=MAX_RECORDS)]


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


def judged(quality: Quality) -> dict[str, Any]:
    """Return what a pulse says of quality, if it is all that lines say; raise Unfit where it is not."""
    if missing := sorted(Quality.__annotations__.keys() - quality.keys()):
        raise Unfit(f"quality of what is seen: without {missing[0]}")
    if any(not 0 <= lane < len(quality["lanes"]) for lane, _, _ in quality["talkers"]):
        raise Unfit("quality of what is seen: a machine on a network that was not told")
    return dict(quality)


def unpacked(data: bytes) -> Batch:
    """Return the batch that bytes say; raise Unfit where they say none, or more than any worker has to say."""
    try:
        return DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unfit(str(error)) from error
