"""Documents into Apache Kafka itself: each one there, in the order of its subject's revisions, also over an outage."""

import json
import sys
import time

import kafka_server
import pytest
from ways_kit import absent, destination, free_port, hand, item, items

from sensor.ship.destination import SettingsError, Unreachable

confluent_kafka = pytest.importorskip("confluent_kafka", reason="the Kafka client is missing: pip install '.[kafka]'")


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    try:
        made = kafka_server.Kafka(tmp_path_factory.mktemp("kafka"))
    except kafka_server.AbsentError as why:
        absent(str(why))
    yield made
    made.kill()


def way(folder, address, **given):
    text = f"- type: kafka\n  brokers: {address}\n"
    return destination(folder, text + "".join(f"  {key}: {value}\n" for key, value in given.items()))


def consumed(kafka, topic: str, number: int):
    """Return the messages of a topic, once there are so many."""
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": kafka.address, "group.id": "test", "auto.offset.reset": "earliest",
         "enable.auto.commit": False, "allow.auto.create.topics": True}
    )  # fmt: skip
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    found, ends = [], time.monotonic() + 40
    while len(found) < number and time.monotonic() < ends:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message)
    consumer.close()
    return found


@pytest.mark.slow
def test_documents_arrive_by_stream_and_by_subject(kafka, tmp_path):
    made = way(tmp_path, kafka.address, compression="zstd")
    health = item(3, stream="health")
    assert hand(made, [item(1), item(2), health]).acknowledged == 3
    alerts, counters = consumed(kafka, "otsensor.alert", 2), consumed(kafka, "otsensor.health", 1)
    documents = [json.loads(one.value()) for one in (*alerts, *counters)]
    assert [one["event"]["sequence"] for one in documents] == [1, 2, 3]
    assert all(one["event"]["ingested"] > "2026" for one in documents)
    assert [one.key() for one in alerts] == [b"a1", b"a2"]
    assert [dict(one.headers()) for one in alerts] == [{"event.id": f"{n:032x}".encode()} for n in (1, 2)]
    made.close()


@pytest.mark.slow
def test_a_document_too_large_is_rejected_and_the_rest_goes_on(kafka, tmp_path):
    made = way(tmp_path, kafka.address, topic="large", max_bytes="20 kB", compression="none")
    sent = hand(made, [item(1), item(2, message="x" * 30_000), item(3)])
    assert sent.acknowledged == 3
    ((refused, why),) = sent.rejected
    assert refused.sequence == 2
    assert "size" in why.lower()
    # The broker refuses what this client lets through: its own bound is a million bytes.
    loose = way(tmp_path, kafka.address, topic="large", max_bytes="4 MB", compression="none")
    sent = hand(loose, [item(4), item(5, message="x" * 2_000_000), item(6)])
    assert [refused.sequence for refused, _ in sent.rejected] == [5]
    assert [json.loads(one.value())["event"]["sequence"] for one in consumed(kafka, "large", 4)] == [1, 3, 4, 6]
    made.close()
    loose.close()


@pytest.mark.slow
def test_what_a_dead_broker_did_not_take_goes_when_it_is_back(kafka, tmp_path):
    made = way(tmp_path, kafka.address, topic="outage", timeout="2s")
    assert hand(made, items(*range(1, 101))).acknowledged == 100
    kafka.kill()
    with pytest.raises(Unreachable, match=r"^kafka: "):
        hand(made, items(*range(101, 201)), after=100)
    kafka.start()
    ends = time.monotonic() + 60
    while True:
        try:
            assert hand(made, items(*range(101, 201)), after=100).acknowledged == 100
            break
        except Unreachable:
            assert time.monotonic() < ends
    found = [json.loads(one.value())["event"]["sequence"] for one in consumed(kafka, "outage", 200)]
    assert sorted(set(found)) == list(range(1, 201))
    made.close()


def test_nobody_there(tmp_path):
    made = way(tmp_path, f"127.0.0.1:{free_port()}", timeout="1s")
    began = time.monotonic()
    with pytest.raises(Unreachable, match="Connection refused"):
        hand(made, items(1, 2))
    assert time.monotonic() - began < 10
    made.close()


def test_the_password_is_in_no_complaint(tmp_path):
    (tmp_path / "pw").write_text("hunter2")
    port = free_port()
    made = way(tmp_path, f"127.0.0.1:{port}", user="me", password_file="pw", timeout="1s")
    with pytest.raises(Unreachable) as told:
        hand(made, items(1))
    assert "hunter2" not in str(told.value)
    made.close()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [({"topic": "a b"}, "is no name of a topic"), ({"ca": "nowhere.crt"}, "ssl.ca.location")],
)
def test_what_cannot_work_is_said_with_its_place(tmp_path, given, complaint):
    with pytest.raises(SettingsError, match=complaint):
        way(tmp_path, "127.0.0.1:9092", **given)


def test_without_the_client_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(SettingsError, match=r"pip install '\.\[kafka\]'"):
        way(tmp_path, "127.0.0.1:9092")
