"""What the doctor says of answers that a healthy server does not give."""

import time
import types

import pytest

from sensor.ship.destination import Unreachable
from sensor.ship.elastic import doctor
from sensor.ship.elastic.cluster import Answer, meaning


class Cluster:
    """Answers by the beginning of the path; everything else is not there."""

    def __init__(self, answers, **values):
        given = {"hosts": ("https://es1:9200",), "user": "otsensor", "api_key_file": None, "api_key_env": None}
        self.settings = types.SimpleNamespace(values={**given, **values})
        self.answers = answers

    def ask(self, method, path, body=None):  # noqa: ARG002
        for beginning, answer in self.answers.items():
            if path.startswith(beginning):
                if isinstance(answer, Exception):
                    raise answer
                return answer
        return Answer(404, {"error": {"reason": "nothing there"}})


def found(check, answer, path=""):
    (one, *_) = check(Cluster({path: answer}))
    return one.level, one.what


def nodes(**said):
    return Answer(200, {"nodes": {"a": said}})


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [(0, doctor.WELL, "agree"), (-90, doctor.WRONG, "90 s behind"), (3600, doctor.WRONG, "3,600 s ahead")],
)
def test_clocks(seconds, level, words):
    told = found(doctor.clock, nodes(timestamp=(time.time() + seconds) * 1000))
    assert (told[0], words in told[1]) == (level, True)


@pytest.mark.parametrize(
    ("version", "level"),
    [("9.5.0", "well"), ("8.19.0", "well"), ("8.13.4", "WRONG"), ("7.17.9", "WRONG"), ("10.0.0", "note"),
     ("9.6.0-SNAPSHOT", "well")],
)  # fmt: skip
def test_versions(version, level):
    assert found(doctor.version, nodes(version=version))[0] == level


def test_nodes_of_several_versions_are_noted():
    answer = Answer(200, {"nodes": {"a": {"version": "8.19.0"}, "b": {"version": "9.5.0"}}})
    assert found(doctor.version, answer) == ("note", "nodes of several versions: 8.19.0, 9.5.0")


def test_a_red_cluster():
    assert found(doctor.health, Answer(200, {"status": "red"}))[0] == "WRONG"
    assert list(doctor.health(Cluster({"": Answer(200, {"status": "yellow"})}))) == []


def test_an_ordinary_index_where_a_data_stream_should_be():
    cluster = Cluster({"_resolve": Answer(200, {"indices": [{"name": "logs-otsensor.alert-x"}]})})
    (one,) = doctor.target(cluster, "logs-otsensor.alert-x")
    assert (one.level, "ordinary index" in one.what) == ("WRONG", True)


def test_a_wrong_password_ends_the_examination():
    cluster = Cluster({"_security": Answer(401, {"error": {"reason": "unable to authenticate user [x]"}})})
    told = list(doctor.run(cluster, "default"))
    assert [one.level for one in told] == ["WRONG"]
    assert "unable to authenticate user [x]" in told[0].what


def test_losing_the_server_half_way_is_said():
    answers = {"_security/_authenticate": Answer(200, {"username": "x", "roles": ["r"]}),
               "_nodes": Unreachable("no answer within the time given")}  # fmt: skip
    told = list(doctor.run(Cluster(answers), "default"))
    assert told[-1].what == "no answer: no answer within the time given"


def test_no_tls_and_no_credentials_are_noted():
    told = list(doctor.wire(Cluster({}, hosts=("http://es1:9200",), user=None)))
    assert [one.level for one in told] == ["note", "note"]


def test_a_server_with_nothing_set_up():
    answers = {"_security/_authenticate": Answer(200, {"username": "x", "roles": ["r"]})}
    told = "\n".join(one.what for one in doctor.run(Cluster(answers), "default") if one.level == "WRONG")
    assert "templates are missing: otsensor-alert" in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired", "has expired"),
        ("Hostname mismatch, certificate is not valid for 'es1'", "another name"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "does not speak TLS"),
        ("something new", "RuntimeError: something new"),
    ],
)
def test_what_a_failed_connection_means(text, words):
    outer = RuntimeError("Connection error")
    outer.__cause__ = OSError(text)
    if words.startswith("RuntimeError"):
        outer = RuntimeError(text)
    assert words in meaning(outer)
