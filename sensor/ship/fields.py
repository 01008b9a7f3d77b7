"""The words only documents have: what is known of an asset, a behaviour or a flow in sum, and the sensor's own health."""

from sensor.contract import OUTCOME_NAMES
from sensor.decode.oddities import ODDITY_NAMES
from sensor.detect.fields import CONCERNS
from sensor.store.tables import EXPENDABLE
from sensor.vocabulary import Field


def durations(name: str, whose: str) -> tuple[Field, ...]:
    """Declare one statistic of durations."""
    return (
        Field(f"{name}.count", "long", f"How many were measured: {whose}"),
        Field(f"{name}.mean_ms", "double", f"Mean: {whose}", unit="ms"),
        Field(f"{name}.min_ms", "double", f"Shortest: {whose}", unit="ms"),
        Field(f"{name}.max_ms", "double", f"Longest: {whose}", unit="ms"),
    )


ENDINGS = {
    "accepted": "Exchanges that were accepted",
    "refused": "Exchanges that were refused",
    "unanswered": "Requests that got no answer",
    "unsolicited": "Messages sent without having been asked for",
    "orphan": "Answers without a request",
    "no_answer_due": "Messages that ask for no answer",
    "pending": "Requests whose answer had not come when this was written",
}

HEALTH = {
    "frames": "Frames of conversations read",
    "mirror_duplicates": "Frames left out because the mirror had copied them twice",
    "flows_opened": "Conversations that began",
    "flows_closed": "Conversations that ended",
    "flows_evicted": "Conversations ended early because the table was full",
    "flows_reused": "Conversations ended by a new one on the same ports",
    "endpoints_overflowed": "Conversations with an end that found the table of endpoints full",
    "endpoints_forgotten": "Endpoints that had passed by and made room for others",
    "networks_overflowed": "Frames of a network that found the table of networks full",
    "claims_refused": "Addresses claimed by ARP that found the table of owners full",
    "seekers_refused": "Machines that asked by ARP and found the table full",
    "time_backwards": "Frames earlier than the one before",
    "time_resets": "Times the clock went back further than disorder explains",
    "time_leaps": "Times capture time went on by more than ten seconds at once",
    "frames_cut": "Frames cut short by a snap length or the mirror",
    "frames_long": "Frames longer than Ethernet has them: glued together, or jumbo frames",
    "checksums_sampled": "TCP checksums looked at, one in thirty-two",
    "checksums_unfinished": "TCP checksums not filled in by the sending host",
    "retransmissions": "TCP segments sent again",
    "retransmitted_bytes": "Bytes sent again",
    "overlaps_differ": "Bytes of a stream sent twice, and different",
    "out_of_order": "TCP segments out of order",
    "gaps": "Holes in TCP streams",
    "gap_bytes": "Bytes missing from TCP streams",
    "keep_alives": "TCP keep-alives",
    "wild_sequences": "TCP segments outside any window",
    "wild_acknowledgements": "Acknowledgements of what was never sent",
    "wild_resets": "Resets outside the window, which a receiver ignores",
    "held_discarded": "Segments behind a hole that the receiver has not got either",
    "held_refused": "Segments behind a hole that found no room",
    "held_back": "Segments that came before what they answer, and were held back a moment",
    "held_back_in_vain": "Segments held back for something that did not come",
    "messages": "Whole frames of protocols",
    "exchanges": "Requests with their answers",
    "recognised": "Conversations whose protocol was recognised",
    "unrecognised": "Conversations of no protocol we decode",
    "withdrawn": "Conversations recognised wrongly",
    "illegible": "Frames that could not be read",
    "skipped_bytes": "Bytes between what was illegible or missing and the next plausible frame",
    "truncated_datagrams": "Datagrams that end before their message does",
    "partials_lost": "Split frames whose rest was lost or found no room",
    "partials_stale": "Split frames dropped under pressure",
    "partials_unfinished": "Split frames whose conversation ended",
    "gave_up": "Conversations no longer decoded after too many faults",
    "oddities_hushed": "Oddities only counted, because too many came at once",
    "dissector_failed": "Conversations dropped by a fault of ours",
    "flows": "Conversations in the table",
    "endpoints": "Endpoints in the table",
    "networks": "Networks in the table",
    "buffered_bytes": "Bytes kept for all streams",
    "behaviours": "Behaviours known",
    "pairs": "Pairs of client and server known",
    "undissected": "Exchanges whose messages could not be decoded",
    "pairs_refused": "Pairs that found the table full",
    "behaviours_refused": "Behaviours that found the table full",
    "operations_refused": "Operations that found the table full",
    "acquaintances_refused": "Pairs that detection had no room for",
    "correlation_groups_evicted": "Groups of correlations forgotten because there were too many",
    "alerts": "Alerts raised",
    "alerts_open": "Alerts open",
    "alerts_closed_for_room": "Alerts closed because too many were open",
    "assets_refused": "Machines that found the table full",
    "assets_forgotten": "Machines that made room for others, whoever had only passed by first",
    "messages_kept": "Findings kept as documents of their own",
    "messages_repeated": "Findings that were not: the same behaviour had its share of the hour",
    "messages_over_budget": "Findings that were not: the day's volume was used up",
    "scrapes_answered": "Requests of the Prometheus endpoint that were answered",
    "scrapes_refused": "Requests of it that were none, or none of ours",
    "scrapes_dropped": "Connections to it closed before they were answered",
    "talkers_left_out": "Machines that spoke and were too many to be told",
    "concerns": "Concerns about what the sensor sees or keeps, begun",
    "concerns_open": "Concerns that stand",
    "concerns_hushed": "Concerns only counted, because too many stood",
    "rhythms_refused": "Networks and machines whose silence is not judged, because there were too many",
}

