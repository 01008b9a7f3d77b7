"""What one COTP message says.

The rule it lives by: attributes are set while reading; words are looked up only when someone asks.
"""

from mypy_extensions import i64

from sensor.contract import Message
from sensor.protocols.iso.names import CONNECTION_TYPES, DISCONNECT_REASONS, NAMED_CONNECTIONS, REJECT_CAUSES, TPDUS
from sensor.protocols.iso.wire import CC, CR, DC, DR, ER

ABSENT = -1


def tsap_text(tsap: bytes) -> str:
    """Write a TSAP as text where it plainly is text, else in hexadecimal."""
    if len(tsap) > 2 and tsap.isascii() and tsap.decode("ascii").isprintable():
        return tsap.decode("ascii")
    return tsap.hex()


def connection_type(tsap: bytes) -> str:
    """Return what the called TSAP says of the partner; "" where it says nothing."""
    for name, kind in NAMED_CONNECTIONS:
        if tsap.startswith(name):
            return kind
    if not names_slot(tsap):
        return ""
    return CONNECTION_TYPES.get(tsap[0], "configured")


def names_slot(tsap: bytes) -> bool:
    """Tell whether a TSAP is S7's two octets: resource, then rack and slot. Two letters are another vendor's name."""
    if len(tsap) != 2 or (tsap.isalpha() and tsap.isascii()):
        return False
    return 1 <= tsap[0] <= 3 or 0x10 <= tsap[0] <= 0xDF


def unit_of(tsap: bytes) -> str:
    """Return "rack/slot" of a two-octet S7 TSAP, "" for any other."""
    return f"{tsap[1] >> 5}/{tsap[1] & 0x1F}" if names_slot(tsap) else ""


class CotpMessage(Message):
    """A COTP message of its own, or one whose payload is of no protocol known here."""

    def __init__(self, direction: i64, code: i64) -> None:
        super().__init__("cotp", direction)
        self.code = code
        self.source_reference: i64 = ABSENT
        self.destination_reference: i64 = ABSENT
        self.transport_class: i64 = ABSENT
        self.tpdu_size: i64 = ABSENT
        self.calling_tsap = b""
        self.called_tsap = b""
        self.rdp = False
        self.reason: i64 = ABSENT

    def fields(self) -> dict[str, object]:
        """Return the fields by name; see fields.py."""
        said: dict[str, object] = {"cotp.tpdu_code": self.code}
        if self.code in TPDUS:
            said["cotp.tpdu"] = TPDUS[self.code]
        if self.source_reference >= 0:
            said["cotp.responder_reference" if self.code == CC else "cotp.source_reference"] = self.source_reference
        if self.destination_reference >= 0 and self.code in (CC, DR, DC):
            said["cotp.destination_reference"] = self.destination_reference
        if self.transport_class >= 0:
            said["cotp.class"] = self.transport_class
        if self.tpdu_size > 0:
            said["cotp.requested_tpdu_size" if self.code == CR else "cotp.tpdu_size"] = self.tpdu_size
        if self.calling_tsap:
            said["cotp.source_tsap"] = tsap_text(self.calling_tsap)
        if self.called_tsap:
            said["cotp.destination_tsap"] = tsap_text(self.called_tsap)
        self.say_partner(said)
        self.say_reason(said)
        return said

    def say_partner(self, said: dict[str, object]) -> None:
        """Add what the called TSAP says of the partner."""
        kind = "rdp" if self.rdp else connection_type(self.called_tsap)
        if kind:
            said["cotp.connection_type"] = kind
        if names_slot(self.called_tsap):
            said["cotp.rack"] = self.called_tsap[1] >> 5
            said["cotp.slot"] = self.called_tsap[1] & 0x1F

    def say_reason(self, said: dict[str, object]) -> None:
        """Add why a connection or a TPDU was refused."""
        if self.reason < 0:
            return
        word = "reject_cause" if self.code == ER else "disconnect_reason"
        table = REJECT_CAUSES if self.code == ER else DISCONNECT_REASONS
        said[f"cotp.{word}_code"] = self.reason
        if self.reason in table:
            said[f"cotp.{word}"] = table[self.reason]
