"""Everything that can be configured: each key with its name, meaning, kind, default and range.

The rule it lives by: here and nowhere else. What the file is checked against, `otsensor config show` and
docs/configuration.md are made from these declarations; those of destinations stand with each kind of destination.
"""

from __future__ import annotations

import dataclasses
import pathlib
import platform
import re
from typing import TYPE_CHECKING, Final

from sensor import build
from sensor.guard.health.settings import HealthSettings
from sensor.keys.key import key
from sensor.keys.problems import quoted
from sensor.ship import settings as shipping
from sensor.ship.destination import MESSAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.ship.destination import Settings

GB: Final = 10**9
DAY: Final = 86_400.0  # s
MAX_INTERFACES: Final = 64  # each has a ring in every worker
# What the kernel takes: at most fifteen bytes, no slash, no space, neither of the two names of folders.
INTERFACE: Final = re.compile(r"(?!\.{1,2}\Z)[^\s/:]{1,15}")


@dataclasses.dataclass(frozen=True, slots=True)
class WriteSettings:
    """`watch: write:`, a rotating capture beside the watching."""

    folder: pathlib.Path = key(
        "folder for the capture files; nothing but the sensor writes there", "file", pathlib.Path(), required=True,
        example="captures",
    )  # fmt: skip
    max_size: int = key("size of all of them beyond which the oldest go", "bytes", 10 * GB, least=10**6)
    max_age: float = key("age beyond which they go", "seconds", 7 * DAY, least=60)
    file_size: int = key("size at which the next file is begun", "bytes", 10**8, least=10**5)
    file_age: float = key("time after which the next file is begun", "seconds", 3_600.0, least=1)

    def faults(self) -> Iterator[tuple[str, str]]:
        """Say what is wrong between the keys."""
        if self.file_size > self.max_size:
            yield "file_size", "one file would be larger than max_size, which holds for all of them"
        if self.file_age > self.max_age:
            yield "file_age", "one file would span more than max_age"


@dataclasses.dataclass(frozen=True, slots=True)
class WatchSettings:
    """`watch:`, how the sensor listens on span ports."""

    interfaces: tuple[str, ...] = key(
        "interfaces to listen on, unless the command line names some", "texts", (), example=["span0", "span1"]
    )
    workers: int = key("capture workers, each a process of its own", "whole", 1, least=1, most=64)
    filter: str = key("only frames that this lets through, in tcpdump's syntax", default="", example="not port 22")
    promiscuous: bool = key("take frames that are meant for others", "flag", default=True)
    hardware_times: bool = key("take the network card's times where it has them", "flag", default=False)
    ring_size: int = key(
        "memory for frames that wait, for each interface and worker", "bytes", 64 * 10**6, least=2 << 20, most=4 << 30
    )
    snap_length: int = key("bytes kept of each frame", "whole", 65_535, least=64, most=196_608)
    hold_back: int = key(  # ns
        "how long frames wait for earlier ones from the other port of a tap", "nanoseconds", 2_000_000, most=10**9
    )
    allow_addresses: bool = key("listen on an interface that has an IP address", "flag", default=False)
    user: str = key('user to become once all is open ("nobody" where there is none of this name)', default="otsensor")
    sandbox: bool = key("shut the process in by seccomp and Landlock, where the kernel has them", "flag", default=True)
    write: WriteSettings | None = key(
        "keep a rotating capture beside it; off unless given", "section", section=WriteSettings, optional=True
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        """Say what is wrong between the keys."""
        if len(self.interfaces) > MAX_INTERFACES:
            yield "interfaces", f"{len(self.interfaces):,} interfaces, expected at most {MAX_INTERFACES}"
            return
        for name in self.interfaces:
            if not INTERFACE.fullmatch(name) or len(name.encode()) > 15:
                yield "interfaces", f"{quoted(name)} is no name of an interface: at most 15 bytes without / : or spaces"
        for name in sorted({name for name in self.interfaces if self.interfaces.count(name) > 1}):
            yield "interfaces", f"{quoted(name)} is given twice"


@dataclasses.dataclass(frozen=True, slots=True)
class Config:
    """A checked configuration."""

    sensor: str = key(
        "name of this sensor, part of every document's id (default: the machine's)", default="", example="north-1"
    )
    site: str = key("name of the site, part of every asset's key", default="", example="north-works")
    segment: str = key("name of the network segment, part of every asset's key", default="", example="cell-1")
    interfaces: dict[str, str] = key(
        "capture interface or file name to segment, where one sensor sees several", "names", example={"span1": "cell-2"}
    )
    assets: dict[str, str] = key(
        "address to the name people use for the machine", "machines",
        example={"192.168.10.21": "intake PLC", "00:1b:1b:5d:e0:48": "filter PLC"},
    )  # fmt: skip
    destinations: tuple[Settings, ...] = key(
        "where documents are shipped to", "list", (), read=shipping.destinations,
        example=({"type": "elasticsearch", "hosts": "https://es.example:9200", "api_key_file": "es.key"},),
    )  # fmt: skip
    outbox: shipping.Limits = key(
        "how much waits for destinations that do not answer", "section", section=shipping.Limits
    )
    watch: WatchSettings = key("how otsensor watch listens on span ports", "section", section=WatchSettings)
    db: pathlib.Path | None = key(
        "the store: one SQLite file, which is also the outbox", "file", example="/var/lib/otsensor/otsensor.db"
    )
    rules: tuple[pathlib.Path, ...] = key("rules instead of the ones shipped", "files", (), example=["my-rules/"])
    protocols: tuple[pathlib.Path, ...] = key(
        "folders with protocols of your own", "files", (), example=["my-protocols/"]
    )
    health: HealthSettings = key("what the sensor tells of itself", "section", section=HealthSettings)

    @property
    def messages_a_day(self) -> float:
        """Bytes a day of documents of single messages, 0 where no destination asks for them."""
        asked = any(MESSAGE in one.filter.kinds for one in self.destinations)
        return self.outbox.max_messages if asked else 0.0

    @property
    def observer(self) -> dict[str, str]:
        """Who observes, as every document says it."""
        name = self.sensor or platform.node() or "otsensor"
        return {"observer.name": name, "observer.version": build.version()}

    def place(self, *names: str) -> tuple[str, str]:
        """Return site and segment of a frame source known by any of `names`."""
        for name in names:
            if name in self.interfaces:
                return self.site, self.interfaces[name]
        return self.site, self.segment
