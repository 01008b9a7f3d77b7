"""`make conformance`: every shared capture read, and compared with tshark; writes docs/conformance.md."""

from __future__ import annotations

import collections
import pathlib
import sys
from typing import TYPE_CHECKING

from sensor import build
from tests.conformance import truth
from tests.conformance.compare import Result, compare

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "conformance.md"
AIM = 99.0  # per cent

HEAD = """# What we read of other people's captures

{count} captures of other networks and laboratories, {frames:,} frames, read without an exception by `make conformance`
({build}). They are not part of this project.

## Beside tshark 4.0

A message matches when frame, sender, receiver and operation are the same: the function code for Modbus, link addresses
and function code for DNP3, ROSCTR and function (or function group and subfunction) for S7comm.

| protocol | tshark's messages | matched | share |
|---|---|---|---|
{shares}

{copies} messages that tshark dissects again in frames the mirror doubled are left out: they are counted once here.

### Where we differ

{differences}

These are pieces of a message or of an answer in several parts: tshark lists each piece, here the whole is one message,
at its last frame.

## File by file

| capture | frames | Modbus | DNP3 | S7comm | other | anomalies | CPU s | damage |
|---|---|---|---|---|---|---|---|---|
"""


def share_rows(results: list[Result]) -> tuple[str, bool]:
    """Return the table of shares, and whether each reaches the aim."""
    lines, well = [], True
    for name in truth.PROTOCOLS:
        wanted = sum(result.wanted.get(name, 0) for result in results)
        matched = sum(result.matched.get(name, 0) for result in results)
        share = 100 * matched / wanted if wanted else 0.0
        well = well and share >= AIM
        lines.append(f"| {name} | {wanted:,} | {matched:,} | {share:.2f} % |")
    return "\n".join(lines), well


def differences(results: Iterable[Result]) -> str:
    """Return what is missing, a line a capture and protocol."""
    lines = [
        f"- `{result.capture}` {name}: {len(keys)} missing, the first at frame {keys[0][0]}, operation {keys[0][3]}."
        for result in results
        for name, keys in result.missing.items()
    ]
    return "\n".join(lines) or "Nowhere."


def row(result: Result) -> str:
    """Return one capture's line."""
    known = [f"{result.messages.get(name, 0) or ''}" for name in truth.PROTOCOLS]
    other = sum(count for name, count in result.messages.items() if name not in truth.PROTOCOLS)
    odd = ", ".join(f"{kind} {count}" for kind, count in sorted(result.anomalies.items()))
    cells = (result.capture, str(result.frames), *known, str(other or ""), odd, f"{result.seconds:.2f}", result.damage)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> int:
    """Compare everything; return 1 when a protocol misses the aim."""
    if not truth.FILES.is_dir():
        print(
            f"The shared captures are not there ({truth.FILES}); name their folder in OTSENSOR_CAPTURES.",
            file=sys.stderr,
        )
        return 2
    results = [compare(path) for path in sorted(truth.FILES.iterdir())]
    shares, well = share_rows(results)
    head = HEAD.format(
        count=len(results), frames=sum(result.frames for result in results), build=build.describe(), shares=shares,
        copies=sum(result.copies for result in results), differences=differences(results),
    )  # fmt: skip
    PAGE.write_text(head + "\n".join(map(row, results)) + "\n", encoding="utf-8")
    print(shares)
    print(differences(results))
    kinds = collections.Counter(kind for result in results for kind in result.anomalies)
    print(f"{len(results)} captures; anomalies in: {dict(kinds.most_common(8))}; written to docs/{PAGE.name}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
