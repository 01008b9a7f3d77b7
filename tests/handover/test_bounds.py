"""Nothing that a worker tells is longer than honest workers make it, and honest workers make nothing longer."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect, structs

from sensor.behaviour.learner import MAX_TARGETS
from sensor.capture.files import Captures
from sensor.contract import MAX_NAME, Exchange
from sensor.decode.tunnel import MAX_TUNNELS
from sensor.handover import records
from sensor.handover.records import MAX_TEXT, MAX_TUNNEL, Unfit
from sensor.handover.teller import Teller, anomalies
from sensor.pipeline import Line
from tests.handover import handover_kit
from tests.line import line_kit
from tests.protocols import dnp3_kit, s7_kit

STAND = records.Stand(0, "modbus", "modbus", 0, (-1, -1), 0, 0, (b"", b""))
SAMPLES = (
    records.Place(0, "", "", "", ""),
    records.End(0, 0, b"\0" * 4, "0.0.0.0"),
    records.File(0, "span0"),
    records.Known(0, 0, 1, "modbus", "read", "read", "1", [], False),
    records.Counted(0, [1, 1, 1, 1], {}, []),
    records.Began(0, 0, 1, b"", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (b"", b"")),
    records.Answered(0, b""),
    records.Ended(STAND, "idle", ([0] * 8, [0] * 8)),
    records.Found(STAND, 0, "", "modbus", 0, (1, 2), (1, 2), (0, 0), b"", b"", 1, 0, 0, True, []),
    records.Odd(STAND, "gap", 0, 1, 1, b""),
    records.Pulse({}, {}, {}, {}),
    records.Said("why"),
)  # fmt: skip
LONG = {str: "x" * 70_000, bytes: b"x" * 70_000, list: [0] * 70_000, dict: {str(one): 1 for one in range(5_000)}}


def unbounded(kind, at):
    """Yield where a type takes a text, bytes or a list of any length."""
    if isinstance(kind, inspect.AnyType):
        yield at
    elif isinstance(kind, inspect.StrType | inspect.BytesType | inspect.ListType | inspect.DictType):
        yield from [at] if kind.max_length is None else []
    parts = {field.name: field.type for field in getattr(kind, "fields", ())}
    parts |= dict(enumerate((*getattr(kind, "types", ()), *getattr(kind, "item_types", ()))))
    parts |= {name: getattr(kind, name) for name in ("item_type", "key_type", "value_type") if hasattr(kind, name)}
    for name, part in parts.items():
        yield from unbounded(part, f"{at}.{name}")


def test_everything_that_can_be_long_has_a_bound():
    assert list(unbounded(inspect.type_info(records.Batch), "batch")) == []


def too_long():
    for sample in SAMPLES:
        for name in sample.__struct_fields__:
            value = getattr(sample, name)
            if type(value) in LONG and name != "quality":  # of which nothing but what is declared is read
                yield pytest.param(structs.replace(sample, **{name: LONG[type(value)]}), id=f"{type(sample)}.{name}")
    for name in ("protocol", "spoken"):
        yield pytest.param(records.Odd(structs.replace(STAND, **{name: LONG[str]}), "gap", 0, 1, 1, b""), id=name)
    yield pytest.param(structs.replace(SAMPLES[3], targets=[("x" * 400, 0, 0)]), id="space")
    yield pytest.param(structs.replace(SAMPLES[3], targets=[("x", 0, 0)] * 200), id="targets")
    yield pytest.param(structs.replace(SAMPLES[4], others=dict.fromkeys(range(40), 1)), id="others")
    yield pytest.param(structs.replace(SAMPLES[7], ending="idle", halves=([0] * 9, [0] * 8)), id="halves")
    yield pytest.param(structs.replace(SAMPLES[10], counts={"x" * 200: 1}), id="counter")
    yield pytest.param(structs.replace(SAMPLES[10], quality={"lanes": [LONG[str]]}), id="quality")


@pytest.mark.parametrize("told", list(too_long()))
def test_what_is_too_long_is_not_believed(told):
    with pytest.raises(Unfit):
        records.unpacked(records.packed(records.Batch(1, [told])))


def test_what_is_as_long_as_may_be_is_believed():
    records.unpacked(records.packed(records.Batch(1, list(SAMPLES))))
    long = [records.File(0, "x" * MAX_TEXT), records.Said("x" * records.MAX_SAID)]
    records.unpacked(records.packed(records.Batch(1, long * (records.MAX_RECORDS // 2))))
    with pytest.raises(Unfit):
        records.unpacked(records.packed(records.Batch(1, [records.File(0, "x")] * (records.MAX_RECORDS + 1))))


# --- Honest workers -----------------------------------------------------------------------------------


def told(path):
    """Read a capture as a worker does; return what it tells, once it is believed."""
    batches = []
    teller = Teller(lambda data: batches.append(records.unpacked(data)), lambda: 0)
    line = Line(teller, handover_kit.protocols(), False, {})
    for block in Captures([path]).blocks():
        line.run(block)
        teller.tick(line.time)
    line.finish()
    teller.pulse(line.counts(), {}, line.pulse(), {})
    teller.finish()
    return [record for batch in batches for record in batch.records]


def test_names_of_files_states_and_anomalies_are_cut_to_what_is_believed():
    batches = []
    teller = Teller(lambda data: batches.append(records.unpacked(data)), lambda: 0)
    for _ in range(2):
        teller.file(0, "+".join(["interface000"] * 1_000))
    teller.pulse({}, {}, {}, {"write": "/" + "x" * 5_000})
    teller.flush()
    file, pulse = batches[0].records
    assert (len(file.name), len(pulse.states["write"])) == (MAX_TEXT, MAX_TEXT)
    exchange = Exchange("own", b"", 0, 0)
    exchange.anomalies = [f"{number}" * 200 for number in range(500)]
    assert len(anomalies(exchange)) == records.MAX_ANOMALIES
    assert {len(one) for one in anomalies(exchange)} == {MAX_NAME}


def item(size):
    """As many areas of data blocks as one item names."""
    return bytes([0x12, size, 0xB0, (size - 2) // 5]) + bytes(range(size - 2))


def said_at_length():
    """Messages that name as much, and as long, as their protocols let them."""
    vast = [item(252)] * 240
    asked = struct.pack(">HH", 20, 60_002) + bytes(20) + struct.pack(">H", 10_000) + b"\x71\1\0\1\0\1" * 10_000
    yield s7_kit.cr(called=b"\xff" * 214)
    yield s7_kit.dt(s7_kit.transfer(0x1D, name=b"\xff" * 255))
    yield s7_kit.dt(s7_kit.read(b"\x12\xfe\xb2\xff\x8a\x0e\0\5" + b"\xff" * 248))
    yield s7_kit.dt(s7_kit.read(*vast))
    yield s7_kit.dt(s7_kit.pi_service(b"_INSE", b"\x20\0" + b"0A00001P" * 8_000))
    yield s7_kit.dt(s7_kit.pi_service(b"\xfe" * 255, b"\xff" * 60_000))
    yield s7_kit.dt(s7_kit.ask_user(1, 8, s7_kit.octets(asked)))
    file = struct.pack("<HH", 26, 2_000) + bytes(22) + b"x" * 2_000
    opened = dnp3_kit.objects(70, 3, 0x5B, b"\1" + struct.pack("<H", len(file)) + file)
    yield b"".join(dnp3_kit.segments(bytes([0xC0, 25]) + opened))


HOSTILE = list(said_at_length())


def talk(*said):
    """A conversation of S7 in whose midst something else is said."""
    made = line_kit.Talk(server=("10.0.0.2", 102))
    for direction, data in said or ((0, s7_kit.cr()), (1, s7_kit.cc())):
        made.say(direction, data, range(0, len(data), 1_400))
    return made.close()


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_an_honest_worker_is_believed_however_long_what_it_reads(tmp_path, number):
    found = told(line_kit.pcap(tmp_path / "long.pcap", talk((0, HOSTILE[number]))))
    (known,) = (one for one in found if type(one) is records.Known)
    assert len(known.targets) in (1, MAX_TARGETS)


def test_the_longest_path_of_tunnels_is_believed(tmp_path):
    frame = line_kit.Talk().frames[0]
    for _ in range(MAX_TUNNELS):
        udp = struct.pack(">HHHH", 9, 6081, len(frame) + 16, 1) + bytes.fromhex("00006558ffffff00") + frame
        addresses = (b"\xfd" + b"\xee" * 15) + (b"\xfd" + b"\xdd" * 15)
        ip = struct.pack(">IHBB", 6 << 28, len(udp), 17, 64) + addresses
        frame = bytes(6) + b"\2" * 6 + b"\x81\0\x0f\xff" * 4 + b"\x86\xdd" + ip + udp
    (place,) = (one for one in told(line_kit.pcap(tmp_path / "deep.pcap", [frame])) if type(one) is records.Place)
    assert MAX_TUNNEL * 0.9 < len(place.tunnel) <= MAX_TUNNEL


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(HOSTILE), st.integers(0, 300), st.integers(0, 255)), max_size=6
    )
)
def test_an_honest_worker_is_believed_whatever_it_reads(tmp_path_factory, broken):
    said = []
    for direction, data, at, octet in broken:
        place = at % len(data)
        said.append((direction, data[:place] + bytes([octet]) + data[place + 1 :]))
    told(line_kit.pcap(tmp_path_factory.getbasetemp() / "broken.pcap", talk(*said)))
