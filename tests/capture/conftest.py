"""A small writer of capture files, apart from the reader in every line."""

import os
import pathlib
import struct

import pytest

from sensor.capture.block import RECORD
from sensor.capture.files import Captures


class Writing:
    """Writes captures byte by byte; `order` is "<" or ">"."""

    @staticmethod
    def pcap(frames, order="<", magic=0xA1B2C3D4, version=(2, 4), snap=65535, link=1, extra=0, after_header=b""):
        """Frames are (seconds, fraction, bytes, original or None)."""
        out = [struct.pack(order + "IHHiIII", magic, *version, 0, 0, snap, link), after_header]
        for seconds, fraction, body, original in frames:
            lengths = [len(body), len(body) if original is None else original]
            if version < (2, 3):
                lengths.reverse()
            out.append(struct.pack(order + "IIII", seconds, fraction, *lengths) + b"\xee" * extra + body)
        return b"".join(out)

    @staticmethod
    def option(order, code, value):
        return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)

    @staticmethod
    def block(order, kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack(order + "II", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))

    @classmethod
    def section(cls, order="<", options=b"", version=(1, 0)):
        return cls.block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, *version, -1) + options)

    @classmethod
    def interface(cls, order="<", link=1, snap=0, options=b""):
        return cls.block(order, 1, struct.pack(order + "HHI", link, 0, snap) + options)

    @classmethod
    def enhanced(cls, ticks, body, order="<", interface=0, original=None, options=b"", captured=None):
        head = struct.pack(
            order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF,
            len(body) if captured is None else captured, len(body) if original is None else original,
        )  # fmt: skip
        return cls.block(order, 6, head + body + bytes(-len(body) % 4) + options)

    @classmethod
    def obsolete(cls, ticks, body, order="<", interface=0, drops=0xFFFF):
        head = struct.pack(order + "HHIIII", interface, drops, ticks >> 32, ticks & 0xFFFFFFFF, len(body), len(body))
        return cls.block(order, 2, head + body)

    @classmethod
    def simple(cls, body, order="<", original=None):
        return cls.block(order, 3, struct.pack(order + "I", len(body) if original is None else original) + body)

    @classmethod
    def statistics(cls, interface, options, order="<"):
        return cls.block(order, 5, struct.pack(order + "III", interface, 0, 0) + options)


def frames_of(captures):
    """Return (time, bytes, original, interface, source, number) of every frame."""
    found = []
    for block in captures.blocks():
        assert 0 <= block.first < block.last <= len(block.index) // RECORD
        for record in range(block.first, block.last):
            time, at, captured, original, interface = struct.unpack_from("<qiiii", block.index, record * RECORD)
            assert time >= 1
            assert 0 <= at <= at + captured <= len(block.data)
            assert captured <= original
            assert interface < len(block.interfaces)
            number = block.number + record
            found.append((time, block.data[at : at + captured], original, interface, block.source, number))
    return found


@pytest.fixture(scope="session")
def write():
    return Writing


@pytest.fixture(scope="session")
def read():
    """Read a path, or some: (Captures, frames)."""

    def reading(*paths):
        captures = Captures(paths)
        return captures, frames_of(captures)

    return reading


@pytest.fixture(scope="session")
def read_bytes(tmp_path_factory, read):
    """Read bytes as one file: (Source or None, frames); None where they are no capture."""
    path = tmp_path_factory.mktemp("bytes") / "one"

    def reading(data):
        path.write_bytes(data)
        captures, frames = read(path)
        return (captures.sources[0] if captures.sources else None), frames

    return reading


@pytest.fixture(scope="session")
def shared():
    """The folder of real captures."""
    beside = pathlib.Path(__file__).parents[2].parent / "shared" / "captures"
    folder = pathlib.Path(os.environ.get("OTSENSOR_CAPTURES", beside))
    if not (folder / "INDEX.tsv").exists():
        pytest.skip(f"the real captures are not there: {folder}")
    return folder
