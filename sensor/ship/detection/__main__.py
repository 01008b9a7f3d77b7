"""Write the rules and their page anew: `make dashboards`. Needs pysigma-backend-elasticsearch 2.1."""

import pathlib
import sys

from sensor.ship.detection.page import page
from sensor.ship.detection.rules import rules
from sensor.ship.detection.suits import suits
from sensor.ship.kibana.dashboard import lines

NAME = "otsensor-rules.ndjson"
PAGE = "elastic-rules.md"


def main() -> int:
    """Write into the folder named, or where the tree has them."""
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    found = suits()
    for path, content in (
        (root / "dashboards" / NAME, lines(rules(found))),
        (root / "docs" / PAGE, page(found).encode()),
    ):
        path.write_bytes(content)
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
