"""Make the small captures in `captures/`: what no peaceful stack sends, and no plant may be asked for.

Run it to make them anew: `python tests/rules/forge.py`. Each is a whole TCP conversation, or the beginnings of many,
with times one millisecond apart; nothing in them was taken from anybody's network.
"""

import pathlib
import struct

HERE = pathlib.Path(__file__).parent / "captures"
CLIENT, SERVER = "192.0.2.66", "192.0.2.21"
REGULAR = "192.0.2.10"  # who polls the server
START = 1_700_000_000
SYN, ACK, PUSH, FIN = 0x02, 0x10, 0x08, 0x01


def packed(address):
    return bytes(map(int, address.split(".")))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def frame(source, destination, ports, numbers, flags, payload=b""):
    """Return one Ethernet frame with IPv4 and TCP."""
    tcp = struct.pack("!HHIIBBHHH", *ports, *numbers, 5 << 4, flags, 8192, 0, 0)
    body = tcp + payload + b"\x00" * (len(payload) % 2)
    pseudo = packed(source) + packed(destination) + struct.pack("!BBH", 0, 6, len(tcp) + len(payload))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + body)) + tcp[18:]
    length = 20 + len(tcp) + len(payload)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, length, 1, 0x4000, 64, 6, 0) + packed(source) + packed(destination)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    macs = b"\x02\x00" + packed(destination) + b"\x02\x00" + packed(source)
    return macs + b"\x08\x00" + ip + tcp + payload


def conversation(port, *said, client=CLIENT):
    """Return the frames of a conversation: `said` is what client (">") and server ("<") say, in order."""
    ends = {">": (client, SERVER, (40000, port)), "<": (SERVER, client, (port, 40000))}
    sent = {">": 1000, "<": 5000}
    frames = []

    def say(who, flags, payload=b"", takes=0):
        other = "<" if who == ">" else ">"
        acknowledged = sent[other] if flags & ACK else 0
        frames.append(frame(*ends[who], (sent[who], acknowledged), flags, payload))
        sent[who] += len(payload) + takes

    say(">", SYN, takes=1)
    say("<", SYN | ACK, takes=1)
    say(">", ACK)
    for line in said:
        say(line[0], PUSH | ACK, bytes.fromhex(line[1:]))
    say(">", FIN | ACK, takes=1)
    say("<", FIN | ACK, takes=1)
    return frames


def pcap(frames):
    """Return a capture file of frames, one each millisecond."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    times = [divmod(number, 1000) for number in range(len(frames))]
    return head + b"".join(
        struct.pack("<IIII", START + second, milli * 1000, len(one), len(one)) + one
        for (second, milli), one in zip(times, frames, strict=True)
    )


COTP_CONNECT = (
    "> 0300 0016 11e0 0000 0001 00c1 0201 00c2 0201 02c0 010a",
    "< 0300 0016 11d0 0001 0044 00c0 010a c102 0100 c202 0102",
)
SETUP = (
    "> 0300 0019 02f0 80 3201 0000 0100 0008 0000 f000 0001 0001 01e0",
    "< 0300 001b 02f0 80 3203 0000 0100 0008 0000 0000 f000 0001 0001 01e0",
)


def user_data(group, function, data, error="0000"):
    """Return a question of S7 user data and its answer."""
    asked = bytes.fromhex(f"0001120411{0x40 | group:02x}{function:02x}00")
    told = bytes.fromhex(f"0001120812{0x80 | group:02x}{function:02x}010000{error}")
    pair = ((">", asked, bytes.fromhex(data)), ("<", told, bytes.fromhex("0a000000")))
    return tuple(f"{who} {s7(parameters, rest).hex()}" for who, parameters, rest in pair)


def s7(parameters, data):
    """Return S7 user data in TPKT and COTP."""
    carrier = struct.pack("!BBHBBB", 3, 0, 17 + len(parameters) + len(data), 2, 0xF0, 0x80)
    return carrier + struct.pack("!BBHHHH", 0x32, 7, 0, 512, len(parameters), len(data)) + parameters + data


def long_polls(number):
    """Return polls of 120 registers with their answers."""
    for turn in range(number):
        yield f"> {turn:04x} 0000 0006 01 03 0000 0078"
        yield f"< {turn:04x} 0000 00f3 01 03 f0 {'0001' * 120}"


def with_holes(frames):
    """Return a conversation of which the mirror has lost every fifth long frame."""
    long = [number for number, one in enumerate(frames) if len(one) > 200]
    return [one for number, one in enumerate(frames) if number not in long[::5]]


def crc(data):
    """Return the check of a block of DNP3's link layer."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA6BC if value & 1 else 0)
    return struct.pack("<H", value ^ 0xFFFF)


