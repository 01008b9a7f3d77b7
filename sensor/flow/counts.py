"""Everything this stage counted, and the bytes it keeps at the moment.

The rule it lives by: what is dropped, mended or doubted has a name here.
"""

from typing import Final

from mypy_extensions import i64  # noqa: TC002  a compiled class needs it at run time

MAX_BUFFERED: Final = 67_108_864  # bytes kept for all flows: 64 MiB is 250 streams with full buffers both ways
PRESSURE: Final = MAX_BUFFERED // 2  # from here on, frames that wait for their rest too long are dropped


class Spoken:
    """How well the conversations of one protocol could be read."""

    def __init__(self) -> None:
        self.conversations: i64 = 0  # recognised
        self.messages: i64 = 0
        self.payload_bytes: i64 = 0
        self.illegible: i64 = 0
        self.skipped_bytes: i64 = 0  # between illegible bytes or a gap and the next plausible frame
        self.unread_bytes: i64 = 0  # of conversations given up, and of those on its ports that never were of it
        self.gave_up: i64 = 0
        self.unrecognised: i64 = 0  # conversations on its ports that never were of it
        self.gaps: i64 = 0
        self.gap_bytes: i64 = 0
        self.talks: i64 = 0  # conversations between two pulses of which both sides, or enough of one, were heard
        self.one_way: i64 = 0  # those of one side only

    def take(self, other: "Spoken") -> None:
        """Add what was counted elsewhere."""
        self.conversations += other.conversations
        self.messages += other.messages
        self.payload_bytes += other.payload_bytes
        self.illegible += other.illegible
        self.skipped_bytes += other.skipped_bytes
        self.unread_bytes += other.unread_bytes
        self.gave_up += other.gave_up
        self.unrecognised += other.unrecognised
        self.gaps += other.gaps
        self.gap_bytes += other.gap_bytes
        self.talks += other.talks
        self.one_way += other.one_way

    def named(self) -> dict[str, int]:
        """Return every counter under its name."""
        return {
            "conversations": self.conversations,
            "messages": self.messages,
            "payload_bytes": self.payload_bytes,
            "illegible": self.illegible,
            "skipped_bytes": self.skipped_bytes,
            "unread_bytes": self.unread_bytes,
            "gave_up": self.gave_up,
            "unrecognised": self.unrecognised,
            "gaps": self.gaps,
            "gap_bytes": self.gap_bytes,
            "talks": self.talks,
            "one_way": self.one_way,
        }


class Counts:
    """Counters of one worker; `named` gives them to the health report."""

    def __init__(self) -> None:
        self.frames: i64 = 0
        self.mirror_duplicates: i64 = 0
        self.flows_opened: i64 = 0
        self.flows_closed: i64 = 0
        self.flows_evicted: i64 = 0  # the table was full
        self.flows_reused: i64 = 0  # a new connection took the ports of an old one
        self.endpoints_overflowed: i64 = 0  # flows with an end that found the table of endpoints full
        self.endpoints_forgotten: i64 = 0  # that had passed by and made room for others
        self.networks_overflowed: i64 = 0  # frames of a network that found the table of networks full
        self.claims_refused: i64 = 0  # addresses claimed by ARP that found the table of owners full
        self.seekers_refused: i64 = 0  # machines that asked by ARP and found the table full
        self.time_backwards: i64 = 0
        self.time_resets: i64 = 0  # backwards further than disorder explains
        self.time_leaps: i64 = 0  # forward over more than any pause between two signs of life
        # TCP
        self.retransmissions: i64 = 0
        self.retransmitted_bytes: i64 = 0
        self.overlaps_differ: i64 = 0
        self.out_of_order: i64 = 0
        self.gaps: i64 = 0
        self.gap_bytes: i64 = 0
        self.keep_alives: i64 = 0
        self.wild_sequences: i64 = 0
        self.wild_acknowledgements: i64 = 0
        self.wild_resets: i64 = 0
        self.held_discarded: i64 = 0  # segments behind a hole that the receiver has not got either
        self.held_refused: i64 = 0  # segments behind a hole that found no room
        # What came before that which it answers
        self.held_back: i64 = 0  # segments that waited, or stood behind one that did
        self.held_back_in_vain: i64 = 0
        # Framing
        self.messages: i64 = 0  # whole frames given to dissectors
        self.exchanges: i64 = 0
        self.recognised: i64 = 0  # conversations
        self.unrecognised: i64 = 0
        self.withdrawn: i64 = 0  # recognised, and wrongly so
        self.illegible: i64 = 0
        self.skipped_bytes: i64 = 0  # between illegible bytes or a gap and the next plausible frame
        self.truncated_datagrams: i64 = 0
        self.partials_lost: i64 = 0  # a split frame whose rest was lost, or that found no room
        self.partials_stale: i64 = 0  # a split frame dropped under pressure
        self.partials_unfinished: i64 = 0  # a split frame whose flow ended
        self.gave_up: i64 = 0
        self.oddities_hushed: i64 = 0
        self.dissector_failed: i64 = 0
        # Gauges
        self.flows: i64 = 0
        self.endpoints: i64 = 0
        self.networks: i64 = 0
        self.buffered_bytes: i64 = 0
        self.protocols: dict[str, Spoken] = {}  # as many as there are dissectors

    def spoken(self, protocol: str) -> Spoken:
        """Return the counters of one protocol."""
        spoken = self.protocols.get(protocol)
        if spoken is None:
            spoken = self.protocols[protocol] = Spoken()
        return spoken

    def named(self) -> dict[str, int]:
        """Return every counter under its name."""
        return {
            "frames": self.frames,
            "mirror_duplicates": self.mirror_duplicates,
            "flows_opened": self.flows_opened,
            "flows_closed": self.flows_closed,
            "flows_evicted": self.flows_evicted,
            "flows_reused": self.flows_reused,
            "endpoints_overflowed": self.endpoints_overflowed,
            "endpoints_forgotten": self.endpoints_forgotten,
            "networks_overflowed": self.networks_overflowed,
            "claims_refused": self.claims_refused,
            "seekers_refused": self.seekers_refused,
            "time_backwards": self.time_backwards,
            "time_resets": self.time_resets,
            "time_leaps": self.time_leaps,
            "retransmissions": self.retransmissions,
            "retransmitted_bytes": self.retransmitted_bytes,
            "overlaps_differ": self.overlaps_differ,
            "out_of_order": self.out_of_order,
            "gaps": self.gaps,
            "gap_bytes": self.gap_bytes,
            "keep_alives": self.keep_alives,
            "wild_sequences": self.wild_sequences,
            "wild_acknowledgements": self.wild_acknowledgements,
            "wild_resets": self.wild_resets,
            "held_discarded": self.held_discarded,
            "held_refused": self.held_refused,
            "held_back": self.held_back,
            "held_back_in_vain": self.held_back_in_vain,
            "messages": self.messages,
            "exchanges": self.exchanges,
            "recognised": self.recognised,
            "unrecognised": self.unrecognised,
            "withdrawn": self.withdrawn,
            "illegible": self.illegible,
            "skipped_bytes": self.skipped_bytes,
            "truncated_datagrams": self.truncated_datagrams,
            "partials_lost": self.partials_lost,
            "partials_stale": self.partials_stale,
            "partials_unfinished": self.partials_unfinished,
            "gave_up": self.gave_up,
            "oddities_hushed": self.oddities_hushed,
            "dissector_failed": self.dissector_failed,
            "flows": self.flows,
            "endpoints": self.endpoints,
            "networks": self.networks,
            "buffered_bytes": self.buffered_bytes,
        }
