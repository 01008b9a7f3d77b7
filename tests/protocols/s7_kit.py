"""Write TPKT, COTP and S7comm by hand, and talk them to a fresh dissector."""

from sensor.contract import ALONE, COMPLETED, LINK, STARTED, YES, Carrier
from sensor.protocols import discovery

MS = 1_000_000
SECOND = 1_000 * MS
START = 1_700_000_000 * SECOND
CLIENT, SERVER = 0, 1


def iso() -> Carrier:
    return next(one for one in discovery.find() if isinstance(one, Carrier) and one.name == "iso")


def u16(number):
    return number.to_bytes(2, "big")


def tpkt(tpdu):
    return b"\x03\x00" + u16(len(tpdu) + 4) + tpdu


def dt(payload, final=True, number=0):
    return tpkt(bytes([2, 0xF0, (0x80 if final else 0) | number]) + payload)


def parameter(code, value):
    return bytes([code, len(value)]) + value


def connect(code, calling=b"\x01\x00", called=b"\x01\x02", size=10, source=1, destination=0):
    variable = parameter(0xC0, bytes([size])) + parameter(0xC1, calling) + parameter(0xC2, called)
    return tpkt(bytes([6 + len(variable), code]) + u16(destination) + u16(source) + b"\x00" + variable)


def cr(**given):
    return connect(0xE0, **given)


def cc(**given):
    return connect(0xD0, **{"source": 7, "destination": 1, **given})


def dr(reason, source=7):
    return tpkt(bytes([6, 0x80]) + u16(1) + u16(source) + bytes([reason]))


def header(rosctr, reference, parameters, data, error=b""):
    return b"\x32" + bytes([rosctr]) + b"\0\0" + u16(reference) + u16(len(parameters)) + u16(len(data)) + error


def job(parameters, data=b"", reference=1):
    return header(1, reference, parameters, data) + parameters + data


def ack(error, reference=1):
    return header(2, reference, b"", b"", u16(error))


def answer(parameters, data=b"", error=0, reference=1):
    return header(3, reference, parameters, data, u16(error)) + parameters + data


def any_item(area=0x84, db=1, byte=0, bit=0, kind=2, count=1):
    address = (byte * 8 + bit).to_bytes(3, "big")
    return bytes([0x12, 10, 0x10, kind]) + u16(count) + u16(db) + bytes([area]) + address


def filled(parts):
    """Join parts; each of odd length is filled up, but for the last."""
    return b"".join(part + b"\0" * (len(part) % 2 if part is not parts[-1] else 0) for part in parts)


def read(*items, reference=1):
    return job(b"\x04" + bytes([len(items)]) + filled(items), reference=reference)


def value(octets, size=4, code=0xFF):
    length = len(octets) * 8 if size in (4, 5) else len(octets)
    return bytes([code, size]) + u16(length) + octets


def values(*parts, reference=1):
    return answer(b"\x04" + bytes([len(parts)]), filled(parts), reference=reference)


def write(items, parts, reference=1):
    return job(b"\x05" + bytes([len(items)]) + filled(items), filled(parts), reference=reference)


def written(*codes, reference=1):
    return answer(b"\x05" + bytes([len(codes)]), bytes(codes), reference=reference)


def octets(payload):
    return b"\xff\x09" + u16(len(payload)) + payload


NOTHING = b"\x0a\x00\x00\x00"


def ask_user(group, subfunction, data=NOTHING, reference=1, kind=4):
    parameters = b"\x00\x01\x12\x04\x11" + bytes([kind << 4 | group, subfunction, 0])
    return header(7, reference, parameters, data) + parameters + data


def ask_on(group, subfunction, sequence, reference=1, data=NOTHING):
    parameters = b"\x00\x01\x12\x08\x12" + bytes([0x40 | group, subfunction, sequence, 0, 0, 0, 0])
    return header(7, reference, parameters, data) + parameters + data


def answer_user(group, subfunction, data=NOTHING, error=0, reference=1, kind=8, sequence=0, unit=0, more=False):
    head = bytes([kind << 4 | group, subfunction, sequence, unit, more])
    parameters = b"\x00\x01\x12\x08\x12" + head + u16(error)
    return header(7, reference, parameters, data) + parameters + data


def mode_transition(mode):
    parameters = bytes([1, 0, 0x10, 0x10, 0, 0, mode, 0])
    return header(7, 0, parameters, b"") + parameters


def transfer(function, name=b"_0A00001P", rest=b""):
    return job(bytes([function]) + bytes(7) + bytes([len(name)]) + name + rest)


def pi_service(name, block=b""):
    return job(b"\x28" + bytes(6) + b"\xfd" + u16(len(block)) + block + bytes([len(name)]) + name)


def plc_stop():
    return job(b"\x29" + bytes(5) + b"\x09P_PROGRAM")


def szl(number, index, *records, size=None):
    size = len(records[0]) if size is None and records else size or 0
    return octets(u16(number) + u16(index) + u16(size) + u16(len(records)) + b"".join(records))


class Talk:
    """One connection: packets in, exchanges out; every glance checks the contract."""

    def __init__(self, connected=False):
        self.dissector = iso().dissector()
        self.time = START
        self.done = []
        self.glances = []
        if connected:
            self.packet(cr(), CLIENT)
            self.packet(cc(), SERVER)
            self.done.clear()
            self.glances.clear()

    def packet(self, data, direction, wait=MS):
        """Give one TPKT packet; return the exchange it began or ended."""
        self.time += wait
        assert self.dissector.frame(data, 0, len(data), direction) == len(data)
        made = self.dissector.glance(data, 0, len(data), direction, self.time)
        self.glances.append(made)
        self.done += self.dissector.late
        self.dissector.late.clear()
        exchange = self.dissector.exchange
        if made not in (STARTED, COMPLETED, ALONE):
            return None
        assert exchange is not None
        whole = self.dissector.whole or data
        if made != STARTED:
            if exchange.response_time:
                exchange.response = whole
            self.done.append(exchange)
            self.judge(exchange)
        return exchange

    def judge(self, exchange):
        """What dissect finds odd, glance has marked."""
        odd = bool(exchange.anomalies)
        for message in (self.request(exchange), self.response(exchange)):
            odd = odd or bool(message and message.anomalies)
        assert exchange.significant or not odd

    def ask(self, pdu):
        return self.packet(dt(pdu), CLIENT)

    def answer(self, pdu):
        return self.packet(dt(pdu), SERVER)

    def both(self, asked, answered):
        """Ask and answer; return the exchange and both messages."""
        self.ask(asked)
        exchange = self.answer(answered)
        assert self.glances[-2:] == [STARTED, COMPLETED]
        return exchange, self.request(exchange), self.response(exchange)

    def request(self, exchange):
        if not exchange.request:
            return None
        return self.dissector.dissect(exchange.request, 0, len(exchange.request), exchange.client, b"")

    def response(self, exchange):
        if not exchange.response:
            return None
        data = exchange.response
        return self.dissector.dissect(data, 0, len(data), 1 - exchange.client, exchange.request)

    def said(self, pdu, direction=CLIENT):
        """Dissect one message by itself."""
        data = dt(pdu)
        return self.dissector.dissect(data, 0, len(data), direction, b"")


def targets(message):
    return [str(target) for target in message.targets]


def recognised(data):
    return iso().probe(data, 0, len(data), 0) == YES


__all__ = ["LINK"]
