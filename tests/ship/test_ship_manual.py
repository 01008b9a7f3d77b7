"""docs/shipping.md has a line for each key of each way out, and its example of a signature is right."""

import contextlib
import io
import pathlib
import re

import pytest

from sensor.ship import kinds
from sensor.ship.signature import sign

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "shipping.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["lines", "syslog", "webhook", "kafka", "stdout"])
def test_each_key_of_each_way_out_has_its_line(kind):
    (section,) = re.findall(rf"### {kind}\n(.*?)(?=\n##)", PAGE, re.DOTALL)
    told = {name for line in section.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line)}
    assert {key for key in kinds.kind(kind).KEYS if key not in told} == set()


def test_the_example_of_a_signature_is_right():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(example, "docs/shipping.md", "exec"), {})
    expected = sign(b"what stands in secret_file", "msg_1", 1614265330, b'{"data": []}')
    assert said.getvalue() == f"webhook-signature: {expected}\n"
