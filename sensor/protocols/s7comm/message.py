"""What one S7comm message says.

The rule it lives by: the outline's values are attributes; what only some functions have is collected in `said` by
those who read them, under the vocabulary's names; words for codes are looked up only when someone asks.
"""

from mypy_extensions import i64

from sensor.contract import Message
from sensor.protocols.s7comm.items import Item  # noqa: TC001  a compiled class needs it at run time
from sensor.protocols.s7comm.names import ERROR_CLASSES, ERRORS, GROUPS, RETURN_CODES, SUBFUNCTIONS, SYNTAXES, TYPES

ABSENT = -1


def error_name(number: i64) -> str:
    """Name an error class and code; a class known without its code says the class."""
    if number in ERRORS:
        return ERRORS[number]
    return ERROR_CLASSES.get(number >> 8, f"0x{number:04x}")


class S7Message(Message):
    """One PDU, or all PDUs of an answer that came in pieces."""

    def __init__(self, direction: i64) -> None:
        super().__init__("s7comm", direction)
        self.rosctr: i64 = ABSENT
        self.reference: i64 = ABSENT
        self.function: i64 = ABSENT  # of jobs
        self.error: i64 = ABSENT  # error class and code as one number
        self.header_error = False  # it stands in the header, not in the parameters
        self.type: i64 = ABSENT  # of user data, and so on
        self.group: i64 = ABSENT
        self.subfunction: i64 = ABSENT
        self.sequence: i64 = 0
        self.item_count: i64 = ABSENT
        self.items: list[Item] = []
        self.return_codes: list[int] = []
        self.values: list[str] = []
        self.numbers: list[float] = []
        self.said: dict[str, object] = {}

    def fields(self) -> dict[str, object]:
        """Return the fields by name; see fields.py."""
        said: dict[str, object] = {}
        if self.rosctr >= 0:
            said["s7comm.rosctr"] = self.rosctr
            said["s7comm.pdu_reference"] = self.reference
        if self.operation:
            said["s7comm.function"] = self.operation
        if self.function >= 0:
            said["s7comm.function_code"] = self.function
        if self.error >= 0:
            self.say_error(said)
        if self.type >= 0:
            self.say_userdata(said)
        if self.item_count >= 0:
            said["s7comm.item_count"] = self.item_count
        if self.items:
            self.say_items(said)
        if self.return_codes:
            said["s7comm.return_codes"] = self.return_codes
            said["s7comm.return_names"] = [RETURN_CODES.get(code, f"0x{code:02x}") for code in self.return_codes]
        if self.values:
            word = "written" if self.kind == "request" else "read"
            said[f"s7comm.{word}_values"] = self.values
            if self.numbers:
                said[f"s7comm.{word}_numbers"] = self.numbers
        said.update(self.said)
        return said

    def say_error(self, said: dict[str, object]) -> None:
        """Add how the other side judged the request."""
        if self.header_error:
            said["s7comm.error_class"] = self.error >> 8
            said["s7comm.error_code"] = self.error & 0xFF
        said["s7comm.error_number"] = self.error
        said["s7comm.error"] = "no_error" if self.error == 0 else error_name(self.error)

    def say_userdata(self, said: dict[str, object]) -> None:
        """Add what user data says of itself."""
        if self.type in TYPES:
            said["s7comm.userdata_type"] = TYPES[self.type]
        said["s7comm.function_group_code"] = self.group
        if self.group in GROUPS:
            said["s7comm.function_group"] = GROUPS[self.group]
        if (self.group, self.subfunction) in SUBFUNCTIONS or self.group != 0:
            said["s7comm.subfunction_code"] = self.subfunction
        said["s7comm.sequence_number"] = self.sequence

    def say_items(self, said: dict[str, object]) -> None:
        """Add what the items address, as text and part by part."""
        said["s7comm.items"] = [item.text for item in self.items]
        said["s7comm.item_syntaxes"] = [SYNTAXES.get(item.syntax, f"0x{item.syntax:02x}") for item in self.items]
        plain = [item for item in self.items if item.area >= 0]
        if plain:
            said["s7comm.areas"] = [item.area_name() for item in plain]
            said["s7comm.area_codes"] = [item.area for item in plain]
            said["s7comm.item_types"] = [item.type_name() for item in plain]
            said["s7comm.item_type_codes"] = [item.type for item in plain]
            said["s7comm.item_lengths"] = [item.count for item in plain]
            said["s7comm.addresses"] = [item.address for item in plain]
        numbers = [item.db for item in self.items if item.db >= 0]
        if numbers:
            said["s7comm.db_numbers"] = numbers
