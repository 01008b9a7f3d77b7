"""A command starts without what it does not need: a tenth of a second each time is dear to whoever reads many files."""

import json
import pathlib
import subprocess
import sys

import pytest

from sensor import cli

ROOT = pathlib.Path(__file__).parents[2]
LOADED = "import json, sys; from sensor import cli; cli.main(sys.argv[1:]); print(json.dumps(sorted(sys.modules)))"


def loaded(*arguments):
    command = [sys.executable, "-c", LOADED, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout.splitlines()[-1])


def test_each_command_is_known_by_its_name():
    modules = {path.stem for path in (ROOT / "sensor" / "commands").glob("*.py") if "\ndef add(" in path.read_text()}
    assert set(cli.VERBS.values()) == modules
    (verbs,) = [action for action in cli.parser()._actions if action.dest == "verb"]
    assert set(verbs.choices) == set(cli.VERBS)


def test_a_quiet_reading_needs_no_terminal_and_no_network(tmp_path):
    names = loaded("read", ROOT / "pcaps" / "plant.pcapng", "--quiet", "--db", tmp_path / "plant.db")
    assert "sensor.reading" in names
    unneeded = ("rich", "importlib.metadata", "zipfile", "http", "smtplib", "ssl", "sensor.commands.ship")
    assert [name for name in names if name.startswith(unneeded)] == []


@pytest.mark.parametrize("verb", sorted(cli.VERBS))
def test_a_command_imports_no_other(verb):
    names = loaded_by_help(verb)
    others = {f"sensor.commands.{name}" for name in set(cli.VERBS.values())} - {f"sensor.commands.{cli.VERBS[verb]}"}
    shared = {"sensor.commands.listing"}  # rows, printed in three forms
    assert others & set(names) <= shared


def loaded_by_help(verb):
    script = "import json, sys; from sensor import cli; cli.parser(sys.argv[1]); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script, verb], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
