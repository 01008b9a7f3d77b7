"""Elastic's own package checker, package-spec 3.5.4, finds our package valid; and finds a spoilt one out."""

import os
import pathlib
import shutil
import subprocess

import pytest

from sensor.packaging import samples, write
from sensor.ship.integration.build import files
from sensor.ship.integration.check import check
from sensor.ship.kibana.description import load

ROOT = pathlib.Path(__file__).parents[2]
SOURCE = pathlib.Path(__file__).with_name("packagecheck")
BUILD_WITHIN = 300  # s; half a minute where the modules are fetched already


def absent(reason):
    if os.environ.get("CI") == "true":
        pytest.fail(f"the package must be checked in CI. {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def checker(tmp_path_factory):
    """The program; built from the module that go.sum pins."""
    go = shutil.which("go")
    if go is None:
        absent("Go is not there: install it (Debian: apt install golang), it builds Elastic's package checker")
    program = tmp_path_factory.mktemp("packagecheck") / "packagecheck"
    command = [go, "build", "-mod=readonly", "-o", str(program), "."]
    made = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, timeout=BUILD_WITHIN, check=False)
    if made.returncode:
        absent(f"Elastic's package checker could not be built: {made.stderr.strip()[-500:]}")
    return program


@pytest.fixture
def package(tmp_path):
    """The built package, in the folder its archive has."""
    plant = samples(ROOT / "pcaps" / "plant.pcapng")
    folder = tmp_path / "otsensor-1.2.3"
    write(folder, files("1.2.3", load(ROOT / "dashboards"), plant, "Apache License"))
    return folder


def said(checker, package):
    return subprocess.run([checker, package], capture_output=True, text=True, timeout=60, check=False).stdout


def test_elastics_own_checker_finds_it_valid(checker, package):
    assert said(checker, package) == ""
    assert check(package) == []


def test_elastics_own_checker_finds_a_spoilt_one_out(checker, package):
    (package / "changelog.yml").write_text("- version: 9.9.9\n  changes: []\n")
    assert "changelog" in said(checker, package)


def test_what_it_overlooks_ours_finds(checker, package):
    fields = package / "data_stream" / "alert" / "fields" / "fields.yml"
    fields.write_text(fields.read_text() + "- name: event.sevrity\n  type: long\n  description: x\n")
    board = package / "kibana" / "dashboard" / "otsensor-health.json"
    board.write_text(board.read_text().replace("ot.health.frames", "ot.health.framez"))
    assert said(checker, package) == ""
    found = "\n".join(check(package))
    assert "event.sevrity is not in ECS" in found
    assert "unknown field ot.health.framez" in found
