"""The words all protocols share: `ot.*`, and what can be odd about a stream whatever it carries.

There is no OT field set in ECS; what a protocol says in its own words lies under its own name, all else here.
"""

from sensor.contract import ACTIONS, OUTCOME_NAMES
from sensor.vocabulary import Anomaly, Field

NEWS = ("client", "operation", "target", "range", "widened")


def side(end: str, whose: str) -> tuple[Field, ...]:
    """Declare what is known of one end of an exchange."""
    asset = f"ot.{end}.asset"
    return (
        Field(f"{asset}.name", "keyword", f"Name of the {whose}'s asset, as found or configured"),
        Field(f"{asset}.role", "keyword", f"What the {whose} is for, judged by its conduct: master, controller ..."),
        Field(f"{asset}.level", "keyword", f"Purdue level of the {whose}: 0 to 5, 3.5 for the DMZ"),
        Field(f"{asset}.zone", "keyword", f"IEC 62443 zone of the {whose}"),
        Field(f"{asset}.vendor", "keyword", f"Vendor of the {whose}"),
        Field(f"{asset}.model", "keyword", f"Model of the {whose}"),
    )


FIELDS: tuple[Field, ...] = (
    # --- What was done
    Field("ot.action", "keyword", "What was done, in the one vocabulary of all protocols", identity=True, values=tuple(sorted(ACTIONS))),
    Field("ot.operation", "keyword", "What was done, in the protocol's own words: read_holding_registers", identity=True),
    Field("ot.unit", "keyword", "Whom inside the server: Modbus unit, DNP3 outstation address, S7 rack/slot", identity=True),
    Field("ot.target", "keyword", "What it was done to: holding_register 100-139", many=True, identity=True),
    Field("ot.range.space", "keyword", "Space of addresses of each target: holding_register, DB1.DBB, MX (bits), g12", many=True, identity=True),
    Field("ot.range.first", "long", "First address of each target; of bits byte times 8 plus bit", many=True, identity=True),
    Field("ot.range.last", "long", "Last address of each target", many=True, identity=True),
    Field("ot.outcome", "keyword", "How it ended", identity=True, values=OUTCOME_NAMES),
    Field("ot.refusal_code", "long", "The protocol's own code of a refusal", identity=True),
    Field("ot.latency_ms", "double", "From request to response", unit="ms"),
    Field("ot.anomalies", "keyword", "What was odd about the messages, their pairing or their stream", many=True),
    # --- The behaviour it belongs to
    Field("ot.behaviour.id", "keyword", "Stable id of the behaviour: a hash of who, whom, protocol, operation, unit and target", identity=True),
    Field("ot.behaviour.new", "keyword", "What is new about it: the client, the operation, the target, a range, a wider range", identity=True, values=NEWS),
    Field("ot.behaviour.count", "long", "How often it was seen so far"),
    Field("ot.behaviour.ranged", "boolean", "The target is a range that widens, after many exact ones", identity=True),
    # --- Who is who
    *side("source", "client"),
    *side("destination", "server"),
    Field("ot.source.late", "boolean", "The client first spoke to this server more than ten seconds after the server was first seen, and less than a day ago", identity=True),
    Field("ot.source.newcomer", "boolean", "The client came late, or has not repeated itself while another client polls this server already", identity=True),
    Field("ot.site", "keyword", "Site of the point of observation, as configured"),
    Field("ot.segment", "keyword", "Segment of the point of observation, as configured"),
    Field("ot.vlan", "keyword", "VLAN tags, outermost first, joined by dots"),
    Field("ot.tunnel", "keyword", "Outer path of tunnelled traffic"),
    # --- Alerts
    Field("ot.alert.id", "keyword", "Id of the alert, the same for all its revisions: a hash of rule, subject and first evidence"),
    Field("ot.alert.count", "long", "How often the cause was seen"),
    Field("ot.alert.values", "long", "How many different values a correlation has counted"),
    Field("ot.alert.counted.field", "keyword", "The field whose different values a correlation has counted, where it can hold but one", many=True),
    Field("ot.alert.counted.values", "keyword", "Those values, the first of them", many=True),
    Field("ot.alert.state", "keyword", "State of the alert", values=("open", "closed")),
    Field("ot.alert.revision", "long", "Number of this revision of the alert, from 1"),
    Field("ot.alert.explanation", "text", "What it means for the process, for the OT engineer"),
    Field("ot.alert.response", "text", "What is safe to do"),
    Field("ot.evidence.file", "keyword", "Capture file of each frame of the evidence", many=True),
    Field("ot.evidence.frame", "long", "Number of each frame in its file, from 1", many=True),
    Field("ot.evidence.time", "date", "Capture time of each frame", many=True),
    Field("ot.evidence.dropped", "long", "Frames that were evidence as well and are not listed"),
    # --- Assets and oddities
    Field("ot.asset.new", "boolean", "The asset was seen for the first time"),
    Field("ot.asset.attribute", "keyword", "Attribute of an asset that was found or changed: firmware, model ..."),
    Field("ot.asset.value", "keyword", "Its value now"),
    Field("ot.asset.previous", "keyword", "Its value before, absent when there was none"),
    Field("ot.oddity.kind", "keyword", "What was wrong with a stream or packet"),
    Field("ot.oddity.sample", "keyword", "Its first bytes, as hexadecimal digits"),
)  # fmt: skip

ANOMALIES: tuple[Anomaly, ...] = (
    # --- Why bytes of a stream could not be read as the protocol that was recognised
    Anomaly("not_this_protocol", "Bytes in a stream of this protocol that are not of this protocol"),
    Anomaly("bad_length", "A length field contradicts the specification"),
    Anomaly("bad_checksum", "A header checksum is wrong"),
    # --- Of a stream
    Anomaly("undissectable", "A message was whole by its framing, and yet cannot be read"),
    Anomaly("dissector_failed", "A dissector failed on a message: a fault of ours, worth a report"),
    Anomaly("gave_up", "Too many faults: the stream is counted, and no longer decoded"),
)  # fmt: skip
