"""What tshark says of each message of the shared captures, as keys to compare with ours.

A key is (frame, sender, receiver, operation): for Modbus the function code, for DNP3 the link addresses and the
function code, for S7comm the ROSCTR and the function, or the function group and subfunction of user data.
"""

from __future__ import annotations

import collections
import csv
import gzip
import itertools
import os
import pathlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.contract import Message

SHARED = pathlib.Path(os.environ.get("OTSENSOR_CAPTURES", pathlib.Path(__file__).parents[3] / "shared" / "captures"))
FILES, TRUTH = SHARED / "files", SHARED / "truth"
PROTOCOLS = ("modbus", "dnp3", "s7comm")

Key = tuple[int, str, str, tuple[int | None, ...]]


def rows(capture: str, protocol: str) -> Iterator[dict[str, str]]:
    """Yield tshark's rows about one capture and protocol; none where it saw none."""
    path = TRUTH / f"{capture}.{protocol}.tsv.gz"
    if path.exists():
        csv.field_size_limit(1 << 30)
        with gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="") as file:
            yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


def numbers(text: str | None) -> list[int]:
    """Return a comma list of decimal or hexadecimal numbers."""
    return [int(part, 0) for part in (text or "").split(",") if part]


def ends(row: dict[str, str]) -> tuple[str, str]:
    """Return sender and receiver: the innermost addresses."""
    source, destination = row["ip.src"] or row["ipv6.src"], row["ip.dst"] or row["ipv6.dst"]
    return source.split(",")[-1], destination.split(",")[-1]


def modbus(row: dict[str, str]) -> Iterator[tuple[int | None, ...]]:
    """Yield the function code of each PDU."""
    for code in numbers(row["modbus.func_code"]):
        yield (code,)


def dnp3(row: dict[str, str]) -> Iterator[tuple[int | None, ...]]:
    """Yield link addresses and function of each link frame that holds or ends an application message."""
    links = zip(numbers(row["dnp3.src"]), numbers(row["dnp3.dst"]), strict=False)
    functions = numbers(row["dnp3.al.func"])
    for (source, destination), function in itertools.zip_longest(links, functions, fillvalue=None):  # type: ignore[misc]
        if function is not None and source is not None:
            yield source, destination, function


def s7comm(row: dict[str, str]) -> Iterator[tuple[int | None, ...]]:
    """Yield ROSCTR and function of each PDU; user data by function group and subfunction."""
    codes, functions = numbers(row["s7comm.header.rosctr"]), iter(numbers(row["s7comm.param.func"]))
    groups, subfunctions = (
        iter(numbers(row["s7comm.param.userdata.funcgroup"])),
        iter(numbers(row["s7comm.param.userdata.subfunc"])),
    )
    for code in codes:
        if code == 7:
            yield code, next(groups, None), next(subfunctions, None)
        else:
            yield code, next(functions, None)


READ = {"modbus": modbus, "dnp3": dnp3, "s7comm": s7comm}


def expected(capture: str, protocol: str) -> collections.Counter[Key]:
    """Return tshark's messages of one capture."""
    found: collections.Counter[Key] = collections.Counter()
    for row in rows(capture, protocol):
        for operation in READ[protocol](row):
            found[int(row["frame.number"]), *ends(row), operation] += 1
    return found


def ours(message: Message) -> tuple[str, Key] | None:
    """Return protocol and key of one message of ours, None when it is of no protocol compared here."""
    fields = message.fields()
    if message.protocol == "modbus":
        operation = (fields.get("modbus.function_code"),)
    elif message.protocol == "dnp3":
        if "dnp3.function_code" not in fields and "dnp3.response_function_code" not in fields:
            return None
        function = fields.get("dnp3.response_function_code", fields.get("dnp3.function_code"))
        operation = (fields["dnp3.link.source"], fields["dnp3.link.destination"], function)
    elif message.protocol == "s7comm":
        operation = s7_operation(fields)
    else:
        return None
    sender, receiver = message.sender, message.receiver
    return message.protocol, (message.number, sender.text, receiver.text, operation)


def s7_operation(fields: dict[str, object]) -> tuple[object, ...]:
    """Return what `s7comm` returns for tshark's row."""
    code = fields.get("s7comm.rosctr")
    if code == 7:
        return code, fields.get("s7comm.function_group_code"), fields.get("s7comm.subfunction_code")
    return code, fields.get("s7comm.function_code")
