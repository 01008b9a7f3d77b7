"""Make `ecs.json.gz` anew from the field list of the Elastic Common Schema, as Elastic's npm package carries it.

Run after `npm pack @elastic/ecs@9.4.0` as `python -m sensor.ship.make_ecs elastic-ecs-9.4.0.tgz`. The rule it lives by:
the list is data, sorted: names, types, whether a field is a list, and the only values it takes.
"""

import gzip
import json
import pathlib
import re
import sys
import tarfile
from collections.abc import Iterator
from typing import Any, Final

LIST: Final = pathlib.Path(__file__).with_name("ecs.json.gz")
FILE: Final = "package/generated/ecs_flat.ts"
FIELD: Final = re.compile(r"^  (?:'([^']+)'|(\w+)): \{\n(.*?)^  \},\n", re.MULTILINE | re.DOTALL)
TYPE: Final = re.compile(r"^    type: '(\w+)'", re.MULTILINE)
MANY: Final = re.compile(r"^    normalize: \['array'\]", re.MULTILINE)
VALUE: Final = re.compile(r"^      \{\n(.*?)^      \},\n", re.MULTILINE | re.DOTALL)
NAME: Final = re.compile(r"^        name: '([^']+)'", re.MULTILINE)
EXPECTED: Final = re.compile(r"^        expected_event_types: \[(.*?)\]", re.MULTILINE | re.DOTALL)
WORD: Final = re.compile(r"'([^']+)'")


def fields(text: str) -> Iterator[tuple[str, str]]:
    """Return each field's name and what is said of it."""
    for quoted, plain, body in FIELD.findall(text):
        yield quoted or plain, body


def schema(text: str, version: str) -> dict[str, Any]:
    """Return the list: fields as "keyword" or "keyword[]", values, and the event types each category expects."""
    found: dict[str, Any] = {"version": version, "fields": {}, "values": {}, "types": {}}
    for name, body in fields(text):
        kind = TYPE.search(body)
        if kind is None:
            raise ValueError(f"{name} has no type: the package is written otherwise than it was")
        found["fields"][name] = kind[1] + ("[]" if MANY.search(body) else "")
        values = {one[1]: block for block in VALUE.findall(body) if (one := NAME.search(block))}
        if "    allowed_values: [" in body:
            found["values"][name] = sorted(values)
        if name == "event.category":
            found["types"] = {value: sorted(expected(block)) for value, block in values.items()}
    return found


def expected(block: str) -> list[str]:
    """Return the event types one category expects."""
    types = EXPECTED.search(block)
    return WORD.findall(types[1]) if types else []


def main() -> None:
    """Write the list."""
    with tarfile.open(sys.argv[1]) as package:
        members = {name: package.extractfile(name) for name in (FILE, "package/package.json")}
        text, about = (member.read().decode() for member in members.values() if member is not None)
    found = schema(text, json.loads(about)["version"])
    packed = json.dumps(found, sort_keys=True, indent=0).encode()
    LIST.write_bytes(gzip.compress(packed, 9, mtime=0))
    print(f"{LIST.name}: {len(found['fields'])} fields of ECS {found['version']}")


if __name__ == "__main__":
    main()