KINDS = ("alert", "asset", "behaviour", "flow", "health", "message")
GONE = {
    "pruned": "that everybody has, removed from the store",
    "expired": "removed from the store of a sensor that ships nothing, at its limits",
    "dropped": "that somebody had not got yet, dropped at the outbox's limits",
}
OUTBOX = {f"outbox_{how}_{kind}": f"Documents of kind {kind} {means}" for how, means in GONE.items() for kind in KINDS}
OUTBOX["rejected_dropped"] = "Dead letters dropped because there were too many"

# What only a watch counts; of the interfaces' own counters it is the sum.
WATCHING = {
    "kernel_drops": "Frames the kernel dropped because the ring was full",
    "kernel_freezes": "Times a full ring stood still",
    "lost_with_worker": "Frames in the hands of workers that died",
    "damaged_ring_blocks": "Blocks of a ring that could not be walked",
    "unread_at_stop": "Frames left in the rings at the end",
    "truncated": "Frames longer than the ring keeps of one",
    "vlan_tags_put_back": "Frames whose VLAN tag the kernel had taken off",
    "unfinished_checksums": "Frames of which the kernel says that their checksum is not filled in",
    "glued_by_offload": "Frames that the network card had glued together",
    "interface_returned": "Times an interface that was gone came back",
    "software_times": "Frames without the hardware time that was asked for",
    "hold_back_overrun": "Frames that came later than the hold-back waits",
    "frames_done": "Frames taken from the rings and worked through",
    "bytes": "Bytes on the wire",
    "cpu_ns": "CPU time of the workers, ns",
    "workers_died": "Workers that died, each replaced",
    "workers_hung": "Workers that said nothing and were ended",
    "workers_disbelieved": "Workers that sent what none of ours sends, and were ended",
    "records_failed": "Records of workers that a fault of ours kept the recorder from taking",
    "duties_failed": "Things due each second that a fault of ours kept from being done",
    "batches_overtaken": "Batches that came after later ones of other workers had been played",
    "flows_untold": "Ends of conversations that found the channel to the recorder full",
    "findings_untold": "Findings that found it full",
    "oddities_untold": "Oddities that found it full",
    "networks_refused": "Networks that found the recorder's table full",
    "written": "Frames kept in the rotating capture",
    "write_lost": "Frames that could not be written there",
    "write_failures": "Times writing there failed",
    "rows_written": "Rows written into the store",
    "commits": "Batches written into the store",
    "batches_mended": "Batches with a text or number that no database takes, mended",
    "reloads": "Times rules and configuration were taken anew",
    "reloads_refused": "Times what was new was wrong, and the old stayed",
    "commits_failed": "Times the store could not be written or read; what waits is written later",
    **{
        f"store_dropped_{table}": f"Rows of the table {table} dropped while the store could not be written"
        for table in EXPENDABLE
    },
    "alert_lines_failed": "Times the file of alerts could not be written; the store has them",
    "assets_left_at_end": "Machines that could not be written once more in the time an end may take",
    "behaviours_left_at_end": "Behaviours whose last minute's counts could not be written in the time an end may take",
    "scrapes_answered": "Requests of Prometheus that were answered",
    "scrapes_refused": "Requests on its address that were none, or none of ours",
    "scrapes_dropped": "Connections there that were closed before an answer was due or taken",
}

