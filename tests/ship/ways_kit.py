"""Items to send, destinations made from a configuration as people write it, and certificates."""

import os
import pathlib
import shutil
import socket
import subprocess
import textwrap

import pytest

from sensor import config as configuration
from sensor.ship import kinds
from sensor.ship.documents import Item

FEED = "0011223344556677"


def item(sequence: int, stream: str = "alert", message: str = "it happened", **fields) -> Item:
    """Return one item; `fields` go to the top of its document."""
    document = {
        "@timestamp": "2026-11-23T13:28:43.257522191Z",
        "ecs": {"version": "9.4.0"},
        "event": {"id": f"{sequence:032x}", "sequence": sequence, "dataset": f"otsensor.{stream}", "severity": 73},
        "message": message,
        "observer": {"name": "north-1"},
        "ot": {"alert": {"id": f"a{sequence}", "count": 1}, "site": "north", "segment": "cell-1"},
        "tags": ["high"],
        **fields,
    }
    return Item(sequence, stream, f"a{sequence}", 1, document)


def items(*numbers: int, **given) -> list[Item]:
    return [item(number, **given) for number in numbers]


def configured(folder: pathlib.Path, text: str):
    """Return the settings of the destinations in a configuration."""
    path = folder / "otsensor.yml"
    path.write_text("destinations:\n" + textwrap.indent(textwrap.dedent(text), "  "))
    return configuration.load(path).destinations


def destination(folder: pathlib.Path, text: str):
    """Return the one destination of a configuration, as a lane would hand items to it."""
    (settings,) = configured(folder, text)
    made = kinds.make(settings)
    made.feed = FEED
    return made


def hand(made, found, after: int = 0):
    """Hand items over as a lane does."""
    made.after = after
    return made.send(found)


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def needed(program: str, package: str) -> str:
    """Return a program's path; skip, or in CI fail, where it is not there."""
    path = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    path = path or shutil.which(program)
    if path is None:
        absent(f"{program} is not there: install it (Debian: apt install {package})")
    return path


def absent(why: str):
    """Skip a test, or in CI fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"may not be skipped in CI. {why}")
    pytest.skip(why)


def certificates(folder: pathlib.Path) -> pathlib.Path:
    """Make ca.crt, and server.crt and .key signed by it for localhost; stranger.crt is of another CA."""
    openssl = needed("openssl", "openssl")

    def run(*arguments):
        make = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *arguments]
        subprocess.run(make, check=True, capture_output=True)

    for name in ("ca", "stranger"):
        run("-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt", "-subj", f"/CN=test {name}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    run("-keyout", f"{folder}/server.key", "-out", f"{folder}/server.crt", "-subj", "/CN=localhost", "-CA",
        f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key", "-addext", "basicConstraints=critical,CA:FALSE",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1")  # fmt: skip
    return folder
