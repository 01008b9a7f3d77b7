"""One real Elasticsearch for all tests of this folder.

`elastic` is the server (see elastic_server.Server), `namespace` a name of the test's own: data streams cannot be
removed from this build, so that each test writes into its own.
"""

import os
import pathlib
import secrets
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import elastic_server

HERE = pathlib.Path(__file__).parent


def pytest_collection_modifyitems(config, items):
    """Run these only when they are asked for by name: they take minutes and a gigabyte."""
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.elastic)
    if not any("elastic" in str(argument) for argument in config.invocation_params.args):
        items[:] = [item for item in items if item not in ours]
        config.hook.pytest_deselected(items=ours)


@pytest.fixture(scope="session")
def elastic():
    """A real server: our own, or the one named in OTSENSOR_TEST_ELASTICSEARCH."""
    address = os.environ.get("OTSENSOR_TEST_ELASTICSEARCH")
    if address:
        yield elastic_server.given(address)
        return
    try:
        server = elastic_server.started()
    except elastic_server.AbsentError as absent:
        if os.environ.get("CI") == "true":
            pytest.fail(f"the tests with a real Elasticsearch may not be skipped in CI. {absent}")
        pytest.skip(str(absent))
    yield server
    server.stop()


@pytest.fixture
def own_elastic(elastic):
    """The server, when it is ours to kill and has users of every kind."""
    if not elastic.ours:
        pytest.skip("a given server is not killed, and has not the users of these tests")
    return elastic


@pytest.fixture
def namespace():
    """A namespace no other test writes to."""
    return f"t{secrets.token_hex(4)}"
