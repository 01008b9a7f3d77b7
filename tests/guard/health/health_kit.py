"""A span made by hand: what a worker's pulse says, as capture time goes on."""

from sensor.guard.health.settings import HealthSettings
from sensor.guard.health.span import SpanQuality

SECOND = 1_000_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
START = 1_700_000_000 * SECOND
HOME = ("works", "cell", "", "")
EVERY = 10  # s between two looks, as live


class Span:
    """One worker that listens to one span, and who judges it."""

    def __init__(self, live=True, **settings):
        self.quality = SpanQuality(HealthSettings(**settings), live=live)
        self.time = START
        self.counts = {}
        self.totals = {"frames": 0, "bytes": 0, "stream_bytes": 0}
        self.lanes = {HOME: {"frames": 0, "talks": 0, "one_way": 0, "fallen": 0}}
        self.protocols = {}
        self.drops = {}
        self.interfaces = {}
        self.restarts = {}
        self.store = ""
        self.shipper = ""
        self.full = {}
        self.told = []
        self.quality.begin(START)

    def see(self, frames=1000, place=HOME, talks=0, one_way=0, fallen=0, **counts):
        """Frames came, and so much of everything else."""
        self.totals["frames"] += frames
        lane = self.lanes.setdefault(place, {"frames": 0, "talks": 0, "one_way": 0, "fallen": 0})
        for name, more in (("frames", frames), ("talks", talks), ("one_way", one_way), ("fallen", fallen)):
            lane[name] += more
        for name, more in counts.items():
            of = self.totals if name in self.totals else self.counts
            of[name] = of.get(name, 0) + more

    def speak(self, protocol, **counts):
        """So much was said in a protocol."""
        known = self.protocols.setdefault(protocol, {})
        for name, more in counts.items():
            known[name] = known.get(name, 0) + more

    def pulse(self, talkers=()):
        """What the worker says."""
        places = list(self.lanes)
        lanes = [
            [*place, lane["frames"], self.time, lane["talks"], lane["one_way"], lane["fallen"]]
            for place, lane in self.lanes.items()
        ]
        heard = [[places.index(place), address, self.time] for place, address in talkers]
        return {
            **self.totals,
            "time": self.time,
            "counts": dict(self.counts),
            "lanes": lanes,
            "talkers": heard,
            "protocols": {name: dict(counts) for name, counts in self.protocols.items()},
        }

    def look(self, talkers=(), wait=EVERY):
        """Time goes on, and the span is judged; return what was told."""
        self.time += wait * SECOND
        self.quality.hear(self.pulse(talkers))
        told = self.quality.judge(
            self.time, self.drops, self.interfaces, self.restarts, self.store, self.shipper, self.full
        )
        self.told += told
        return told

    def window(self, talkers=(), frames=1000, place=HOME, **seen):
        """A minute in which so much came; return what was told in it."""
        told = []
        looks = 60 // EVERY
        self.see(frames % looks, place, **seen)
        for _ in range(looks):
            self.see(frames // looks, place)
            told += self.look(talkers)
        return told

    def run(self, windows, talkers=(), **seen):
        """Minutes alike; return what was told in all of them."""
        return [one for _ in range(windows) for one in self.window(talkers, **seen)]


def kinds(concerns):
    """What they are about, and which of them are over."""
    return [(one.kind, one.over) for one in concerns]
