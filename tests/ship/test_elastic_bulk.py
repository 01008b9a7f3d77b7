"""Whatever a server does, everything arrives once, and only what it acknowledges counts."""

import collections
import json
import ssl
import subprocess
import threading
import time

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from ship_kit import Fake, fill, lane, settings, shipped

from sensor.ship import lane as lanes
from sensor.ship.destination import SettingsError
from sensor.ship.elastic import bulk
from sensor.ship.elastic.client import client
from sensor.ship.outbox import Outbox

# After each of these it is unknown what arrived, or nothing did.
FAULTS = (
    "too_many", "unavailable", "gateway", "lost", "half_done", "half_told", "empty", "garbage", "strange", "cut_short",
    "full", "forbidden", "somebody_else",
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(lanes, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(lanes, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(lanes, "INTERVAL_SECONDS", 0.01)


@pytest.fixture
def fake():
    made = Fake()
    yield made
    made.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plant.db"


def revisions(path):
    """What the store holds: id and version of every revision."""
    outbox = Outbox(path)
    rows = outbox.database.execute("SELECT alert, version FROM alert_revisions ORDER BY sequence").fetchall()
    outbox.close()
    return rows


def is_there_once(fake, path):
    """Say whether every revision is in the history once, and the newest of each alert is the state."""
    found = collections.Counter(identity for _, _, identity, _ in fake.history)
    rows = revisions(path)
    newest = {f"{alert}": version for alert, version in rows}
    return (
        set(found.values()) == {1}
        and len(found) == len(rows)
        and {identity: version for (_, identity), (version, _) in fake.newest.items()} == newest
    )


def test_each_revision_goes_into_the_history_and_the_newest_is_the_state(fake, path):
    fill(path, range(5), (1, 10, 100))
    assert shipped(lane(path, settings(fake.url)))
    assert is_there_once(fake, path)
    assert {name for _, name, _, _ in fake.history} == {"logs-otsensor.alert-default"}
    assert {name for name, _ in fake.newest} == {"otsensor-alerts-default"}
    documents = [document for *_, document in fake.history]
    assert [document["event"]["sequence"] for document in documents] == list(range(1, 16))
    assert all(document["event"]["ingested"] > "2020" for document in documents)
    assert documents[0]["data_stream"] == {"type": "logs", "dataset": "otsensor.alert", "namespace": "default"}
    assert all("data_stream" not in document for _, document in fake.newest.values())
    assert fake.headers[-1]["Content-Encoding"] == "gzip"


def test_a_second_run_sends_nothing_and_a_third_with_a_lost_cursor_adds_nothing(fake, path):
    fill(path, range(5), (1, 10))
    assert shipped(lane(path, settings(fake.url)))
    sent = fake.bulks
    assert shipped(lane(path, settings(fake.url)))
    assert fake.bulks == sent
    outbox = Outbox(path)
    outbox.forget("soc")
    outbox.close()
    fake.generation += 1
    assert shipped(lane(path, settings(fake.url)))
    assert is_there_once(fake, path)


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_everything_arrives_once_also_over_a_rollover(fake, path, fault, monkeypatch):
    monkeypatch.setattr(lanes, "BATCH_ITEMS", 4)
    fill(path, range(10))
    fake.faults = ["well", fault, fault, "well", fault]
    misbehave = getattr(fake, fault)

    def and_roll_over(handler, body):
        misbehave(handler, body)
        fake.generation += 1

    monkeypatch.setattr(fake, fault, and_roll_over)
    said = []
    assert shipped(lane(path, settings(fake.url), said))
    assert is_there_once(fake, path)
    assert any("trying again" in line for line in said)
    assert said[-1] == "soc: shipping again"
    assert not fake.faults


@tried(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(("well", *FAULTS)), max_size=12),
    st.sets(st.integers(0, 12)),
    st.integers(1, 7),
    st.sets(st.integers(0, 5)),
)
def test_whatever_happens_everything_arrives_once(tmp_path_factory, faults, rollovers, batch, killed):
    """Faults, rollovers and restarts in any order."""
    path = tmp_path_factory.mktemp("any") / "x.db"
    fill(path, range(6), (1, 10))
    fake = Fake()
    fake.faults = list(faults)
    well = fake.request
    one = lane(path, settings(fake.url))

    def request(handler, body):
        well(handler, body)
        if fake.bulks in rollovers:
            fake.generation += 1
        if fake.bulks in killed:
            killed.discard(fake.bulks)
            one.stop()

    fake.request = request
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lanes, "BATCH_ITEMS", batch)
            while not shipped(one):
                one = lane(path, settings(fake.url))
        assert is_there_once(fake, path)
    finally:
        fake.close()


def test_a_refused_document_is_kept_with_its_reason_and_stops_nothing(fake, path):
    fill(path, range(6))
    fake.refused_ids = {f"{2:032x}"}  # the state of the third
    outbox = Outbox(path)
    third = outbox.read(2, 1, settings("").filter).items[0]
    said = []
    assert shipped(lane(path, settings(fake.url), said))
    assert len(fake.history) == 6
    (letter,) = outbox.rejected("soc")
    assert (letter["sequence"], letter["stream"], letter["id"]) == (3, "alert", third.id)
    assert "document_parsing_exception: failed to parse field" in letter["reason"]
    assert "it is no number" in letter["reason"]
    assert letter["document"]["ot"]["alert"]["id"] == third.id
    cursor = outbox.cursor("soc")
    assert (cursor.sequence, cursor.shipped, cursor.rejected) == (6, 5, 1)
    assert any("rejected alert" in line for line in said)
    outbox.close()


@pytest.mark.parametrize(
    ("fault", "said"), [("failure_store", "put into the failure store"), ("dropped", "dropped by an ingest pipeline")]
)
def test_what_was_taken_and_put_elsewhere_counts_as_rejected(fake, path, fault, said):
    fill(path, range(3))
    fake.faults = [fault] * 2
    assert shipped(lane(path, settings(fake.url, kinds=("alert",))))
    outbox = Outbox(path)
    assert [said in letter["reason"] for letter in outbox.rejected()] == [True]
    assert outbox.cursor("soc").shipped == 2
    outbox.close()


def test_before_the_server_is_set_up_nothing_is_made_there(fake, path):
    fill(path, range(3))
    fake.is_set_up = False
    said = []
    assert not shipped(lane(path, settings(fake.url), said), 0.3)
    assert (fake.history, fake.newest) == ([], {})
    assert "otsensor doctor elasticsearch" in said[0]
    fake.is_set_up = True
    assert shipped(lane(path, settings(fake.url)))
    assert is_there_once(fake, path)


def test_a_server_that_takes_only_small_requests_gets_small_ones(fake, path):
    fill(path, range(40))
    fake.faults, fake.max_body = ["large"], 9_000
    assert shipped(lane(path, settings(fake.url)))
    assert is_there_once(fake, path)
    assert fake.bulks > 10


def test_a_document_that_is_too_large_by_itself_is_rejected(fake, path):
    fill(path, range(3))
    fake.faults, fake.max_body = ["large"], 100
    assert shipped(lane(path, settings(fake.url)))
    outbox = Outbox(path)
    assert [letter["reason"] for letter in outbox.rejected()] == ["the server takes no request of this size"] * 3
    outbox.close()


def test_one_that_may_only_create_ships_all_the_same(fake, path):
    fake.may_search = False
    fill(path, range(3))
    where = settings(fake.url)
    one = bulk.Elasticsearch(where)
    outbox = Outbox(path)
    items = outbox.read(0, 10, where.filter).items
    outbox.close()
    assert one.send(items).acknowledged == 3
    assert one.counts()["lookups_refused"] == 1
    assert one.send(items).acknowledged == 3
    assert (one.counts()["created"], one.counts()["already_there"]) == (3, 3)
    assert fake.searches == 1
    one.close()


def test_what_the_server_still_works_on_is_waited_for(fake, path):
    """The answer is lost, the work goes on, and a rollover comes in between."""
    fill(path, range(3))

    def later(handler, body):
        mark = handler.headers["X-Opaque-Id"]
        fake.working_on.append(mark)

        def work():
            time.sleep(0.3)
            fake.execute(body)
            fake.generation += 1
            fake.working_on.remove(mark)

        threading.Thread(target=work).start()
        fake.hang_up(handler)

    fake.later, fake.faults = later, ["later"]
    said = []
    assert shipped(lane(path, settings(fake.url), said))
    assert is_there_once(fake, path)
    assert "soc: the server still works on what was sent before; trying again" in said


@pytest.mark.parametrize("fault", ["loris"])
def test_an_answer_that_never_ends_is_given_up(fake, path, fault):
    fill(path, range(3))
    fake.faults = [fault]
    said = []
    assert shipped(lane(path, settings(fake.url, timeout=0.3), said))
    assert is_there_once(fake, path)
    assert "no answer within the time given" in said[0]


def test_no_server_at_all_is_waited_for(path):
    fill(path, range(3))
    gone = Fake()
    gone.close()
    said = []
    assert not shipped(lane(path, settings(gone.url), said), 0.5)
    assert len(said) == 1
    assert "nobody listens there" in said[0]


def test_of_several_hosts_one_that_answers_is_found(fake, path):
    fill(path, range(3))
    gone = Fake()
    gone.close()
    where = settings(fake.url)
    where.values["hosts"] = (gone.url, fake.url)
    assert shipped(lane(path, where))
    assert is_there_once(fake, path)


def test_an_ipv6_address(path):
    fill(path, range(3))
    fake = Fake("::1")
    assert shipped(lane(path, settings(fake.url)))
    assert is_there_once(fake, path)
    fake.close()


# --- TLS and credentials ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A CA, a certificate of it, and another CA."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments):
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)

    for name in ("ca", "stranger"):
        openssl("-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    openssl("-keyout", "server.key", "-out", "server.crt", "-subj", "/CN=localhost", "-CA", "ca.crt", "-CAkey",
            "ca.key", "-addext", "basicConstraints=critical,CA:false", "-addext",
            "subjectAltName=IP:127.0.0.1")  # fmt: skip
    return folder


