"""Whether the span port shows what it should: pulses and counters in, concerns out.

The rule it lives by: it judges over windows of capture time, by the span's own past and by declared thresholds; empty
blocks carry the time, so silence is judged as well. A capture that is read (`live` false) is judged by its counters
only: that a file ends or begins again is no silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sensor.detect.fields import CONCERNS
from sensor.flow.clock import DISORDER
from sensor.guard.health.growth import flat, grown
from sensor.guard.health.settings import HealthSettings
from sensor.guard.health.shares import Shares
from sensor.guard.health.silence import SECOND, Rhythm, Silences
from sensor.guard.health.standing import Standings
from sensor.guard.health.usual import Usual
from sensor.guard.health.verdict import ALL, Verdict, named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sensor.detect.concern import Concern
    from sensor.guard.health.growth import Growth

LONGEST_STEP: Final = 30 * SECOND  # between two looks; more is a clock that was set, or a sensor that stood still
PAUSES_OF_ALL: Final = 3  # times the usual pause of everything together
KERNEL: Final = "kernel_drops"
NOT_LOST: Final = ("kernel_freezes", "truncated", "hold_back_overrun")  # counters beside the drops that are none
TABLES: Final = (
    "flows_evicted", "endpoints_overflowed", "networks_overflowed", "held_refused", "talkers_left_out", "pairs_refused",
    "behaviours_refused", "operations_refused", "fragments_evicted",
)  # fmt: skip
TABLES_AFTER: Final = ("networks_refused", "assets_refused", "acquaintances_refused")  # behind the line
STATES: Final = ("up", "down", "gone")  # of an interface; what else has a state is none
CLOCK: Final = ("time_resets", "time_leaps")


class SpanQuality:
    """Judges one sensor's span, whatever number of workers listen to it."""

    def __init__(self, settings: HealthSettings | None = None, *, live: bool = True) -> None:
        self.settings = settings or HealthSettings()
        self.live = live
        self.standings = Standings(self.settings.calm)
        self.shares = Shares(self.settings)
        self.networks = Silences("network_silent", self.settings)
        self.talkers = Silences("talker_silent", self.settings)
        self.usual = Usual(self.settings.traffic_fallen)
        self.all: Rhythm | None = None  # of everything together
        self.before: dict[str, Growth] = {}  # worker -> its last pulse
        self.dropped: dict[str, int] = {}  # as they stood at the last look
        self.restarted: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self.window: dict[str, int] = {}  # what grew in this window, by name
        self.began = self.looked = 0  # capture time of the window's beginning, and of the last look
        self.steady = 0  # ns: adds up how time went on
        self.sound = 0  # the same, without the time in which the span as a whole was dead

    def adopt(self, settings: HealthSettings) -> None:
        """Go by other settings from now on; what is known of the span is kept."""
        self.settings = self.shares.settings = self.networks.settings = self.talkers.settings = settings
        self.standings.calm = settings.calm
        self.usual.percent = settings.traffic_fallen

    # --- What is taken in -----------------------------------------------------------------------------

    def take(self, pulse: Mapping[str, Any], drops: Mapping[str, int], time: int) -> list[Concern]:
        """Take the pulse of the only worker, and judge."""
        self.hear(pulse)
        return self.judge(time, drops)

    def hear(self, pulse: Mapping[str, Any], worker: str = "") -> None:
        """Take the pulse of one worker."""
        if pulse["time"]:
            self.go_on(pulse["time"])
        after = flat(pulse)
        growth = grown(self.before.get(worker, {}), after)
        self.before[worker] = after
        self.shares.add(growth)
        for (group, where, name), count in growth.items():
            if group == "":
                self.window[name] = self.window.get(name, 0) + count
            elif group == "network" and name == "frames":
                self.networks.hear(where, self.sound)
        places = [tuple(lane[:4]) for lane in pulse["lanes"]]
        for number, address, _time in pulse["talkers"]:
            self.talkers.hear((places[number], address), self.sound)
        if growth.get(("", "", "frames")) and self.all is not None:
            self.all.hear(self.steady)

    def judge(
        self,
        time: int,
        drops: Mapping[str, int] | None = None,
        interfaces: Mapping[str, str] | None = None,
        restarts: Mapping[str, int] | None = None,
        store: str = "",
        shipper: str = "",
        full: Mapping[str, int] | None = None,
        *,
        last: bool = False,
    ) -> list[Concern]:
        """Judge at this capture time; some seconds apart.

        `drops`: counters of what was dropped, by name; `interfaces`: "up", "down" or "gone" by name; `restarts`: of
        each worker; `store`: why it cannot be written; `shipper`: why nothing keeps it alive; `full`: what found no
        room, by TABLES_AFTER. `last`: nothing follows, so the window ends now.
        """
        self.go_on(time)
        self.grow(self.dropped, drops or {}, "drops ")
        self.grow(self.restarted, restarts or {}, "restarts ")
        self.grow(self.refused, full or {}, "")
        interfaces = {name: state for name, state in (interfaces or {}).items() if state in STATES}
        dead = {name for name, state in interfaces.items() if state != "up"}
        over = last or time - self.began >= self.settings.window * SECOND
        told: list[Concern] = []
        for verdict in (*self.instant(interfaces, dead), *kept(store, shipper)):
            told += self.standings.take(verdict, time, time, at_once=verdict.kind == "no_traffic", again=over)
        if self.live and not self.dead():
            told += self.silent(time, again=over)
        if over:
            for verdict in self.over_window():
                told += self.standings.take(verdict, time, self.began)
            self.window = {}
            self.began = time
        return told

    # --- Time -----------------------------------------------------------------------------------------

    def begin(self, time: int) -> None:
        """Let the first window begin, where it does not begin with the first look."""
        if self.all is None:
            self.all = Rhythm(self.steady)
            self.began = self.looked = time

    def go_on(self, time: int) -> None:
        """Let time go on since the last look."""
        self.begin(time)
        if 0 < self.looked - time <= DISORDER:
            return
        step = min(max(time - self.looked, 0), LONGEST_STEP)
        self.began = min(self.began, time)
        self.looked = time
        self.steady += step
        if not self.dead():
            self.sound += step

    def grow(self, before: dict[str, int], after: Mapping[str, int], prefix: str) -> None:
        """Take counters that only grow, but for those of a worker that began anew."""
        for name, count in after.items():
            whole = prefix + name
            self.window[whole] = self.window.get(whole, 0) + max(count - before.get(name, 0), 0)
            before[name] = count

    # --- What is judged at every look -----------------------------------------------------------------

    def instant(self, interfaces: Mapping[str, str], dead: set[str]) -> Iterator[Verdict]:
        """Judge what needs no window."""
        known = {one.concern.where for one in self.standings.standing.values() if one.concern.kind == "interface_down"}
        for name in sorted(known - interfaces.keys()):
            yield Verdict("interface_down", name, bad=False)  # it is no longer listened on
        for name, state in interfaces.items():
            yield Verdict("interface_down", name, name in dead, f"the interface is {state}", "up")
        if self.live and self.all is not None and not (interfaces and len(dead) == len(interfaces)):
            silence = self.steady - self.all.last
            bad = self.all.overdue(self.steady, self.settings.no_traffic_after * SECOND, PAUSES_OF_ALL)
            yield Verdict("no_traffic", ALL, bad, f"no frame for {silence // SECOND:,} s", "some frames",
                          self.looked - silence)  # fmt: skip

    def silent(self, time: int, *, again: bool) -> list[Concern]:
        """Judge who is missed: a silent network excuses its machines. `again`: it is told that this goes on."""
        told: list[Concern] = []
        for place, verdict in self.networks.judge(self.sound, set()):
            found = Verdict(verdict.kind, named(place), verdict.bad, verdict.found, verdict.expected, place=place)
            told += self.standings.take(found, time, time, at_once=True, again=again)
        quiet = self.networks.missed
        excused = {who for who in self.talkers.known if who[0] in quiet} if quiet else set()
        for (place, address), verdict in self.talkers.judge(self.sound, excused):
            found = Verdict(verdict.kind, address, verdict.bad, verdict.found, verdict.expected, place=place,
                            address=address)  # fmt: skip
            told += self.standings.take(found, time, time, at_once=True, again=again)
        return told

    # --- What is judged at the end of a window --------------------------------------------------------

    def over_window(self) -> Iterator[Verdict]:
        """Judge what has grown in the window."""
        yield from self.shares.judge()
        yield from self.lost()
        for name in (*TABLES, *TABLES_AFTER):
            count = self.window.get(name, 0)
            yield Verdict("table_full", name, count > 0, f"{count:,} found no room", "room for all there is")
        clock = sum(self.window.get(name, 0) for name in (CLOCK if self.live else CLOCK[:1]))
        found = f"the clock was set {clock:,} times"
        yield Verdict("clock_step", ALL, clock > 0, found, "a clock that is slewed (NTP, PTP)")
        for name, count in self.growths("restarts "):
            yield Verdict("worker_died", name, count > 0, f"started anew {count:,} times", "a worker that lives")
        if self.live and not self.dead():
            yield self.usual.judge(self.window.get("frames", 0), self.looked)

    def lost(self) -> Iterator[Verdict]:
        """Judge what was dropped, by the kernel for each interface, and by ourselves."""
        frames = self.window.get("frames", 0)
        for name, count in self.growths("drops "):
            what, _, where = name.partition(".")
            if what == KERNEL:
                bad = count > 0 and 100 * count >= self.settings.kernel_drops * (frames + count)
                found = f"{count:,} frames dropped beside {frames:,} read"
                yield Verdict(KERNEL, where, bad, found, "none: a larger ring, more workers, or a filter")
            elif what not in NOT_LOST:
                yield Verdict("own_drops", name, count > 0, f"{count:,} dropped", "none")

    def growths(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Return what grew in this window of the counters that were given beside the pulse."""
        for name, count in self.window.items():
            if name.startswith(prefix):
                yield name.removeprefix(prefix), count

    # --- What stands ----------------------------------------------------------------------------------

    def stands(self, kind: str) -> bool:
        """Say whether a concern of this kind stands."""
        return any(one.concern.kind == kind for one in self.standings.standing.values())

    def dead(self) -> bool:
        """Say whether what is not heard needs no other reason."""
        return self.stands("no_traffic") or self.stands("interface_down")

    def concerns(self) -> list[Concern]:
        """Return the concerns that stand."""
        return self.standings.concerns()

    def counts(self) -> dict[str, int]:
        """Return what was counted, by name."""
        hushed = self.standings.hushed + self.networks.hushed + self.talkers.hushed
        refused = self.networks.refused + self.talkers.refused
        standing = dict.fromkeys(CONCERNS, 0)
        for one in self.standings.standing.values():
            standing[one.concern.kind] += 1
        return {
            "concerns": self.standings.begun,
            "concerns_open": len(self.standings.standing),
            "concerns_hushed": hushed,
            "rhythms_refused": refused,
            **{f"concern_{kind}": count for kind, count in standing.items() if count},
        }


def kept(store: str, shipper: str) -> Iterator[Verdict]:
    """Judge whether what is found is kept and passed on: by what ails the store and the shipper, "" where nothing."""
    yield Verdict("store_unwritable", "the store", bool(store), store, "a store that can be written")
    yield Verdict("shipper_ended", "the shipper", bool(shipper), shipper, "one that is kept alive: restart the sensor")
