"""`otsensor digest`: what is new, for people who have no SIEM.

The rule it lives by: it only reads the store; run it as often as one likes, from a timer or by hand.
"""

from __future__ import annotations

import argparse
import datetime as dt
import pathlib
import re
import socket
import sys
import tempfile
from typing import Final

from sensor.commands.exits import OK, PARTLY
from sensor.config import ConfigError
from sensor.console.digest.gather import MOST, gather
from sensor.console.digest.headline import subject
from sensor.console.digest.page import page
from sensor.console.digest.text import text
from sensor.console.words import NS
from sensor.ship import mail
from sensor.store.reader import Reader

SECONDS: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `otsensor digest`."""
    digest = verbs.add_parser("digest", help="what is new: for a terminal, as a page, by mail")
    digest.add_argument("--db", type=pathlib.Path, required=True, metavar="FILE", help="the SQLite file of `read --db`")
    digest.add_argument(
        "--since", type=moment, default="24h", metavar="WHEN",
        help="so long before the newest record (24h, 7d), or from a day or moment on (2026-11-23T06:00), in UTC",
    )  # fmt: skip
    digest.add_argument("--text", type=pathlib.Path, metavar="FILE", help="write it as text (- for standard output)")
    digest.add_argument("--html", type=pathlib.Path, metavar="FILE", help="write it as a page that needs nothing else")
    digest.add_argument("--top", type=int, default=MOST, metavar="N", help=f"lines of each section (default {MOST})")
    digest.add_argument("--mail-to", action="append", default=[], metavar="ADDRESS", help="mail it (may be repeated)")
    digest.add_argument("--mail-from", metavar="ADDRESS", help="sender (default otsensor@ and this machine's name)")
    digest.add_argument("--relay", type=relay, metavar="HOST[:PORT]", help="mail relay (default localhost:25)")
    digest.set_defaults(run=run)


def moment(given: str) -> int:
    """Return ns since 1970 for a moment, and negative ns for "24h"."""
    length = re.fullmatch(r"(\d{1,6})([mhdw])", given.strip())
    if length:
        return -int(length[1]) * SECONDS[length[2]] * NS
    try:
        at = dt.datetime.fromisoformat(given.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(f"{given!r} is neither a length (24h, 7d) nor a moment (2026-11-23)") from None
    return int((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()) * NS


def relay(given: str) -> tuple[str, int]:
    """Return host and port."""
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]\s]+))(?::(\d{1,5}))?", given)
    if found is None or int(found[3] or mail.PORT) > 65_535:
        raise argparse.ArgumentTypeError(f"{given!r} is no HOST or HOST:PORT")
    return found[1] or found[2], int(found[3] or mail.PORT)


def run(options: argparse.Namespace) -> int:
    """Run `otsensor digest`; without an aim it is shown."""
    with Reader(options.db) as reader:
        found = gather(reader, options.since, most=max(options.top, 1))
    if options.html is not None:
        write(options.html, page(found))
    if options.text is not None and str(options.text) != "-":
        write(options.text, text(found))
    if str(options.text) == "-" or not (options.html or options.text or options.mail_to):
        sys.stdout.write(text(found))
    if not options.mail_to:
        return OK
    sender = options.mail_from or f"otsensor@{socket.getfqdn()}"
    try:
        made = mail.compose(f"[otsensor] {subject(found)}", sender, options.mail_to, text(found), page(found))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    try:
        mail.send(made, *(options.relay or ("localhost", mail.PORT)))
    except mail.NotMailed as error:
        print(f"not mailed: {error}", file=sys.stderr)
        return PARTLY
    return OK


def write(path: pathlib.Path, content: str) -> None:
    """Write a file whole: whoever looks at it meanwhile sees the one before. Raises ConfigError."""
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            file.write(content)
        whole = pathlib.Path(file.name)
        whole.chmod(0o640)
        whole.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