def dnp3(sequence, function, objects=""):
    """Return a DNP3 master's question and the outstation's bare answer."""
    asked = bytes((0xC0 | sequence, 0xC0 | sequence, function)) + bytes.fromhex(objects)
    told = bytes((0xC0 | sequence, 0xC0 | sequence, 0x81, 0, 0))
    heads = ((">", b"\xc4\x0a\x00\x01\x00", asked), ("<", b"\x44\x01\x00\x0a\x00", told))
    return tuple(f"{who} {link(head, segment).hex()}" for who, head, segment in heads)


def link(head, segment):
    """Return a link frame."""
    begin = bytes((0x05, 0x64, 5 + len(segment))) + head
    blocks = [segment[at : at + 16] for at in range(0, len(segment), 16)]
    return begin + crc(begin) + b"".join(block + crc(block) for block in blocks)


def captures():
    """Return every capture by its name."""
    question = "> 0001 0000 0006 01 03 0000 0002"
    first, second = "< 0001 0000 0007 01 03 04 00010002", "< 0001 0000 0007 01 03 04 270f270f"
    polls = [f"{line[0]} {number:04x} {line[6:]}" for number in range(2, 6) for line in (question, first)]
    junk = [f"> {bytes([0x80 + n] * 24).hex()}" for n in range(4)]
    file_write = "0001 0000 000c 01 15 09 06 0004 0007 0001 1234"
    return {
        "forged-modbus-answers.pcap": conversation(502, *polls, question, first, second),
        "forged-illegible.pcap": conversation(502, *polls, *junk),
        "forged-s7-password.pcap": conversation(
            102, *COTP_CONNECT, *SETUP, *user_data(5, 1, "ff090008 0102030405060708", "d602")
        ),
        "forged-modbus-file-write.pcap": [
            *conversation(502, *polls, client=REGULAR),
            *conversation(502, f"> {file_write}", f"< {file_write}"),
        ],
        "forged-s7-stop-reported.pcap": conversation(
            102,
            *COTP_CONNECT,
            *SETUP,
            "< 0300 0019 02f0 80 3207 0000 0000 0008 0000 0001 0010 1000 0000 00",
            client=REGULAR,
        ),
        "forged-s7-memory-reset.pcap": conversation(102, *COTP_CONNECT, *SETUP, *user_data(1, 12, "0a000000")),
        # The first half is missing, and nothing of this connection either: only the station's answer tells.
        "forged-dnp3-operate-alone.pcap": conversation(
            20000,
            "> 056418c40a0001003d3ac1c1040c0117010081016400000064007439000000ffff",
            "< 05641a4401000a00af5dd4c18100000c011701008101640000003f0e6400000002bc37",
        ),
        "forged-holes.pcap": with_holes(conversation(502, *long_polls(40))),
        "forged-dnp3-station.pcap": [
            *conversation(20000, *(line for number in range(5) for line in dnp3(number, 1, "3c0206")), client=REGULAR),
            *conversation(
                20000,
                *dnp3(0, 2, "320107 01 00e0a0b8c001"),  # write the time
                *dnp3(1, 9, "140006"),  # freeze and clear the counters
                *dnp3(2, 16, "5a0106"),  # initialise the application
                *dnp3(3, 31),  # activate the configuration
            ),
        ],
        "forged-host-scan.pcap": [
            frame(CLIENT, f"192.0.2.{host}", (40000 + host, 502), (1, 0), SYN) for host in range(100, 165)
        ],
    }


def main():
    HERE.mkdir(exist_ok=True)
    for name, frames in captures().items():
        (HERE / name).write_bytes(pcap(frames))


if __name__ == "__main__":
    main()