@pytest.fixture
def safe(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    made = Fake(tls=context)
    yield made
    made.close()


def fingerprint(certificate):
    command = ["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().partition("=")[2]


def test_a_certificate_is_trusted_by_its_authority_or_its_fingerprint(safe, path, certificates):
    fill(path, range(3))
    assert shipped(lane(path, settings(safe.url, ca=certificates / "ca.crt")))
    assert is_there_once(safe, path)
    fill(path, range(3, 6))
    assert shipped(lane(path, settings(safe.url, fingerprint=fingerprint(certificates / "server.crt"))))
    assert is_there_once(safe, path)


def test_tls_is_tunnelled_through_a_proxy(safe, fake, path, certificates):
    fill(path, range(3))
    fake.leads_to = ("127.0.0.1", safe.server.server_address[1])
    assert shipped(lane(path, settings(safe.url, ca=certificates / "ca.crt", proxy=fake.url)))
    assert is_there_once(safe, path)
    assert set(fake.tunnels) == {safe.url.removeprefix("https://")}
    assert (fake.headers, fake.bulks) == ([], 0)


def test_a_wrong_certificate_is_refused_before_anything_is_sent(safe, path, certificates):
    fill(path, range(3))
    for wrong in ({"ca": certificates / "stranger.crt"}, {"fingerprint": "ab" * 32}, {}):
        said = []
        assert not shipped(lane(path, settings(safe.url, **wrong), said), 0.5)
        assert "certificate" in said[0]
    assert safe.headers == []
    assert safe.bulks == 0


def test_credentials_are_sent_and_never_said(fake, path, tmp_path, monkeypatch, caplog):
    fill(path, range(3))
    (tmp_path / "es.key").write_text("c2VjcmV0OmtleQ==\n")
    monkeypatch.setenv("ES_PASSWORD", "sesame")
    fake.faults = ["unavailable", "forbidden", "lost", "garbage"]
    said = []
    assert shipped(lane(path, settings(fake.url, api_key_file=tmp_path / "es.key"), said))
    assert fake.headers[0]["Authorization"] == "ApiKey c2VjcmV0OmtleQ=="
    fill(path, range(3, 6))
    fake.faults = ["unavailable", "lost"]
    with caplog.at_level("DEBUG"):
        assert shipped(lane(path, settings(fake.url, user="otsensor", password_env="ES_PASSWORD"), said))
    assert fake.headers[-1]["Authorization"].startswith("Basic ")
    told = "".join(said) + caplog.text
    assert not [word for word in ("c2Vj", "sesame", fake.headers[-1]["Authorization"][6:]) if word in told]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hosts": ("es.example",)}, "'es.example' is no address like https://"),
        ({"hosts": ("https://me:sesame@es:9200",)}, "credentials do not stand in an address"),
        ({"user": "me"}, "user needs password_file or password_env"),
        ({"password_env": "PATH"}, "user needs password_file or password_env"),
        ({"api_key_env": "PATH", "user": "me"}, "an API key and a user are both given"),
        ({"ca": "x", "fingerprint": "y"}, "ca and fingerprint are both given"),
        ({"proxy": "https://me:sesame@proxy"}, "proxy: expected http://host:port, without a user"),
        ({"proxy": "http://proxy:1", "hosts": ("http://es:9200",)}, "only https:// hosts"),
        ({"fingerprint": "abc"}, "[Ff]ingerprint"),
        ({"password_file": "/nowhere", "user": "me"}, "No such file"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_told(given, said, path):
    fill(path, [1])
    where = settings("https://127.0.0.1:9")
    where.values.update(given)
    if "ca" in given:
        where.values["ca"] = path
    with pytest.raises(SettingsError, match=said) as caught:
        client(where)
    assert "otsensor.yml:3" in str(caught.value)
    assert "sesame" not in str(caught.value)
    one = lane(path, where, told := [])
    assert not shipped(one)
    assert one.broken == told[0]


def test_the_state_carries_what_the_history_says(fake, path):
    fill(path, range(2), (1, 10))
    assert shipped(lane(path, settings(fake.url)))
    for (_, identity), (version, state) in fake.newest.items():
        (twin,) = (
            d for *_, d in fake.history if d["ot"]["alert"]["id"] == identity and d["ot"]["alert"]["count"] == 10
        )
        twin = json.loads(json.dumps(twin))
        del twin["data_stream"], twin["event"]["ingested"], state["event"]["ingested"]
        assert state == twin
        assert version == 20
