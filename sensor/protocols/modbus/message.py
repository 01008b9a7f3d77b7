"""One Modbus message with all it says, as typed attributes.

Application Protocol V1.1b3. The rule it lives by: what was not in the message is absent: -1, "" or an empty list.
"""

from typing import Final

from mypy_extensions import i64

from sensor.contract import Message, Target
from sensor.protocols.modbus import names

MAX_DATA: Final = 64  # bytes kept of what has no known structure: enough to recognise it


class ModbusMessage(Message):
    """A request, a response or an exception response; `fields` gives what is present."""

    def __init__(self, direction: i64, is_request: bool) -> None:
        super().__init__("modbus", direction)
        self.is_request = is_request
        self.kind = "request" if is_request else "response"
        self.framing = "tcp"
        self.transaction_id: i64 = -1
        self.protocol_id: i64 = -1
        self.length: i64 = -1
        self.unit_id: i64 = -1
        self.function_code: i64 = -1
        self.exception_code: i64 = -1
        self.address: i64 = -1
        self.quantity: i64 = -1
        self.read_address: i64 = -1
        self.read_quantity: i64 = -1
        self.write_address: i64 = -1
        self.write_quantity: i64 = -1
        self.byte_count: i64 = -1
        self.values: list[int] = []
        self.write_values: list[int] = []
        self.and_mask: i64 = -1
        self.or_mask: i64 = -1
        self.fifo_count: i64 = -1
        self.file_numbers: list[int] = []
        self.record_numbers: list[int] = []
        self.record_lengths: list[int] = []
        self.subfunction_code: i64 = -1
        self.diagnostic_words: list[int] = []
        self.exception_status: i64 = -1
        self.event_status: i64 = -1
        self.event_count: i64 = -1
        self.message_count: i64 = -1
        self.events: list[str] = []
        self.server_id = ""
        self.server_text = ""
        self.run_indicator: i64 = -1
        self.mei_type_code: i64 = -1
        self.read_device_id_code: i64 = -1
        self.object_id: i64 = -1
        self.objects: dict[int, str] = {}
        self.conformity_level: i64 = -1
        self.more_follows: i64 = -1
        self.next_object_id: i64 = -1
        self.umas_function_code: i64 = -1
        self.umas_session: i64 = -1
        self.umas_status: i64 = -1
        self.data = b""

    def note(self, anomaly: str) -> None:
        """Add an anomaly once."""
        if anomaly not in self.anomalies:
            self.anomalies.append(anomaly)

    def references(self) -> list[str]:
        """Return each target's addresses as the classical reference: "400101-400140"."""
        found = []
        for target in self.targets:
            digit = names.REFERENCE_DIGITS.get(target.space)
            if digit is not None:
                first = f"{digit}{target.first + 1:05d}"
                found.append(first if target.first == target.last else f"{first}-{digit}{target.last + 1:05d}")
        return found

    def fields(self) -> dict[str, object]:
        """Return the fields that are present, under their vocabulary names."""
        found: dict[str, object] = {"modbus.framing": self.framing}
        self._header_fields(found)
        self._value_fields(found)
        self._diagnostic_fields(found)
        self._identity_fields(found)
        return found

    def _header_fields(self, found: dict[str, object]) -> None:
        number(found, "modbus.transaction_id", self.transaction_id)
        number(found, "modbus.protocol_id", self.protocol_id)
        number(found, "modbus.length" if self.is_request else "modbus.response_length", self.length)
        number(found, "modbus.unit_id", self.unit_id)
        number(found, "modbus.function_code", self.function_code)
        found["modbus.function"] = names.function(self.function_code)
        found["modbus.function_class"] = names.function_class(self.function_code)
        if self.exception_code >= 0:
            found["modbus.exception_code"] = self.exception_code
            found["modbus.exception"] = names.EXCEPTIONS.get(self.exception_code) or f"exception_{self.exception_code}"

    def _value_fields(self, found: dict[str, object]) -> None:
        number(found, "modbus.address", self.address)
        number(found, "modbus.quantity", self.quantity)
        several(found, "modbus.reference", self.references())
        number(found, "modbus.read_address", self.read_address)
        number(found, "modbus.read_quantity", self.read_quantity)
        number(found, "modbus.write_address", self.write_address)
        number(found, "modbus.write_quantity", self.write_quantity)
        number(found, "modbus.request_byte_count" if self.is_request else "modbus.byte_count", self.byte_count)
        several(found, "modbus.values", self.values)
        several(found, "modbus.write_values", self.write_values)
        number(found, "modbus.and_mask", self.and_mask)
        number(found, "modbus.or_mask", self.or_mask)
        number(found, "modbus.fifo_count", self.fifo_count)
        several(found, "modbus.file_number", self.file_numbers)
        several(found, "modbus.record_number", self.record_numbers)
        several(found, "modbus.record_length", self.record_lengths)
        if self.data:
            found["modbus.request_data" if self.is_request else "modbus.data"] = self.data.hex()

    def _diagnostic_fields(self, found: dict[str, object]) -> None:
        if self.subfunction_code >= 0:
            found["modbus.subfunction_code"] = self.subfunction_code
            found["modbus.subfunction"] = self.operation
        words = "modbus.diagnostic_data" if self.is_request else "modbus.diagnostic_values"
        several(found, words, self.diagnostic_words)
        number(found, "modbus.exception_status", self.exception_status)
        number(found, "modbus.event_status", self.event_status)
        number(found, "modbus.event_count", self.event_count)
        number(found, "modbus.message_count", self.message_count)
        several(found, "modbus.events", self.events)
        if self.umas_session >= 0:
            found["modbus.umas_session"] = self.umas_session
        if self.umas_function_code >= 0:
            found["modbus.umas_function_code"] = self.umas_function_code
            found["modbus.umas_function"] = self.operation[5:]  # without "umas_"
        number(found, "modbus.umas_status", self.umas_status)

    def _identity_fields(self, found: dict[str, object]) -> None:
        if self.server_id:
            found["modbus.server_id"] = self.server_id
        if self.server_text:
            found["modbus.server_text"] = self.server_text
        if self.run_indicator >= 0:
            found["modbus.run_indicator"] = self.run_indicator == 1
        if self.mei_type_code >= 0:
            found["modbus.mei_type_code"] = self.mei_type_code
            found["modbus.mei_type"] = names.INTERFACES.get(self.mei_type_code) or f"interface_{self.mei_type_code}"
        number(found, "modbus.read_device_id_code", self.read_device_id_code)
        number(found, "modbus.object_id", self.object_id)
        number(found, "modbus.conformity_level", self.conformity_level)
        if self.more_follows >= 0:
            found["modbus.more_follows"] = self.more_follows == 1
        number(found, "modbus.next_object_id", self.next_object_id)
        if self.objects and self.mei_type_code >= 0:
            found["modbus.object_ids"] = list(self.objects)
        further = []
        for object_id, text in self.objects.items():
            name = names.OBJECTS.get(object_id)
            if name is None:
                further.append(f"0x{object_id:02x}={text}")
            else:
                found[f"modbus.{name}"] = text
        several(found, "modbus.objects", further)


def number(found: dict[str, object], name: str, value: i64) -> None:
    """Put a number among the fields if it is present."""
    if value >= 0:
        found[name] = int(value)


def several(found: dict[str, object], name: str, values: list[int] | list[str]) -> None:
    """Put a list among the fields if it is present."""
    if values:
        found[name] = values


def span(space: str, first: i64, quantity: i64) -> Target:
    """Return the target of `quantity` addresses from `first`, cut at the end of the space."""
    return Target(space, first, min(first + max(quantity, 1) - 1, 65_535))