FIELDS: tuple[Field, ...] = (
    # --- Assets
    Field("ot.asset.id", "keyword", "Id of the asset: a hash of network and address"),
    Field("ot.asset.address", "keyword", "Address of the asset, IP or MAC"),
    Field("ot.asset.role", "keyword", "What it is for, judged by its conduct: master, controller ..."),
    Field("ot.asset.reason", "keyword", "Why it is thought to have this role"),
    Field("ot.asset.vendor", "keyword", "Vendor of the asset"),
    Field("ot.asset.model", "keyword", "Model of the asset"),
    Field("ot.asset.firmware", "keyword", "Firmware of the asset"),
    Field("ot.asset.serves", "keyword", "What it answers: protocol or transport, and port", many=True),
    Field("ot.asset.uses", "keyword", "What it asks others for", many=True),
    Field("ot.asset.units", "keyword", "Units behind it that answered: protocol and unit", many=True),
    # --- Behaviours in sum
    *(Field(f"ot.behaviour.{name}", "long", ENDINGS[name]) for name in OUTCOME_NAMES),
    Field(
        "ot.behaviour.refusal_codes",
        "long",
        "The protocol's own codes of its refusals; -1: more codes than are kept",
        many=True,
    ),
    *durations("ot.behaviour.latency", "from request to response"),
    *durations("ot.behaviour.interval", "from one request to the next"),
    # --- Flows
    Field("ot.flow.state", "keyword", "State of the TCP connection at its end"),
    Field("ot.flow.ending", "keyword", "Why the flow ended: finished, reset, idle ..."),
    Field("ot.flow.ethertype", "keyword", "EtherType of what is not IP, as 0x and four hexadecimal digits"),
    Field("ot.flow.source_payload", "long", "Payload sent by the opener", unit="bytes"),
    Field("ot.flow.destination_payload", "long", "Payload sent by the answerer", unit="bytes"),
    Field("ot.flow.retransmissions", "long", "TCP segments sent again"),
    Field("ot.flow.gaps", "long", "Holes in the streams"),
    Field("ot.flow.gap_bytes", "long", "Bytes missing from the streams", unit="bytes"),
    Field("ot.flow.out_of_order", "long", "TCP segments out of order"),
    Field("ot.flow.duplicates", "long", "Frames the mirror had copied twice"),
    # --- On lines that nothing comes back on
    Field("ot.feed.id", "keyword", "Which sensor's store and which way out of it"),
    Field("ot.feed.sequence", "long", "Number of the document on this way"),
    Field("ot.feed.after", "long", "Number of the document that went before it: what lies between was not meant to go"),
    Field("ot.feed.subject", "keyword", "Id of the alert, asset, behaviour or flow it is about"),
    Field("ot.feed.revision", "long", "Revision of its subject"),
    # --- The sensor itself
    *(Field(f"ot.health.{name}", "long", meaning) for name, meaning in (HEALTH | WATCHING).items()),
    *(Field(f"ot.health.{name}", "long", meaning) for name, meaning in OUTBOX.items()),
    *(Field(f"ot.health.{name}", "long", f"Packets with the oddity {name}") for name in ODDITY_NAMES if name),
    *(
        Field(f"ot.health.concern_{kind}", "long", f"Concerns that stand: {meaning}")
        for kind, meaning in CONCERNS.items()
    ),
    Field("ot.health.standing", "keyword", "The concerns that stand, a line each", many=True),
    Field("ot.health.interfaces", "keyword", "Capture interfaces, each with its state", many=True),
    Field("ot.health.other", "keyword", "Counters without a field of their own, as name=value", many=True),
)
