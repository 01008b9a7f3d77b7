"""What holds whatever the bytes are: nothing but Malformed escapes, cuts change nothing, no anomaly is overlooked."""

from hypothesis import example, given
from hypothesis import strategies as st
from modbus_kit import SECOND, rtu, tcp

from sensor.contract import ALONE, COMPLETED, MORE, NO, STARTED, YES, Malformed
from sensor.protocols.modbus import PROTOCOLS
from sensor.protocols.modbus.dissector import ModbusDissector
from sensor.protocols.modbus.pairing import MAX_PENDING

PAIRS = [
    (bytes.fromhex(asks), bytes.fromhex(answers))
    for asks, answers in (
        ("0100130013", "0103CD6B05"),
        ("0200C40016", "0203ACDB35"),
        ("03006B0003", "0306022B00000064"),
        ("0400080001", "0402000A"),
        ("0103000018", "0103CD6B05"),
        ("0500ACFF00", "0500ACFF00"),
        ("0600010003", "0600010003"),
        ("07", "076D"),
        ("080000A537", "080000A537"),
        ("0800040000", "880B"),
        ("0B", "0BFFFF0108"),
        ("0C", "0C080000010801212000"),
        ("0F0013000A02CD01", "0F0013000A"),
        ("100001000204000A0102", "1000010002"),
        ("11", "110400FF504C"),
        ("140E0600040001000206000300090002", "140C05060DFE0020050633CD0040"),
        ("150D0600040007000306AF04BE100D", "150D0600040007000306AF04BE100D"),
        ("16000400F20025", "16000400F20025"),
        ("1700030006000E00030600FF00FF00FF", "170C00FE0ACD00010003000D00FF"),
        ("1804DE", "180006000201B81284"),
        ("2B0E0100", "2B0E010100000200024F4B01024F4B"),
        ("2B0D010203", "2B0D0405"),
        ("5A0004", "5A00FE0000"),
        ("5A0141", "5A01FD80"),
        ("42CAFE", "42BABE"),
        ("03FFFF0001", "8302"),
    )
]


def wrap(pdu, is_rtu, transaction=1, unit=1, protocol=0):
    return rtu(pdu, unit) if is_rtu else tcp(pdu, transaction, unit, protocol)


@st.composite
def damaged(draw):
    """A PDU of a pair, as it is or with bytes changed, cut off or added."""
    pdu = bytearray(draw(st.sampled_from([pdu for pair in PAIRS for pdu in pair])))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(pdu) - 1))
        pdu[at] = draw(st.sampled_from([0, 1, 2, 3, 6, 0x7F, 0x80, 0xFE, 0xFF]) | st.integers(0, 255))
    cut = draw(st.integers(0, 3))
    if cut == 1:
        del pdu[draw(st.integers(1, len(pdu))) :]
    elif cut == 2:
        pdu += draw(st.binary(max_size=4))
    return bytes(pdu)


messages = st.lists(
    st.tuples(
        st.integers(0, 1),  # direction
        damaged(),
        st.integers(0, 3),  # transaction
        st.sampled_from([0, 1, 1, 255]),  # unit
        st.sampled_from([0, 0, 0, 0, 7]),  # protocol identifier
        st.sampled_from([1_000_000, 1_000_000, 2 * SECOND, 20 * SECOND]),  # time since the message before
    ),
    max_size=12,
)


def check(dissector, exchange, answer):
    """The invariant: what is not significant has no anomaly in either message."""
    found = []
    if exchange.request and exchange.request_time:
        request = exchange.request
        found += dissector.dissect(request, 0, len(request), exchange.client, b"").anomalies
    if answer:
        found += dissector.dissect(answer, 0, len(answer), 1 - exchange.client, exchange.request).anomalies
    assert exchange.significant or not found, (exchange.shape, found)


@given(messages, st.booleans())
@example([(0, bytes.fromhex("0103000018"), 1, 1, 0, 1), (1, bytes.fromhex("0103CD6B05"), 1, 1, 0, 1)], False)
@example([(1, bytes.fromhex("030100"), 1, 1, 0, 1)], False)
def test_no_anomaly_is_overlooked(said, is_rtu):
    dissector = ModbusDissector(is_rtu)
    time = 1_700_000_000 * SECOND
    for direction, pdu, transaction, unit, protocol, wait in said:
        time += wait
        dissector.expire(time)
        wire = wrap(pdu, is_rtu, transaction, unit, protocol)
        if dissector.frame(wire, 0, len(wire), direction) != len(wire):
            continue
        verdict = dissector.glance(wire, 0, len(wire), direction, time)
        assert verdict in (STARTED, COMPLETED, ALONE)
        if verdict != STARTED:
            check(dissector, dissector.exchange, wire)
        for exchange in dissector.late:
            check(dissector, exchange, b"")
        dissector.late = []
    dissector.finish()
    for exchange in dissector.late:
        check(dissector, exchange, b"")


