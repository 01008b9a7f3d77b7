"""`otsensor setup elasticsearch` and `otsensor doctor elasticsearch`: make a cluster ready, and find what is wrong.

The rule it lives by: setup shows what it would do before it does it, to whoever asks; doctor changes nothing.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import sys
from typing import TYPE_CHECKING, Final

from sensor import config as configuration
from sensor.commands.exits import OK, PARTLY, WRONG
from sensor.config import ConfigError
from sensor.console import tables
from sensor.ship.destination import Settings, SettingsError, Unreachable
from sensor.ship.elastic import doctor as examination
from sensor.ship.elastic import setup as installation
from sensor.ship.elastic.cluster import Cluster

if TYPE_CHECKING:
    import argparse

NAMESPACE: Final = re.compile(r"[a-z0-9_]{1,100}")  # of a data stream; a hyphen would part it
CREDENTIALS: Final = ("user", "password_file", "password_env", "api_key_file", "api_key_env")


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    setup_ = verbs.add_parser("setup", help="make a cluster ready for what the sensor ships")
    setup_.add_argument("what", choices=("elasticsearch",))
    place(setup_)
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
    doctor_ = verbs.add_parser("doctor", help="say what is wrong between the sensor and its cluster")
    doctor_.add_argument("what", choices=("elasticsearch",))
    place(doctor_)
    doctor_.set_defaults(run=doctor)


def place(command: argparse.ArgumentParser) -> None:
    """Add the options that say which cluster."""
    command.add_argument("--config", type=pathlib.Path, metavar="FILE", help="names the destination (YAML)")
    command.add_argument("--destination", metavar="NAME", help="which one, where the configuration names several")
    command.add_argument("--namespace", metavar="NAME", help="of the data streams, instead of the configuration's")


# --- The commands -------------------------------------------------------------------------------------


def setup(options: argparse.Namespace) -> int:
    """Run `otsensor setup`."""
    if options.print:
        namespace = checked(options.namespace or "default")
        print(installation.as_requests(namespace, ilm=options.ilm))
        print(installation.credentials(namespace), end="")
        return OK
    settings = as_administrator(chosen(options), options)
    namespace = checked(options.namespace or settings.values["namespace"])
    failed = False
    try:
        with opened(settings) as cluster:
            for one in installation.run(cluster, namespace, ilm=options.ilm, dry=options.dry_run):
                failed = failed or one.result == installation.FAILED
                why = f": {one.why}" if one.why else ""
                print(tables.safe(f"{one.step.what:<18}  {one.step.name:<32}  {one.result}{why}"))
    except Unreachable as error:
        print(tables.safe(f"{settings.name}: {error}\notsensor doctor elasticsearch says more"), file=sys.stderr)
        return WRONG
    if not options.dry_run:
        print()
        print(installation.credentials(namespace), end="")
    return PARTLY if failed else OK


def doctor(options: argparse.Namespace) -> int:
    """Run `otsensor doctor`."""
    settings = chosen(options)
    namespace = checked(options.namespace or settings.values["namespace"])
    grave = False
    with opened(settings) as cluster:
        for one in examination.run(cluster, namespace):
            grave = grave or one.level == examination.WRONG
            print(tables.safe(f"{one.level:<5}  {one.what}"), flush=True)
            if one.advice:
                print(tables.safe(f"       {one.advice}"))
    return PARTLY if grave else OK


# --- Which cluster, and who asks ----------------------------------------------------------------------


def opened(settings: Settings) -> Cluster:
    """Return the cluster; nothing is sent yet. Raises ConfigError."""
    try:
        return Cluster(settings)
    except SettingsError as error:
        raise ConfigError(str(error)) from None


def chosen(options: argparse.Namespace) -> Settings:
    """Return the destination that is meant; raise ConfigError."""
    if options.config is None:
        raise ConfigError("name the cluster: --config FILE with a destination of type elasticsearch")
    found = {one.name: one for one in configuration.load(options.config).destinations if one.type == "elasticsearch"}
    if options.destination is not None and options.destination not in found:
        raise ConfigError(f"{options.config}: no such destination {options.destination!r}; known: {', '.join(found)}")
    if not found:
        raise ConfigError(f"{options.config}: names no destination of type elasticsearch")
    if options.destination is None and len(found) > 1:
        raise ConfigError(f"{options.config}: names several clusters; choose by --destination: {', '.join(found)}")
    return found[options.destination or next(iter(found))]


def as_administrator(settings: Settings, options: argparse.Namespace) -> Settings:
    """Return the destination with the credentials of the command line, where there are any."""
    given = {"user": options.user, "password_file": options.password_file, "api_key_file": options.api_key_file}
    if not any(given.values()):
        return settings
    return dataclasses.replace(settings, values={**settings.values, **dict.fromkeys(CREDENTIALS), **given})


def checked(namespace: str) -> str:
    """Return a namespace; raise ConfigError for what cannot be one."""
    if not NAMESPACE.fullmatch(namespace):
        raise ConfigError(f"{namespace!r} is no namespace: small letters, digits and _ only")
    return namespace
