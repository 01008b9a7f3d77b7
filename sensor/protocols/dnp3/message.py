"""One DNP3 message and the fields it gives to rules and documents (IEEE 1815-2012).

The rule it lives by: what a request and its response both have, goes by one name and is the request's in a merged
document; what only a response says, has a name of its own.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Message
from sensor.protocols.dnp3.names import (
    BROADCASTS,
    CONTROL_OPERATIONS,
    TRIP_CLOSE,
    flag_names,
    iin_names,
    link_function_name,
    status_name,
)
from sensor.protocols.dnp3.wire import (
    APP_CONFIRM,
    APP_FINAL,
    APP_FIRST,
    APP_SEQUENCE,
    APP_UNSOLICITED,
    DIR,
    FCB,
    FCV,
    FINAL,
    FIRST,
    FUNCTION,
    PRM,
    SEGMENT,
)

MAX_LISTED: Final = 64  # values of one field in a document


class ObjectHeader:
    """One object header: which objects, and how many."""

    def __init__(self, group: i64, variation: i64, qualifier: i64, first: i64, last: i64, count: i64) -> None:
        self.group = group
        self.variation = variation
        self.qualifier = qualifier
        self.first = first  # -1 when it has no range
        self.last = last
        self.count = count  # -1: all

    def name(self) -> str:
        """Write it as people do: "g30v2"."""
        return f"g{self.group}v{self.variation}"


class Control:
    """One control: a relay output block (g12v1, v2) or an analog output (g41)."""

    def __init__(self, group: i64, variation: i64, index: i64) -> None:
        self.group = group
        self.variation = variation
        self.index = index  # -1 when the qualifier gives none
        self.code: i64 = 0  # the relay block's control octet
        self.count: i64 = 0
        self.on_time: i64 = 0  # ms
        self.off_time: i64 = 0
        self.value: float = 0.0  # the analog output's
        self.status: i64 = 0

    def operation(self) -> str:
        """Name the relay's operation: "latch_on", "pulse_on"; "analog" for an analog output."""
        if self.group == 41:
            return "analog"
        kind = self.code & 0x0F
        return CONTROL_OPERATIONS[kind] if kind < len(CONTROL_OPERATIONS) else f"operation_{kind}"

    def trip_close(self) -> str:
        """Name which relay of a trip-close pair it means."""
        return TRIP_CLOSE[self.code >> 6] if self.group == 12 else "nul"


class Point:
    """One value an object carries."""

    def __init__(self, group: i64, variation: i64, index: i64) -> None:
        self.group = group
        self.variation = variation
        self.index = index  # -1 when the qualifier gives none
        self.value: float = 0.0
        self.valued = False
        self.flags: i64 = -1  # -1: the variation has none
        self.time: i64 = -1  # ms since 1970, -1: none

    def name(self) -> str:
        """Write it as people do: "g30 5"."""
        return f"g{self.group} {self.index}" if self.index >= 0 else f"g{self.group}"

    def marks(self) -> str:
        """Write what its flags, or a command event's status (g13, g43), say: "g30 3 comm_lost"; "" when all is well."""
        if self.flags < 0:
            return ""
        if self.group in (13, 43):
            status = int(self.flags & 0x7F)
            return f"{self.name()} {status_name(status)}" if status else ""
        said = flag_names(int(self.group), int(self.flags))
        return " ".join([self.name(), *said]) if said else ""


