"""Every example of docs/library.md runs as it stands there, on the captures shipped."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_prints_something(number, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(EXAMPLES[number], f"docs/library.md example {number + 1}", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_the_page_has_its_examples():
    assert len(EXAMPLES) >= 5
