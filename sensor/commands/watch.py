"""`otsensor watch`: the sensor on a span port.

The rule it lives by: it opens what it needs, gives up what it needed for that, and only then looks at a frame.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import signal
import socket
import sys
from typing import TYPE_CHECKING

from rich.text import Text

from sensor import config as configuration
from sensor.capture.live import LiveError, RingSettings
from sensor.commands.exits import OK
from sensor.config import Config, ConfigError, WriteSettings
from sensor.console.live.ending import ending
from sensor.console.live.loglines import LogLines
from sensor.console.live.view import LiveView
from sensor.console.summary import console
from sensor.guard.health.endpoint import ListenError
from sensor.guard.protection import GuardError
from sensor.store.reader import Reader
from sensor.watching.parts import Asked, Known
from sensor.watching.showing import Showing
from sensor.watching.start import start

if TYPE_CHECKING:
    import argparse


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `otsensor watch`."""
    watch = verbs.add_parser("watch", help="listen on span ports: receive-only, for months")
    watch.add_argument("interfaces", nargs="*", metavar="IFACE", help="an interface that gets a mirror's frames")
    watch.add_argument("--config", type=pathlib.Path, metavar="FILE", help="configuration (YAML); options here win")
    watch.add_argument("--db", type=pathlib.Path, metavar="FILE", help="keep what is found in this SQLite file")
    watch.add_argument(
        "--alerts", type=pathlib.Path, metavar="FILE", help="append alerts to this file as ECS JSON lines"
    )
    watch.add_argument(
        "--workers", type=int, metavar="N", help="capture workers, each a process of its own (default 1)"
    )
    watch.add_argument("--filter", metavar="EXPR", help="only frames that this lets through, in tcpdump's syntax")
    watch.add_argument("--site", metavar="NAME", help="name of the site")
    watch.add_argument("--segment", metavar="NAME", help="name of the network segment")
    watch.add_argument(
        "--rules", type=pathlib.Path, action="append", default=[], metavar="PATH",
        help="rules instead of the ones shipped (may be repeated)",
    )  # fmt: skip
    watch.add_argument(
        "--protocols", type=pathlib.Path, action="append", default=[], metavar="DIR",
        help="a folder with protocols of your own (may be repeated)",
    )  # fmt: skip
    watch.add_argument("--user", metavar="NAME", help="user to become once all is open (default otsensor, else nobody)")
    watch.add_argument(
        "--allow-addresses", action="store_true", help="listen on an interface that has an IP address, too"
    )
    watch.add_argument("--no-sandbox", action="store_true", help="do without seccomp and Landlock")
    watch.add_argument("--write", type=pathlib.Path, metavar="DIR", help="keep a rotating capture in this folder")
    watch.add_argument("--log", action="store_true", help="write lines, not a picture, on a terminal too")
    watch.add_argument("--log-format", choices=("text", "json"), default="text", help="of these lines")
    watch.add_argument("--log-behaviours", action="store_true", help="a line for each new behaviour, too")
    watch.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run `otsensor watch`."""
    hung_up: list[int] = []  # a reload asked for before there is what could reload, which would end the process
    signal.signal(signal.SIGHUP, lambda number, _frame: hung_up.append(number))
    asked = asked_for(options)
    known = Known.load(asked.config)
    drawn = sys.stdout.isatty() and not options.log and options.log_format == "text"
    face = LiveView(console()) if drawn else lines(options)
    showing = Showing(face, asked)
    try:
        session = start(asked, known, ring_settings(asked.config), showing)
    except (LiveError, ListenError, GuardError) as error:
        raise ConfigError(str(error)) from None
    session.asked_to_reload = bool(hung_up)
    with contextlib.closing(face) if isinstance(face, LiveView) else contextlib.nullcontext():
        session.run()
    if drawn:
        tell(showing)
    return OK


def lines(options: argparse.Namespace) -> LogLines:
    """Return what writes lines."""
    return LogLines(sys.stdout, as_json=options.log_format == "json", behaviours=options.log_behaviours)


def tell(showing: Showing) -> None:
    """Print what the watch has found, where a picture was until now."""
    with Reader(pathlib.Path(showing.scene.store)) as reader:
        run_number = max(row["run"] for row in reader.rows("runs"))
        rows = {kind: list(reader.rows(kind, run_number)) for kind in ("assets", "behaviours", "alerts")}
    for part in ending(showing.scene, rows):
        console().print(part, soft_wrap=isinstance(part, Text))


def effective(options: argparse.Namespace) -> Config:
    """Return the configuration as the file and the options have it; options win. Raises ConfigError."""
    config = configuration.load(options.config) if options.config is not None else Config()
    given = {name: getattr(options, name) for name in ("site", "segment", "db") if getattr(options, name) is not None}
    given |= {name: tuple(getattr(options, name)) for name in ("rules", "protocols") if getattr(options, name)}
    names = ("workers", "filter", "user")
    wanted = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    wanted |= {"allow_addresses": True} if options.allow_addresses else {}
    wanted |= {"sandbox": False} if options.no_sandbox else {}
    if options.write is not None:
        kept = config.watch.write or WriteSettings()
        wanted |= {"write": dataclasses.replace(kept, folder=options.write)}
    return dataclasses.replace(config, **given, watch=dataclasses.replace(config.watch, **wanted))


def asked_for(options: argparse.Namespace) -> Asked:
    """Return what is asked for, from configuration and options. Raises ConfigError."""
    config = effective(options)
    interfaces = tuple(options.interfaces) or config.watch.interfaces
    if not interfaces:
        there = ", ".join(name for _, name in socket.if_nameindex() if name != "lo") or "none"
        raise ConfigError(f"no interface named, on the command line or under watch: interfaces; there are: {there}")
    if config.db is None:
        raise ConfigError("no --db FILE given, nor db: in the configuration: what is found is kept there")
    return Asked(config, interfaces, config.db, options.config, options.alerts, lambda: effective(options))


def ring_settings(config: Config) -> RingSettings:
    """Return how interfaces are listened to."""
    watch = config.watch
    return RingSettings(watch.filter, watch.promiscuous, watch.hardware_times, watch.ring_size, watch.snap_length)