class Dnp3Message(Message):
    """One message: a link frame without user data, a fragment, or all fragments of a response."""

    def __init__(self, direction: i64) -> None:
        super().__init__("dnp3", direction)
        # Link, of the first frame
        self.length: i64 = 0
        self.link_control: i64 = 0
        self.destination: i64 = 0
        self.origin: i64 = 0  # source address
        # Transport, of the first frame
        self.transport: i64 = -1  # octet, -1: none
        self.segments: i64 = 0
        # Application, of the first fragment
        self.control: i64 = -1  # octet, -1: none
        self.function: i64 = -1
        self.fragments: i64 = 0
        self.iin: i64 = -1  # IIN1 in the low octet, -1: none; of several fragments all bits
        self.headers: list[ObjectHeader] = []
        self.controls: list[Control] = []
        self.points: list[Point] = []
        self.extras: dict[str, object] = {}  # fields of rare objects, under their vocabulary names

    def from_master(self) -> bool:
        """Return whether the master sent it: the function of a whole message tells, the DIR bit else."""
        if self.function >= 0 and self.kind != "segment":
            return self.function < 128
        return self.link_control & DIR != 0

    def fields(self) -> dict[str, object]:
        """Return the protocol's own fields under their vocabulary names; absent ones are left out."""
        fields: dict[str, object] = {}
        self.link_fields(fields)
        if self.transport >= 0:
            fields["dnp3.transport.first"] = self.transport & FIRST != 0
            fields["dnp3.transport.final"] = self.transport & FINAL != 0
            fields["dnp3.transport.sequence"] = int(self.transport & SEGMENT)
            fields["dnp3.transport.segments"] = int(self.segments)
        if self.control >= 0:
            self.application_fields(fields)
        if self.controls:
            self.control_fields(fields)
        if self.points:
            self.point_fields(fields)
        fields.update(self.extras)
        return fields

    def link_fields(self, fields: dict[str, object]) -> None:
        """Add what the link header says."""
        primary = self.link_control & PRM != 0
        fields["dnp3.link.source"] = int(self.origin)
        fields["dnp3.link.destination"] = int(self.destination)
        fields["dnp3.link.length"] = int(self.length)
        fields["dnp3.link.control"] = int(self.link_control)
        fields["dnp3.link.from_master"] = self.link_control & DIR != 0
        fields["dnp3.link.primary"] = primary
        fields["dnp3.link.function_code"] = int(self.link_control & FUNCTION)
        fields["dnp3.link.function"] = link_function_name(int(self.link_control & FUNCTION), primary)
        if primary:
            fields["dnp3.link.frame_count_bit"] = self.link_control & FCB != 0
            fields["dnp3.link.frame_count_valid"] = self.link_control & FCV != 0
        else:
            fields["dnp3.link.data_flow_control"] = self.link_control & FCV != 0
        master = self.from_master()
        fields["dnp3.master"] = int(self.origin if master else self.destination)
        fields["dnp3.outstation"] = int(self.destination if master else self.origin)
        broadcast = BROADCASTS.get(int(self.destination))
        if broadcast is not None:
            fields["dnp3.broadcast"] = broadcast

    def application_fields(self, fields: dict[str, object]) -> None:
        """Add what the application header and the object headers say."""
        fields["dnp3.application.first"] = self.control & APP_FIRST != 0
        fields["dnp3.application.final"] = self.control & APP_FINAL != 0
        fields["dnp3.application.confirm"] = self.control & APP_CONFIRM != 0
        fields["dnp3.application.unsolicited"] = self.control & APP_UNSOLICITED != 0
        fields["dnp3.application.sequence"] = int(self.control & APP_SEQUENCE)
        if self.function >= 0:
            fields["dnp3.function_code"] = int(self.function)
            fields["dnp3.function"] = self.operation
        answer = self.function >= 128
        if answer:
            fields["dnp3.response_fragments"] = int(self.fragments)
        if self.iin >= 0:
            fields["dnp3.iin"] = int((self.iin & 0xFF) << 8 | self.iin >> 8)
            fields["dnp3.iin_bits"] = iin_names(int(self.iin))
        names: list[str] = []
        qualifiers: list[int] = []
        for header in self.headers:
            name = header.name()
            if name not in names:
                names.append(name)
            if int(header.qualifier) not in qualifiers:
                qualifiers.append(int(header.qualifier))
        if names:
            fields["dnp3.response_objects" if answer else "dnp3.objects"] = names[:MAX_LISTED]
            fields["dnp3.response_qualifiers" if answer else "dnp3.qualifiers"] = qualifiers[:MAX_LISTED]

    def control_fields(self, fields: dict[str, object]) -> None:
        """Add the controls, each column in their order; a response adds the statuses only."""
        controls = self.controls[:MAX_LISTED]
        if self.function >= 128:
            fields["dnp3.control.status_code"] = [int(control.status) for control in controls]
            fields["dnp3.control.status"] = [status_name(int(control.status)) for control in controls]
            return
        fields["dnp3.control.point"] = [f"g{control.group} {control.index}" for control in controls]
        fields["dnp3.control.index"] = [int(control.index) for control in controls]
        fields["dnp3.control.operation"] = [control.operation() for control in controls]
        relays = [control for control in controls if control.group == 12]
        if relays:
            fields["dnp3.control.code"] = [int(control.code) for control in relays]
            fields["dnp3.control.trip_close"] = [control.trip_close() for control in relays]
            fields["dnp3.control.queue"] = [control.code & 0x10 != 0 for control in relays]
            fields["dnp3.control.clear"] = [control.code & 0x20 != 0 for control in relays]
            fields["dnp3.control.count"] = [int(control.count) for control in relays]
            fields["dnp3.control.on_time"] = [int(control.on_time) for control in relays]
            fields["dnp3.control.off_time"] = [int(control.off_time) for control in relays]
        values = [control.value for control in controls if control.group == 41]
        if values:
            fields["dnp3.control.value"] = values

    def point_fields(self, fields: dict[str, object]) -> None:
        """Add the values; a written value (a dead-band, an output) under a name of its own."""
        side = "dnp3.point" if self.function >= 128 else "dnp3.written"
        points = [point for point in self.points if point.valued][:MAX_LISTED]
        if points:
            fields[side + ".name"] = [point.name() for point in points]
            fields[side + ".value"] = [point.value for point in points]
        if self.function >= 128:
            fields["dnp3.point.count"] = len(self.points)
            marked = [text for text in [point.marks() for point in self.points] if text]
            if marked:
                fields["dnp3.point.flags"] = marked[:MAX_LISTED]
