"""`otsensor doctor elasticsearch` and `otsensor doctor IFACE…`: say what is wrong, and what mends it.

The rule it lives by: it changes nothing, and it ends with 1 where something is wrong, so that a script can ask it.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Final

import orjson

from sensor import config as configuration
from sensor.commands import clusters
from sensor.commands.exits import OK, PARTLY
from sensor.config import ConfigError
from sensor.console.legible import legible
from sensor.guard.doctor import examination
from sensor.guard.doctor.finding import WRONG, Finding
from sensor.guard.doctor.want import Want

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

CLUSTER: Final = "elasticsearch"
SECONDS: Final = 5.0  # enough for the polls of a slow plant; people wait for it
LONGEST: Final = 3600.0
FOR_CLUSTERS: Final = ("destination", "namespace")
WIDTH: Final = len("warning")


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    doctor = verbs.add_parser("doctor", help="say what is wrong with a span port, or with the way to the cluster")
    doctor.add_argument(
        "what", nargs="*", metavar="IFACE|elasticsearch",
        help="interfaces (those of the configuration unless told), or the cluster",
    )  # fmt: skip
    clusters.place(doctor)
    doctor.add_argument(
        "--seconds", type=float, metavar="N", help=f"listen so long on the interfaces ({SECONDS:g}); 0: not at all"
    )
    doctor.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    doctor.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run `otsensor doctor`."""
    if CLUSTER in options.what:
        if len(options.what) > 1:
            raise ConfigError(f"{CLUSTER} is asked about alone; expected otsensor doctor {CLUSTER}, or interfaces")
        if options.seconds is not None:
            raise ConfigError(f"--seconds is for interfaces, not for {CLUSTER}")
        return tell(of_cluster(options), as_json=options.json)
    for name in FOR_CLUSTERS:
        if getattr(options, name) is not None:
            raise ConfigError(f"--{name} is for {CLUSTER}, not for interfaces")
    return tell(examination.run(wanted(options)), as_json=options.json)


def of_cluster(options: argparse.Namespace) -> Iterator[Finding]:
    """Look at the cluster."""
    from sensor.ship.elastic import doctor  # noqa: PLC0415  # who asks about interfaces needs no client

    settings = clusters.chosen(options)
    namespace = clusters.checked(options.namespace or settings.values["namespace"])
    with clusters.opened(settings) as cluster:
        for one in doctor.run(cluster, namespace):
            yield Finding(one.level, "", "", one.what, "", one.advice)


def wanted(options: argparse.Namespace) -> Want:
    """Return what is meant to be, as `otsensor watch` would be told it."""
    config = configuration.load(options.config) if options.config is not None else configuration.Config()
    watch = config.watch
    names = tuple(dict.fromkeys(options.what or watch.interfaces))
    if not names:
        raise ConfigError("no interface: name some (otsensor doctor span0), or give --config FILE that does")
    seconds = SECONDS if options.seconds is None else options.seconds
    if not 0 <= seconds <= LONGEST:
        raise ConfigError(f"--seconds {seconds:g}: expected 0 to {LONGEST:g}")
    folder = (options.config.absolute().parent,) if options.config is not None else ()
    shared = {field.name for field in dataclasses.fields(Want)} & {field.name for field in dataclasses.fields(watch)}
    return Want(
        interfaces=names, db=config.db, write=watch.write.folder if watch.write is not None else None,
        reads=(*folder, *config.rules, *config.protocols), seconds=seconds,
        **{name: getattr(watch, name) for name in shared - {"interfaces", "write"}},
    )  # fmt: skip


def tell(findings: Iterable[Finding], *, as_json: bool) -> int:
    """Print findings as they come; return the exit code."""
    grave, told = False, []
    for one in findings:
        grave = grave or one.level == WRONG
        if as_json:
            told.append(plain(one))
            continue
        print(legible(f"{one.level:<{WIDTH}}  {one.line}"), flush=True)
        if one.advice:
            print(legible(f"{'':<{WIDTH}}  {one.advice}"))
    if as_json:
        document = {"well": not grave, "findings": told}
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return PARTLY if grave else OK


def plain(finding: Finding) -> dict[str, str]:
    """Return a finding as it stands in JSON: levels in small letters, empty things left out."""
    return {key: value for key, value in {**finding._asdict(), "level": finding.level.lower()}.items() if value}
