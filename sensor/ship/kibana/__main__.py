"""Write the saved objects anew: `make dashboards`."""

import pathlib
import sys

from sensor.ship.kibana.check import check
from sensor.ship.kibana.dashboard import bundle, lines
from sensor.ship.kibana.description import load
from sensor.vocabulary import vocabulary

NAME = "otsensor.ndjson"


def main() -> int:
    """Make the file in the folder named, or in `dashboards`; nothing is written when the check finds a fault."""
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "dashboards")
    objects = bundle(load(folder), vocabulary())
    faults = check(objects, vocabulary())
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    (folder / NAME).write_bytes(lines(objects))
    print(folder / NAME)
    return 0


if __name__ == "__main__":
    sys.exit(main())
