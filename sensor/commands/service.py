"""`otsensor install-service`: make the sensor a service of this machine, or print what that takes.

The rule it lives by: it shows what it would write to whoever asks, and never writes over what somebody has changed.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from sensor import config as configuration
from sensor.commands.exits import OK, PARTLY
from sensor.config import Config, ConfigError
from sensor.console.legible import legible
from sensor.guard import units

if TYPE_CHECKING:
    import argparse

# What makes systemd see what was written; a machine that is not run by systemd has none of them.
AFTERWARDS: Final = (
    ("systemd-sysusers", "otsensor.conf"), ("systemd-tmpfiles", "--create", "otsensor.conf"),
    ("systemctl", "daemon-reload"),
)  # fmt: skip
RUNNING: Final = pathlib.Path("/run/systemd/system")
SEPARATE: Final = "/etc/otsensor/otsensor.yml"


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    install = verbs.add_parser("install-service", help="make the sensor a service of systemd, shut in and watched")
    install.add_argument("interfaces", nargs="*", metavar="IFACE", help="span ports (those of the configuration)")
    install.add_argument("--print", action="store_true", help="print the files, and write nothing")
    install.add_argument("--config", type=pathlib.Path, metavar="FILE", help=f"that it runs with ({SEPARATE})")
    install.add_argument(
        "--root", type=pathlib.Path, metavar="DIR", help="write below DIR, for a package; runs nothing"
    )
    install.add_argument("--force", action="store_true", help="write over files that are there and differ")
    install.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run `otsensor install-service`."""
    service = wanted(options)
    python = os.path.realpath(sys.executable)
    hidden = units.hidden(service.program, python) if options.root is None else ""
    if options.print:
        return show(service, options.root or pathlib.Path("/"), hidden)
    if options.root is None and os.geteuid() != 0:
        raise ConfigError("only root may install a service; --print shows what it is, --root DIR writes it elsewhere")
    if hidden:
        raise ConfigError(hidden)
    write(service, options.root or pathlib.Path("/"), force=options.force)
    code = OK if options.root is not None else apply()
    print(f"Left to do:\n\n{units.next_steps(service)}", end="")
    return code


def wanted(options: argparse.Namespace) -> units.Service:
    """Return what is to be installed, from options and configuration."""
    place = options.config.absolute() if options.config is not None else pathlib.Path(units.CONFIGURATION)
    config = configuration.load(place) if options.config is not None or place.is_file() else Config()
    watch = config.watch
    folders = [config.db.absolute().parent] if config.db is not None else []
    folders += [watch.write.folder.absolute()] if watch.write is not None else []
    apart = [folder for folder in folders if not folder.is_relative_to(units.STATE)]
    return units.Service(
        program=program(), interfaces=tuple(options.interfaces) or watch.interfaces, user=watch.user,
        configuration=pathlib.PurePosixPath(place), hardware_times=watch.hardware_times,
        writes=tuple(dict.fromkeys(map(pathlib.PurePosixPath, apart))),
    )  # fmt: skip


def program() -> str:
    """Return the command that starts this otsensor."""
    beside = pathlib.Path(sys.executable).with_name("otsensor")
    if beside.is_file():
        return units.quoted(str(beside))
    return f"{units.quoted(sys.executable)} -m sensor.cli"


def show(service: units.Service, root: pathlib.Path, hidden: str) -> int:
    """Print the files, with the first configuration where there is none, and warn of what would not work."""
    texts = [*units.files(service).values(), units.first_configuration(service)]
    if below(root, service.configuration).exists():
        texts[-1] = f"# {service.configuration}\n# is there already, and stays as it is\n"
    print("\n".join(texts), end="", flush=True)
    if hidden:
        print(legible(f"warning: {hidden}"), file=sys.stderr)
    return OK


def write(service: units.Service, root: pathlib.Path, *, force: bool) -> None:
    """Write all files, or none; raise ConfigError where one is there and differs."""
    texts = {below(root, place): text for place, text in units.files(service).items()}
    differing = [path for path, text in texts.items() if path.exists() and path.read_text(encoding="utf-8") != text]
    if differing and not force:
        told = ", ".join(map(str, differing))
        raise ConfigError(f"{told}: there already, and different; expected none, or --force to write over it")
    for path, text in texts.items():
        put(path, text, 0o644)
    first = below(root, service.configuration)
    if not first.exists():
        put(first, units.first_configuration(service), 0o640)


def below(root: pathlib.Path, place: pathlib.PurePosixPath) -> pathlib.Path:
    """Return a place below another root."""
    return root / place.relative_to("/")


def put(path: pathlib.Path, text: str, mode: int) -> None:
    """Write one file, and say so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    print(legible(f"written  {path}"))


def apply() -> int:
    """Make systemd see it; return the exit code."""
    if not RUNNING.is_dir():
        print("systemd does not run here: nothing is started")
        return PARTLY
    code = OK
    for command in AFTERWARDS:
        found = shutil.which(command[0])
        done = subprocess.run([found, *command[1:]], check=False) if found else None  # noqa: S603  # systemd's own
        if done is None or done.returncode:
            print(legible(f"{' '.join(command)}: {'is not there' if done is None else 'failed'}"), file=sys.stderr)
            code = PARTLY
    return code
