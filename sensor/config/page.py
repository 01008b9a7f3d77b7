"""docs/configuration.md, from the declarations.

The rule it lives by: a key that is declared is documented, with what it takes and what it is unless given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sensor.config.settings import Config
from sensor.config.written import example, raw
from sensor.keys.key import Key, declared
from sensor.keys.values import written
from sensor.ship.settings import COMMON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

INTRODUCTION: Final = """# Configuration

One file, `otsensor.yml`, for every command: `--config FILE`. All keys are optional. What the command line says wins.

    otsensor config check otsensor.yml      # every fault at once, with file, line and the nearest right name
    otsensor config show --config otsensor.yml

`check` ends with 0 when the file can be used and with 2 when it cannot. It also warns of what is right and may still
not be meant: a folder that is not there, a secret that everybody may read, rings that take most of the memory. `show`
prints the effective configuration, each value with its meaning and where it comes from; what it prints can be read
again. Without a file both take `otsensor.yml` here, or else `/etc/otsensor/otsensor.yml`.

- **Durations** have a unit: `2ms`, `30s`, `5m`, `2h`, `7d`, `2w`. **Sizes** too: `64 MB` is 64,000,000 bytes, `64 MiB`
  67,108,864.
- **Paths** are seen from the folder of the file.
- **Passwords and keys** never stand in the file: a key that ends in `_file` names a file with the secret, one that ends
  in `_env` an environment variable.
- What YAML would take for something else is read as it is written: a site may be called `no`, and a MAC address needs
  no quotes. What could mean two things is refused: `010`, a key given twice, an empty value, aliases (`*x`) and tags
  (`!x`).

## A complete example

Every key, with an example or its default.
"""

TAKES: Final[Mapping[str, Callable[[Key], str]]] = {
    "text": lambda key: ", ".join(key.choices) or "text",
    "texts": lambda key: "one or a list" + (f" of {', '.join(key.choices)}" if key.choices else ""),
    "file": lambda _key: "path",
    "files": lambda _key: "path, or a list",
    "flag": lambda _key: "true or false",
    "whole": lambda key: "whole number" + span(key),
    "number": lambda key: "number" + span(key),
    "seconds": lambda key: "duration" + span(key),
    "nanoseconds": lambda key: "duration" + span(key),
    "bytes": lambda key: "size" + span(key),
    "address": lambda _key: "IP address and port, or a port on this machine alone",
    "names": lambda _key: "names to names",
    "machines": lambda _key: "IP or MAC addresses to names",
    "section": lambda _key: "keys of its own, below",
    "list": lambda _key: "list, below",
}


def span(key: Key) -> str:
    """Say within which bounds a number lies."""
    if key.most is not None:
        return f", {written(key, key.least or 0)} to {written(key, key.most)}"
    return f", at least {written(key, key.least)}" if key.least else ""


def page() -> str:
    """Return the page."""
    told = "\n".join(f"    {line}".rstrip() for line in example().splitlines())
    return "\n".join([INTRODUCTION, told, *sections(Config, "", "The file")]) + "\n"


def sections(section: type, name: str, title: str) -> Iterator[str]:
    """Return a section's table, then those of the sections in it."""
    keys = declared(section)
    yield f"\n## {title}\n"
    yield from table(keys)
    for word, key in keys.items():
        path = f"{name}{word}: "
        if key.section is not None:
            yield from sections(key.section, path, f"`{path.strip()}`")
        elif key.kind == "list":
            yield f"\n## `{path.strip()}`\n"
            yield "Each entry has these keys, and those of its type: see [shipping](shipping.md).\n"
            yield from table(COMMON)


def table(keys: Mapping[str, Key]) -> Iterator[str]:
    """Return the lines of a table of keys."""
    yield "| key | takes | unless given | meaning |"
    yield "|---|---|---|---|"
    for name, key in keys.items():
        yield f"| `{name}` | {TAKES[key.kind](key)} | {unless(key)} | {key.meaning} |"


def unless(key: Key) -> str:
    """Return what a key is where it is not given."""
    if key.required:
        return "*required*"
    found = raw(key, key.default)
    return f"`{found}`" if isinstance(found, str) else ""
