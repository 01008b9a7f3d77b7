"""Every word of COTP: fields and anomalies (RFC 1006, ISO 8073)."""

from sensor.protocols.iso.names import CONNECTION_TYPE_NAMES, DISCONNECT_REASONS, REJECT_CAUSES, TPDUS
from sensor.vocabulary import Anomaly, Field

FIELDS: tuple[Field, ...] = (
    Field("cotp.tpdu_code", "long", "Kind of TPDU, its code octet without the credit", "ISO 8073 13.2.2.1", tshark="cotp.type", identity=True),
    Field("cotp.tpdu", "keyword", "Kind of TPDU", "ISO 8073 13.2.2.1", identity=True, values=tuple(TPDUS.values())),
    Field("cotp.source_reference", "long", "The asker's own number of the connection", "ISO 8073 13.3.3", tshark="cotp.srcref"),
    Field("cotp.destination_reference", "long", "The other side's number of the connection", "ISO 8073 13.3.3", tshark="cotp.destref"),
    Field("cotp.responder_reference", "long", "The answerer's own number of the connection", "ISO 8073 13.4.3", tshark="cotp.srcref"),
    Field("cotp.class", "long", "Class asked for; RFC 1006 knows class 0 only", "ISO 8073 13.3.3"),
    Field("cotp.requested_tpdu_size", "long", "Longest TPDU asked for", "ISO 8073 13.3.4", unit="bytes", tshark="cotp.tpdu_size"),
    Field("cotp.tpdu_size", "long", "Longest TPDU agreed", "ISO 8073 13.4.4", unit="bytes", tshark="cotp.tpdu_size"),
    Field("cotp.source_tsap", "keyword", "Calling TSAP: text where it is text, else hexadecimal", "ISO 8073 13.3.4", tshark="cotp.src-tsap"),
    Field("cotp.destination_tsap", "keyword", "Called TSAP: text where it is text, else hexadecimal", "ISO 8073 13.3.4", tshark="cotp.dst-tsap", identity=True),
    Field("cotp.connection_type", "keyword", "What kind of partner the called TSAP is for", identity=True, values=CONNECTION_TYPE_NAMES),
    Field("cotp.rack", "long", "Rack in a two-octet S7 TSAP", identity=True),
    Field("cotp.slot", "long", "Slot in a two-octet S7 TSAP", identity=True),
    Field("cotp.disconnect_reason_code", "long", "Why the connection was refused or cleared", "ISO 8073 13.5.3", tshark="cotp.cause"),
    Field("cotp.disconnect_reason", "keyword", "Why the connection was refused or cleared", "ISO 8073 13.5.3", values=tuple(DISCONNECT_REASONS.values())),
    Field("cotp.reject_cause_code", "long", "Why a TPDU was rejected", "ISO 8073 13.12.3", tshark="cotp.reject_cause"),
    Field("cotp.reject_cause", "keyword", "Why a TPDU was rejected", "ISO 8073 13.12.3", values=tuple(REJECT_CAUSES.values())),
)  # fmt: skip

ANOMALIES: tuple[Anomaly, ...] = (
    Anomaly("tpdu_length_mismatch", "COTP's length indicator is too short for its kind or reaches beyond the packet", "ISO 8073 13.2.1"),
    Anomaly("tpdu_parameters_malformed", "A parameter of a connection request reaches beyond the header", "ISO 8073 13.2.3"),
    Anomaly("tpdu_number_not_zero", "A data TPDU is numbered, which class 0 does not do", "ISO 8073 13.7.3"),
    Anomaly("tpdu_not_class_0", "A TPDU that class 0 does not have: expedited data, acknowledgement, reject", "RFC 1006 6"),
    Anomaly("tpdu_unknown", "The code of no TPDU", "ISO 8073 13.2.2.1"),
    Anomaly("fragments_without_end", "Fragments that pass every message's longest length without an end mark", "ISO 8073 13.7.3"),
    Anomaly("payload_unknown", "Payload of another kind on a connection whose protocol was known"),
)  # fmt: skip
