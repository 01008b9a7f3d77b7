"""Build the package: `make package`. Its samples are documents of the shipped plant."""

import pathlib
import sys
import tempfile
from typing import Any

from sensor import build
from sensor.config import Config
from sensor.reading import read
from sensor.ship import documents
from sensor.ship.destination import MESSAGE, STREAMS, Filter, Settings
from sensor.ship.integration.build import NAME, Files, archive, files
from sensor.ship.integration.check import check
from sensor.ship.kibana.description import load
from sensor.ship.outbox import Outbox

SENT_NS = 1_795_440_900_000_000_000  # of the samples: some minutes after the plant's last frame

EVERYTHING = Settings("all", "stdout", {}, Filter(frozenset((*STREAMS, MESSAGE))))


def samples(capture: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Return one document of each stream, of what a capture holds."""
    with tempfile.TemporaryDirectory() as folder:
        store = pathlib.Path(folder) / "plant.db"
        read(capture, db=store, config=Config(destinations=(EVERYTHING,))).run().close()
        outbox = Outbox(store, {"observer.name": "sensor-1"})
        found = outbox.read(0, 100_000, EVERYTHING.filter).items
        outbox.close()
    first = {item.stream: item for item in reversed(found)}
    return {stream: documents.stamped(item, SENT_NS, "default") for stream, item in first.items()}


def write(folder: pathlib.Path, found: Files) -> None:
    """Write files below a folder."""
    for name, content in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def main() -> int:
    """Build `otsensor-VERSION.zip` into the folder named, or into `dist`; refuse a package with a fault."""
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "dist")
    version = build.VERSION
    licence = pathlib.Path("LICENSE").read_text(encoding="utf-8")
    found = files(version, load(pathlib.Path("dashboards")), samples(pathlib.Path("pcaps/plant.pcapng")), licence)
    with tempfile.TemporaryDirectory() as folder:
        write(pathlib.Path(folder), found)
        faults = check(pathlib.Path(folder))
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{NAME}-{version}.zip"
    path.write_bytes(archive(version, found))
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
