"""Compiled and uncompiled find the same; memory does not grow with the file."""

import json
import subprocess
import sys

import pytest

from bench import captures
from tests.line import line_kit

# Each capture is read twice: for its messages, then for everything else.
DRIVER = """
import sys
from sensor import cli
for path in sys.argv[1:]:
    cli.main(["read", path, "--messages", "-", "--quiet"])
    cli.main(["read", path, "--json"])
"""
PATHS = [str(line_kit.PCAPS / name) for name in line_kit.OWN]


def build_of(folder, *flags):
    """Where a Python started in `folder` finds the sensor, and whether it is compiled; None: nowhere."""
    ask = "import sensor, sensor.build as b; print(sensor.__file__); print(b.compiled())"
    told = subprocess.run(
        [sys.executable, *flags, "-c", ask], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    return told.stdout.split() or None


def found(folder, *flags):
    """Everything a build finds in our captures, but for what it says of itself."""
    told = subprocess.run(
        [sys.executable, *flags, "-c", DRIVER, *PATHS],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=280,
    )
    assert "Traceback" not in told.stderr
    for line in told.stdout.splitlines():
        one = json.loads(line)
        one.pop("otsensor", None)
        one.pop("compiled", None)
        yield one


@pytest.mark.slow
def test_compiled_and_uncompiled_find_the_same(tmp_path):
    installed, tree = build_of(tmp_path, "-P"), build_of(line_kit.ROOT)
    if installed is None:
        pytest.skip("otsensor is not installed beside the source tree")
    if installed[1] != "True":
        pytest.skip(f"the installed otsensor ({installed[0]}) is not compiled")
    assert tree == [str(line_kit.ROOT / "sensor" / "__init__.py"), "False"]
    compiled, pure = list(found(tmp_path, "-P")), list(found(line_kit.ROOT))
    assert len(pure) > 4000
    for one, other in zip(compiled, pure, strict=True):
        assert one == other


def peak(path):
    """The most memory a process held that has read a capture, MiB."""
    # Not ru_maxrss, which a process inherits from the one that forked it.
    measure = (
        "import pathlib, re, sys; from sensor import cli; cli.main(['read', sys.argv[1], '--quiet']);"
        "print(re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
    )
    told = subprocess.run(
        [*line_kit.python(), "-c", measure, path], cwd=line_kit.ROOT, capture_output=True, text=True,
        check=True, timeout=280,
    )  # fmt: skip
    return int(told.stdout) / 1024


@pytest.mark.parametrize("packets", [120_000, pytest.param(300_000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_file(packets, tmp_path):
    peaks = []
    for count in (packets // 3, packets):  # a third is enough to have seen every poll of the plant
        path = tmp_path / f"{count}.pcap"
        captures.write(path, "steady", packets=count)
        peaks.append(peak(path))
    size = path.stat().st_size / (1 << 20)
    assert size > 7
    assert peaks[1] - peaks[0] < 8, f"{peaks} MiB, for {size:.0f} MiB more of traffic that repeats itself"


@pytest.mark.slow
def test_memory_is_bounded_where_nothing_repeats_itself(tmp_path):
    path = tmp_path / "distinct.pcap"
    captures.write(path, "distinct", packets=150_000)
    assert peak(path) < 170