def read(chunks, is_rtu):
    """Read a stream as the framing loop does; return its frames and what glance made of them."""
    dissector = ModbusDissector(is_rtu)
    found, rest = [], b""
    for chunk in chunks:
        data, at = rest + chunk, 0
        while at < len(data):
            length = dissector.frame(data, at, len(data), 0)
            if length < 0:
                at = dissector.resync(data, at, len(data), 0)
                continue
            if length == 0 or at + length > len(data):
                break
            found.append((data[at : at + length], dissector.glance(data, at, at + length, 0, 1)))
            at += length
        rest = data[at:]
    return found


@given(
    st.lists(damaged() | st.binary(max_size=12), min_size=1, max_size=6), st.sets(st.integers(0, 200)), st.booleans()
)
def test_cuts_change_nothing(parts, cuts, is_rtu):
    stream = b"".join(part if index % 3 == 2 else wrap(part, is_rtu, index) for index, part in enumerate(parts) if part)
    cuts = sorted(cut for cut in cuts if cut < len(stream))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(chunks, is_rtu) == read([stream], is_rtu)
    assert read([stream[at : at + 1] for at in range(len(stream))], is_rtu) == read([stream], is_rtu)


@given(st.binary(max_size=300), damaged(), st.booleans())
def test_only_malformed_escapes(noise, asked, is_rtu):
    asked = wrap(asked, is_rtu)
    for data in (noise, wrap(noise[:250], is_rtu), wrap(noise[:250], is_rtu, protocol=1)):
        for direction in (0, 1):
            dissector = ModbusDissector(is_rtu)
            assert dissector.resync(data, 0, len(data), direction) <= len(data)
            dissector = ModbusDissector(is_rtu)
            length = dissector.frame(data, 0, len(data), direction)
            assert -3 <= length <= 1466
            try:
                dissector.glance(asked, 0, len(asked), 0, 1)
                dissector.glance(data, 0, len(data), direction, 2)
                for request in (b"", asked, noise):
                    dissector.dissect(data, 0, len(data), direction, request).fields()
            except Malformed:
                assert len(data) < 8
            for protocol in PROTOCOLS:
                assert protocol.probe(data, 0, len(data), direction) in (NO, YES, MORE)


@given(st.lists(st.tuples(st.integers(0, 1), damaged(), st.integers(0, 65535)), max_size=80))
@example([(0, b"\x01", 0), (0, b"\x88\x0b", 0), (1, b"\x01", 0)])
def test_what_is_kept_is_bounded(said):
    dissector = ModbusDissector()
    for direction, pdu, transaction in said:
        wire = wrap(pdu, False, transaction)
        dissector.glance(wire, 0, len(wire), direction, 1)
        assert len(dissector.others) < MAX_PENDING


@given(damaged(), st.integers(0, 300))
def test_an_offset_changes_nothing(pdu, offset):
    wire = wrap(pdu, False)
    data = b"\x03" * offset + wire + b"\x03" * 5
    here, there = ModbusDissector(), ModbusDissector()
    assert here.glance(wire, 0, len(wire), 0, 1) == there.glance(data, offset, offset + len(wire), 0, 1)
    assert here.exchange.shape == there.exchange.shape
    one = here.dissect(wire, 0, len(wire), 0, b"")
    other = there.dissect(data, offset, offset + len(wire), 0, b"")
    assert (one.fields(), one.anomalies) == (other.fields(), other.anomalies)


@given(st.sampled_from(PAIRS), st.booleans(), st.integers(0, 1))
def test_probe_says_more_until_it_says_yes(pair, is_rtu, side):
    pdu = pair[side]
    wire = wrap(pdu, is_rtu)
    probe = PROTOCOLS[1 if is_rtu else 0].probe
    verdicts = [probe(wire, 0, end, 0) for end in range(len(wire) + 1)]
    if is_rtu and (pdu[0] in (0x42, 0x5A) or pdu.startswith((b"\x2b\x0d", b"\x08\0\0"))):  # of any length
        assert YES not in verdicts
        return
    assert verdicts == [MORE] * len(wire) + [YES]
    other = PROTOCOLS[0 if is_rtu else 1].probe
    assert other(wire, 0, len(wire), 0) != YES


@given(st.binary(min_size=12, max_size=64))
def test_noise_is_not_taken_for_modbus(noise):
    verdict = PROTOCOLS[0].probe(noise, 0, len(noise), 0)
    assert verdict == NO or noise[2:4] == b"\0\0"
