"""The tables of pcaps/README.md, made from the same declarations as the captures."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from .plant import HOSTS
from .scenarios import ALL

if TYPE_CHECKING:
    from pathlib import Path

BEGIN, END = "<!-- made by pcaps/make/readme.py: begin -->\n", "<!-- end -->\n"


def _frames(path: Path) -> str:
    told = subprocess.run(["capinfos", "-c", "-M", "-T", "-r", str(path)], check=True, capture_output=True, text=True)
    return told.stdout.split("\t")[-1].strip()


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def renew(folder: Path) -> None:
    """Write the tables of hosts and captures into README.md again."""
    hosts = [(f"`{host.name}`", host.address, host.mac, host.vendor, host.role, host.product) for host in HOSTS]
    captures = [
        (f"[{scenario.file}]({scenario.file})", scenario.meaning, _frames(folder / scenario.file))
        for scenario in ALL
        if (folder / scenario.file).exists()
    ]
    tables = (
        _table(("host", "address", "MAC", "its vendor", "role", "what it is"), hosts)
        + "\n"
        + _table(("capture", "what it shows", "frames"), captures)
    )
    path = folder / "README.md"
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    path.write_text(before + BEGIN + "\n" + tables + "\n" + END + rest.partition(END)[2])
