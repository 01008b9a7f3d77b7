"""A syslog message as RFC 5424 writes it, and its frames on a stream as RFC 6587 and RFC 5425 count them.

The rule it lives by: what is written here is read back here, on the far side of a one-way line; what is read may be
anything at all.
"""

import dataclasses
import re
from collections.abc import Iterator
from typing import Final

# 32473 is the enterprise number kept for documentation and examples (RFC 5612): the sensor has none of its own.
STRUCTURE: Final = "otsensor@32473"
APPLICATION: Final = "otsensor"
NIL: Final = "-"
MAX_HOST: Final = 255
MAX_WORD: Final = 32  # of a message id, and of a parameter's name
MAX_LENGTH_DIGITS: Final = 8  # of a counted frame
PARAMETER: Final = re.compile(rb'([^= \]"\x00-\x20\x7f-\xff]{1,32})="((?:[^"\\\]]|\\.)*)"', re.DOTALL)
HEADER: Final = re.compile(rb"<(\d{1,3})>1 (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) ")


@dataclasses.dataclass(frozen=True, slots=True)
class Syslog:
    """One message that was read."""

    priority: int
    host: str
    application: str
    kind: str  # MSGID
    structure: dict[str, str]  # parameters of our own element
    text: bytes


class NotSyslog(Exception):  # noqa: N818  # the sender's fault
    """What was read is not a message of RFC 5424, or no frame."""


def compose(priority: int, time: str, host: str, kind: str, structure: dict[str, str], text: bytes) -> bytes:
    """Return one message; `time` is ISO 8601 with up to nanoseconds, of which syslog takes six digits."""
    parameters = "".join(f' {name}="{in_parameter(value)}"' for name, value in structure.items())
    head = (
        f"<{priority}>1 {timestamp(time)} {word(host, MAX_HOST)} {APPLICATION} {NIL} {word(kind, MAX_WORD)} "
        f"[{STRUCTURE}{parameters}] "
    )
    return head.encode("utf-8", "replace") + text


def timestamp(time: str) -> str:
    """Return a time with at most six digits of a second, `-` where there is none."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)", time)
    return f"{found[1]}{found[2] or ''}{found[3]}" if found else NIL


def word(text: str, most: int) -> str:
    """Return a word of printable ASCII without spaces."""
    return re.sub(r"[^!-~]", "_", text)[:most] or NIL


def in_parameter(text: str) -> str:
    """Escape a parameter's value."""
    return re.sub(r'(["\\\]])', r"\\\1", re.sub(r"[\x00-\x1f\x7f]", " ", text))


def parse(message: bytes) -> Syslog:
    """Read one message; raise NotSyslog."""
    head = HEADER.match(message)
    if head is None or int(head[1]) > 191:
        raise NotSyslog(f"no RFC 5424 header in {message[:32]!r}")
    structure, at = structured(message, head.end())
    text = message[at + 1 :] if message[at : at + 1] == b" " else b""
    return Syslog(int(head[1]), ascii_of(head[3]), ascii_of(head[4]), ascii_of(head[6]), structure, text)


def structured(message: bytes, at: int) -> tuple[dict[str, str], int]:
    """Read the structured data from `at`; return our element's parameters and where it ends."""
    if message[at : at + 1] == b"-":
        return {}, at + 1
    ours: dict[str, str] = {}
    if message[at : at + 1] != b"[":
        raise NotSyslog(f"no structured data in {message[at : at + 32]!r}")
    while message[at : at + 1] == b"[":
        name, parameters, at = element(message, at + 1)
        if name == STRUCTURE.encode():
            ours = parameters
    return ours, at


def element(message: bytes, at: int) -> tuple[bytes, dict[str, str], int]:
    """Read one element whose bracket opened before `at`; return its name, parameters, and where it ends."""
    named = re.compile(rb'[^= \]"\x00-\x20\x7f-\xff]{1,32}').match(message, at)
    if named is None:
        raise NotSyslog(f"an element without a name in {message[at : at + 32]!r}")
    at = named.end()
    found: dict[str, str] = {}
    while message[at : at + 1] == b" ":
        parameter = PARAMETER.match(message, at + 1)
        if parameter is None:
            raise NotSyslog(f"a broken parameter in {message[at : at + 32]!r}")
        value = re.sub(rb'\\(["\\\]])', rb"\1", parameter[2])
        found[ascii_of(parameter[1])] = value.decode("utf-8", "replace")
        at = parameter.end()
    if message[at : at + 1] != b"]":
        raise NotSyslog(f"an element without an end in {message[at : at + 32]!r}")
    return named[0], found, at + 1


def ascii_of(raw: bytes) -> str:
    """Return bytes as text, whatever they are."""
    return raw.decode("ascii", "replace")


def counted(message: bytes) -> bytes:
    """Return a message as a frame of a stream: its length, a space, itself."""
    return b"%d %b" % (len(message), message)


class Deframer:
    """Takes a stream apart: frames that begin with their length, or lines, as each frame's first byte tells.

    A frame longer than `most` bytes raises NotSyslog: what follows cannot be told apart any more.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept = bytearray()
        self.searched = 0  # how far no end of a line was found, so that no byte is looked at for each arrival

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the messages that are whole now."""
        self.kept += data
        at = 0
        try:
            while at < len(self.kept):
                start, end, after = self._frame(at)
                if end < 0:
                    break
                at = after
                if end > start:
                    yield bytes(self.kept[start:end])
        finally:
            del self.kept[:at]
            self.searched = max(0, self.searched - at)

    def _frame(self, at: int) -> tuple[int, int, int]:
        """Return where the frame at `at` begins, ends, and where the next one may; an end of -1: not whole yet."""
        if 0x31 <= self.kept[at] <= 0x39:
            return self._counted(at)
        end = self.kept.find(b"\n", max(at, self.searched))
        self.searched = len(self.kept) if end < 0 else 0
        if (end if end >= 0 else len(self.kept)) - at > self.most:
            raise NotSyslog(f"a line of more than {self.most:,} bytes")
        return at, end, end + 1

    def _counted(self, at: int) -> tuple[int, int, int]:
        space = self.kept.find(b" ", at, at + MAX_LENGTH_DIGITS + 1)
        digits = bytes(self.kept[at : space if space >= 0 else at + MAX_LENGTH_DIGITS + 1])
        if not digits.isdigit() or (space < 0 and len(digits) > MAX_LENGTH_DIGITS):
            raise NotSyslog(f"no length of a frame: {digits!r}")
        if space < 0:
            return at, -1, at
        length = int(digits)
        if length > self.most:
            raise NotSyslog(f"a frame of {length:,} bytes, more than {self.most:,}")
        whole = space + 1 + length <= len(self.kept)
        return space + 1, space + 1 + length if whole else -1, space + 1 + length
