"""What the tests of the guard stand on: root, a kernel that can be asked, a place everybody can reach."""

import os
import pathlib
import shutil
import signal
import socket
import tempfile
import time

import pytest

from sensor.guard import account


@pytest.fixture
def root():
    if os.geteuid() != 0:
        pytest.skip("needs root: only what root can do shows what was taken away")


@pytest.fixture
def place():
    """A folder that any user can reach and nobody owns; pytest's own is root's alone."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="otsensor-guard-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def store(place):
    """A folder of the user that the sensor becomes."""
    folder = place / "store"
    folder.mkdir()
    who = account.nobody()
    os.chown(folder, who.uid, who.gid)
    return folder


@pytest.fixture
def secret(place):
    """A file that is nobody's business, of the user that the sensor becomes, so that only a sandbox keeps it away."""
    path = place / "secret"
    path.write_text("the plant's recipes")
    who = account.nobody()
    os.chown(path, who.uid, who.gid)
    path.chmod(0o600)
    return path


@pytest.fixture
def sibling():
    """Another process of the same user, a child of the test's."""
    child = os.fork()
    if child == 0:
        signal.alarm(120)
        while True:
            time.sleep(10)
    yield child
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.fixture
def port():
    """A TCP port somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
