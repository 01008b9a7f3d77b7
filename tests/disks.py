"""A file system of a test's own: small enough to be filled, or made read-only."""

import contextlib
import subprocess

import pytest


@contextlib.contextmanager
def disk(folder, size="2m", mode="755"):
    """Mount one at a folder, made where it is not there; the test is skipped where that cannot be."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode={mode}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here: needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # also where somebody has it open still


def make_read_only(folder):
    """Let nothing be written to it any more."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
