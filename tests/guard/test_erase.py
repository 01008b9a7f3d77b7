"""A secret that came in the environment is found nowhere in memory once it is erased."""

import os
import subprocess
import sys
import textwrap

import pytest

from tests.guard.memory import holds

SECRET = "c2VjcmV0IG9mIGEgdGVzdCwgYW5kIG9ubHkgdGhlcmU"
SCRIPT = """
    import os, sys
    from sensor.guard.erase import erase
    erase(sys.argv[1:])
    print(*[name for name in ("A_SECRET", "ANOTHER") if name in os.environ], flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(("names", "left"), [([], "A_SECRET ANOTHER"), (["A_SECRET", "UNSET"], "ANOTHER")])
def test_what_is_erased_is_gone_and_nothing_else(names, left):
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), *names], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "A_SECRET": SECRET, "ANOTHER": "stays"},
    )  # fmt: skip
    assert child.stdout.readline().strip() == left
    try:
        found = holds(child.pid, SECRET.encode())
    except PermissionError:
        pytest.skip("this kernel lets nobody but root look into a process")
    finally:
        child.communicate()
    assert (found > 0) == ("A_SECRET" in left)


def test_what_python_shares_with_others_is_not_touched():
    script = "import sys; from sensor.guard.erase import erase; erase(['ONE', 'NONE']); print(bytes([97]), b'')"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "ONE": "a", "NONE": ""}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == "b'a' b''\n"
