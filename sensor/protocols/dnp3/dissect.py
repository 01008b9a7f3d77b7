"""DNP3 frames to one message: link, transport, application, objects (IEEE 1815-2012).

The rule it lives by: a pure function of the bytes; what glance calls odd is found here by the same checks, and named.
"""

from mypy_extensions import i64

from sensor.contract import Malformed
from sensor.protocols.dnp3.contents import read_objects
from sensor.protocols.dnp3.message import Dnp3Message, ObjectHeader
from sensor.protocols.dnp3.names import ACTIONS, function_name, link_function_name
from sensor.protocols.dnp3.objects import Headers
from sensor.protocols.dnp3.problems import (
    BAD_BLOCK,
    BAD_SEQUENCE,
    BROKEN,
    CONFIRM,
    KNOWN_FUNCTION,
    NO_HEADER,
    UNFINISHED,
    UNSOLICITED_RESPONSE,
    carries_user_data,
    link_problems,
    problem_names,
    request_problems,
    response_problems,
)
from sensor.protocols.dnp3.targets import add_groups, add_targets
from sensor.protocols.dnp3.wire import (
    APP_FIRST,
    APP_SEQUENCE,
    CONTROL,
    DESTINATION,
    FINAL,
    FIRST,
    HEADER,
    LENGTH,
    PRM,
    SEGMENT,
    SOURCE,
    blocks_are_good,
    frame_length,
    user_data,
    word,
)


class Joiner:
    """Link frames to fragments, and what is wrong on the way."""

    def __init__(self) -> None:
        self.problems: i64 = 0
        self.fragments: list[bytes] = []
        self.parts: list[bytes] = []  # of the fragment under way
        self.sequence: i64 = -1  # of its last segment, -1: none is under way
        self.first: i64 = -1  # transport octet of the first frame
        self.segments: i64 = 0

    def add(self, data: bytes, start: i64, end: i64) -> None:
        """Add one link frame."""
        control = i64(data[start + CONTROL])
        odd = link_problems(control, i64(data[start + LENGTH]))
        self.problems |= odd
        if odd != 0 or not carries_user_data(control):
            return
        if not blocks_are_good(data, start, end):
            self.problems |= BAD_BLOCK
        user = user_data(data, start, end)
        octet = i64(user[0])
        if self.segments == 0:
            self.first = octet
        self.segments += 1
        if octet & FIRST:
            if self.parts:
                self.problems |= UNFINISHED
            self.parts = []
        elif self.sequence < 0:
            self.problems |= UNFINISHED
        elif octet & SEGMENT != (self.sequence + 1) & SEGMENT:
            self.problems |= BROKEN
        self.parts.append(user[1:])
        self.sequence = octet & SEGMENT
        if octet & FINAL:
            self.end()

    def end(self) -> None:
        """The fragment under way is whole, or all there is of it."""
        self.fragments.append(b"".join(self.parts))
        self.parts = []
        self.sequence = -1


def dissect(data: bytes, start: i64, end: i64, direction: i64) -> Dnp3Message:
    """Return what the link frames data[start:end] of one message say."""
    message = Dnp3Message(direction)
    joiner = Joiner()
    at = start
    while at < end:
        length = frame_length(data, at, end)
        if length <= 0 or at + length > end:
            raise Malformed("no DNP3 link frame", int(at), HEADER, int(end - at))
        joiner.add(data, at, at + length)
        at += length
    message.length = data[start + LENGTH]
    message.link_control = data[start + CONTROL]
    message.destination = word(data, start + DESTINATION)
    message.origin = word(data, start + SOURCE)
    message.transport = joiner.first
    message.segments = joiner.segments
    if joiner.parts:
        joiner.problems |= UNFINISHED
        joiner.end()
    problems = joiner.problems
    if joiner.segments == 0:
        message.kind = "link"
        message.operation = link_function_name(int(message.link_control & 0x0F), message.link_control & PRM != 0)
    elif problems & (UNFINISHED | BROKEN):
        message.kind = "segment"
        message.operation = "segment"
        if joiner.first & FIRST:
            read_header(message, joiner.fragments[0])
    else:
        problems |= read_fragments(message, joiner.fragments)
    message.unit = str(message.destination if message.from_master() else message.origin)
    message.anomalies = problem_names(problems)
    return message


def read_header(message: Dnp3Message, text: bytes) -> i64:
    """Read the application header of the first fragment; return how long it is, 0 when it is cut short."""
    if len(text) < 2:
        return 0
    message.control = text[0]
    if text[1] >= 128:
        if len(text) < 4:
            return 0
        message.iin = word(text, 2)
    message.function = text[1]
    return 4 if text[1] >= 128 else 2


def read_fragments(message: Dnp3Message, fragments: list[bytes]) -> i64:
    """Read whole fragments into the message; return what is wrong with them."""
    problems: i64 = 0
    headers = Headers()
    sequence: i64 = -1
    for number in range(len(fragments)):
        text = fragments[number]
        if number == 0:
            size = read_header(message, text)
            if size == 0:
                message.kind = "segment"
                message.operation = "segment"
                return NO_HEADER
            name_message(message)
        elif len(text) < 4 or text[1] != message.function:
            return problems | BAD_SEQUENCE
        control = i64(text[0])
        if sequence >= 0 and (control & APP_FIRST or control & APP_SEQUENCE != sequence):
            problems |= BAD_SEQUENCE
        sequence = (control + 1) & APP_SEQUENCE
        message.fragments += 1
        problems |= read_fragment(message, headers, text)
    if message.function >= 128:
        add_groups(message)
    if message.function == 1:
        message.action = read_action(message.headers)
    elif message.function == 2:
        message.action = write_action(message.headers)
    return problems


def read_fragment(message: Dnp3Message, headers: Headers, text: bytes) -> i64:
    """Read one fragment; return what is wrong with it."""
    control = i64(text[0])
    function = message.function
    at: i64 = 2
    if function < 128:
        problems = request_problems(message.link_control, control, function)
    else:
        at = 4
        iin = word(text, 2)
        message.iin |= iin
        problems = response_problems(message.link_control, control, function, iin)
    if not KNOWN_FUNCTION[function]:
        return problems
    headers.start(text, at, len(text), function)
    while headers.next():
        message.headers.append(
            ObjectHeader(
                headers.group, headers.variation, headers.qualifier, headers.first, headers.last, headers.count
            )
        )
        if function < 128:
            add_targets(message, headers)
        problems |= read_objects(message, headers)
    return problems | headers.problems


def name_message(message: Dnp3Message) -> None:
    """Say what kind of message it is, what it does, and to whom."""
    function = message.function
    message.operation = function_name(int(function))
    message.action = ACTIONS.get(int(function), "other")
    if function == CONFIRM:
        message.kind = "confirm"
    elif function == UNSOLICITED_RESPONSE:
        message.kind = "unsolicited"
    elif function >= 128:
        message.kind = "response"


def read_action(headers: list[ObjectHeader]) -> str:
    """Say what reading these objects is: identifying, a file transfer, or reading."""
    for header in headers:
        if header.group == 0:
            return "identify"
        if header.group == 70:
            return "file"
    return "read"


def write_action(headers: list[ObjectHeader]) -> str:
    """Say what writing these objects is: setting the time, a file transfer, or writing."""
    for header in headers:
        if header.group == 50:
            return "time_set"
        if header.group == 70:
            return "file"
    return "write"
