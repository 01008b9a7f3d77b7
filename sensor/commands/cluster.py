"""`otsensor setup elasticsearch`: make a cluster ready for what the sensor ships.

The rule it lives by: it shows what it would do before it does it, to whoever asks.
"""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from typing import TYPE_CHECKING, Final

from sensor.commands import clusters
from sensor.commands.exits import OK, PARTLY, WRONG
from sensor.console import tables
from sensor.ship.destination import Settings, Unreachable
from sensor.ship.elastic import setup as installation

if TYPE_CHECKING:
    import argparse

    from sensor.ship.destination import Settings

CREDENTIALS: Final = ("user", "password_file", "password_env", "api_key_file", "api_key_env")


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    setup_ = verbs.add_parser("setup", help="make a cluster ready for what the sensor ships")
    setup_.add_argument("what", choices=("elasticsearch",))
    clusters.place(setup_)
    setup_.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    setup_.add_argument(
        "--print", action="store_true", help="print the requests, for Kibana's console; no cluster needed"
    )
    setup_.add_argument("--ilm", action="store_true", help="keep documents by ILM policies instead of the streams' own")
    setup_.add_argument("--user", metavar="NAME", help="an administrator, instead of the one in the configuration")
    setup_.add_argument("--password-file", type=pathlib.Path, metavar="FILE", help="the file with that user's password")
    setup_.add_argument(
        "--api-key-file", type=pathlib.Path, metavar="FILE", help="the file with an administrator's key"
    )
    setup_.set_defaults(run=setup)


def setup(options: argparse.Namespace) -> int:
    """Run `otsensor setup`."""
    if options.print:
        namespace = clusters.checked(options.namespace or "default")
        print(installation.as_requests(namespace, ilm=options.ilm))
        print(installation.credentials(namespace), end="")
        return OK
    settings = as_administrator(clusters.chosen(options), options)
    namespace = clusters.checked(options.namespace or settings.values["namespace"])
    failed = False
    try:
        with clusters.opened(settings) as cluster:
            for one in installation.run(cluster, namespace, ilm=options.ilm, dry=options.dry_run):
                failed = failed or one.result == installation.FAILED
                why = f": {one.why}" if one.why else ""
                print(tables.safe(f"{one.step.what:<18}  {one.step.name:<32}  {one.result}{why}"))
    except Unreachable as error:
        print(tables.safe(f"{settings.name}: {error}; `otsensor doctor elasticsearch` says more"), file=sys.stderr)
        return WRONG
    if not options.dry_run:
        print()
        print(installation.credentials(namespace), end="")
    return PARTLY if failed else OK


def as_administrator(settings: Settings, options: argparse.Namespace) -> Settings:
    """Return the destination with the credentials of the command line, where there are any."""
    given = {"user": options.user, "password_file": options.password_file, "api_key_file": options.api_key_file}
    if not any(given.values()):
        return settings
    return dataclasses.replace(settings, values={**settings.values, **dict.fromkeys(CREDENTIALS), **given})
