"""Captures as they come: doubled by the mirror, tagged, one-way, joined late, damaged, twice, from two places."""

import collections
import json
import random

import pytest

from sensor.config import Config
from sensor.console.lines import line
from sensor.store.reader import Reader
from tests.line import line_kit
from tests.line.line_kit import PCAPS, deeds, reading

# --- The same, however it was captured ----------------------------------------------------------------


def said(path, **options):
    """Every message of a capture, without where and when it was found."""
    found = []
    for message in line_kit.messages(path, **options):
        one = json.loads(line(message, [""]))
        del one["time_ns"], one["frame"]
        found.append(one)
    return found


def test_frames_doubled_by_the_mirror_change_nothing(tmp_path):
    doubled = line_kit.frames_of(PCAPS / "mirror-doubled.pcap")
    once, waiting = [], set()
    for time, frame in doubled:
        if frame in waiting:
            waiting.remove(frame)
        else:
            waiting.add(frame)
            once.append((time, frame))
    assert len(once) * 2 == len(doubled)
    single = line_kit.pcap(tmp_path / "single.pcap", once)
    assert deeds(PCAPS / "mirror-doubled.pcap") == deeds(single)
    assert said(PCAPS / "mirror-doubled.pcap") == said(single)
    tcp = sum(frame[12:14] == b"\x08\x00" for _, frame in once)
    assert reading(PCAPS / "mirror-doubled.pcap").counts["mirror_duplicates"] >= tcp  # ARP repeats itself anyway


def test_the_whole_plant_doubled_is_the_plant(tmp_path):
    frames = line_kit.frames_of(PCAPS / "plant.pcapng")
    twice = [(time + late, frame) for time, frame in frames for late in (0, 4000)]
    found, single = reading(line_kit.pcap(tmp_path / "twice.pcap", twice)), reading(PCAPS / "plant.pcapng")
    assert {a.endpoint.text for a in found.assets} == {a.endpoint.text for a in single.assets}
    assert deeds(tmp_path / "twice.pcap") == deeds(PCAPS / "plant.pcapng")
    mirror = {"sensor-mirror-odd"}  # what is said of the mirror itself
    assert {a.rule.name for a in found.alerts} - mirror == {a.rule.name for a in single.alerts}
    assert [one.kind for one in found.concerns.values()] == ["doubled"]


def test_a_tag_names_the_network_and_changes_nothing_else(tmp_path):
    frames = [(time, frame[:12] + frame[16:]) for time, frame in line_kit.frames_of(PCAPS / "vlan.pcap")]
    untagged = line_kit.pcap(tmp_path / "untagged.pcap", frames)
    tagged = reading(PCAPS / "vlan.pcap")
    assert {asset.endpoint.network.vlan for asset in tagged.assets} == {"110"}
    assert {row["vlan"] for row in tagged.rows("behaviours")} == {"110"}
    assert deeds(PCAPS / "vlan.pcap") == deeds(untagged)
    ids = {row["id"] for row in tagged.rows("behaviours")}
    assert ids.isdisjoint(
        row["id"] for row in reading(untagged).rows("behaviours")
    )  # another network, another identity


def test_one_way_is_read_as_requests_without_answers():
    found = reading(PCAPS / "one-way.pcap")
    outcomes = {name for behaviour in found.behaviours for name in behaviour.outcomes()}
    assert outcomes == {"unanswered"}
    roles = {asset.endpoint.text: found.inventory.role(asset.endpoint).name for asset in found.assets}
    assert roles == {"192.168.10.10": "master"}
    assert [alert.rule.name for alert in found.alerts] == ["sensor-blind"]
    assert [one.kind for one in found.concerns.values()] == ["one_way"]
    assert found.counts["gaps"] == 0  # the other direction is absent, not lost


def test_joined_late_knows_client_from_server():
    found = reading(PCAPS / "joined-late.pcap")
    assert {behaviour.client.text for behaviour in found.behaviours} == {"192.168.10.10"}
    outcomes = collections.Counter()
    for behaviour in found.behaviours:
        outcomes.update(behaviour.outcomes())
    assert outcomes["orphan"] <= 1  # the first frame answers what was asked before the capture
    assert outcomes.keys() <= {"accepted", "orphan"}
    assert {behaviour.operation for behaviour in found.behaviours} >= {"read_var", "select", "operate", "read_coils"}
    assert found.recorder.oddities == {}


@pytest.mark.parametrize("skipped", [1, 50, 500, 2500])
def test_the_plant_joined_anywhere_has_no_strangers(skipped, tmp_path):
    frames = line_kit.frames_of(PCAPS / "plant.pcapng")[skipped:]
    late = reading(line_kit.pcap(tmp_path / "late.pcap", frames))
    whole = reading(PCAPS / "plant.pcapng")
    assert {b.client.text for b in late.behaviours} <= {b.client.text for b in whole.behaviours}
    roles = [{a.endpoint.text: r.inventory.role(a.endpoint).name for a in r.assets} for r in (late, whole)]
    # Who comes late may know less of a machine ("client"), but nothing else.
    assert {text: role for text, role in roles[0].items() if role != "client"}.items() <= roles[1].items()


# --- Twice, in parts, from two places -----------------------------------------------------------------


def rows(path, kind):
    with Reader(path) as reader:
        return list(reader.rows(kind))


def test_reading_again_into_one_database_adds_up_and_keeps_identities(tmp_path):
    db = tmp_path / "plant.db"
    kinds = ("assets", "facts", "behaviours", "flows", "alerts", "revisions", "evidence", "captures")
    reading(PCAPS / "plant.pcapng", db=db).run().close()
    first = {kind: rows(db, kind) for kind in kinds}
    reading(PCAPS / "plant.pcapng", db=db).run().close()
    second = {kind: rows(db, kind) for kind in kinds}
    assert first["alerts"]
    for kind in ("assets", "behaviours", "alerts"):
        assert {row["id"] for row in second[kind]} == {row["id"] for row in first[kind]}, kind
        assert len(second[kind]) == len(first[kind])
    for kind in ("facts", "evidence"):
        assert second[kind] == first[kind]
    counts = [{row["id"]: row["count"] for row in found["behaviours"]} for found in (first, second)]
    assert counts[1] == {number: 2 * count for number, count in counts[0].items()}
    assert [row["count"] for row in second["alerts"]] == [row["count"] for row in first["alerts"]]
    assert [row["run"] for row in second["captures"]] == [1, 2]
    assert len(second["flows"]) == 2 * len(first["flows"])


def test_one_file_named_twice_is_read_once():
    found = reading(PCAPS / "s7-clock.pcapng", PCAPS / ".." / "pcaps" / "s7-clock.pcapng")
    assert [str(one) for one in found.run().skipped] == [
        f"{PCAPS}/../pcaps/s7-clock.pcapng: the same file as {PCAPS}/s7-clock.pcapng"
    ]
    assert found.frames == reading(PCAPS / "s7-clock.pcapng").run().frames


def test_a_capture_in_parts_is_the_capture(tmp_path):
    frames = line_kit.frames_of(PCAPS / "plant.pcapng")
    for part in range(5):
        line_kit.pcap(tmp_path / f"{9 - part}.pcap", frames[part::5])  # each frame in another file, named backwards
    assert deeds(tmp_path) == deeds(PCAPS / "plant.pcapng")


def test_standard_output_of_a_packer_is_read_as_it_is(tmp_path):
    import gzip  # noqa: PLC0415

    packed = tmp_path / "plant"
    packed.write_bytes(gzip.compress((PCAPS / "plant.pcapng").read_bytes()))
    assert deeds(packed) == deeds(PCAPS / "plant.pcapng")


# --- What the people of the plant say -----------------------------------------------------------------


def test_site_and_segment_reach_assets_behaviours_and_alerts():
    found = reading(PCAPS / "s7-stop.pcapng", config=Config(site="works", segment="cell 1"))
    for kind in ("assets", "behaviours", "flows"):
        assert {(row["site"], row["segment"]) for row in found.rows(kind)} == {("works", "cell 1")}, kind
    assert found.alerts
    assert {(a.fields["ot.site"], a.fields["ot.segment"]) for a in found.alerts if a.fields.get("ot.site")} == {
        ("works", "cell 1")
    }
    plain = {row["id"] for row in reading(PCAPS / "s7-stop.pcapng").rows("behaviours")}
    assert plain.isdisjoint(row["id"] for row in found.rows("behaviours"))


@pytest.mark.parametrize("how", ["name", "path", "interface"])
def test_two_cells_with_the_same_addresses_are_two(how, tmp_path):
    frames = line_kit.frames_of(PCAPS / "modbus-polling.pcapng")
    other = line_kit.pcap(tmp_path / "cell-2.pcap", frames)
    key = {"name": "modbus-polling.pcapng", "path": str(PCAPS / "modbus-polling.pcapng"), "interface": "span0"}[how]
    config = Config(site="works", segment="cell 2", interfaces={key: "cell 1"})
    found = reading(PCAPS / "modbus-polling.pcapng", other, config=config)
    assets = {(row["segment"], row["address"]) for row in found.rows("assets")}
    alone = {row["address"] for row in reading(other).rows("assets")}
    assert assets == {(cell, address) for cell in ("cell 1", "cell 2") for address in alone}
    counts = {(row["segment"], row["id"]): row["count"] for row in found.rows("behaviours")}
    assert len(counts) == 2 * len(reading(other).behaviours)


def test_names_people_gave_reach_assets_by_ip_and_by_mac():
    names = {"192.168.10.21": "intake PLC", "00:1b:1b:5d:e0:48": "filter PLC"}
    found = reading(PCAPS / "s7-stop.pcapng", PCAPS / "modbus-write.pcapng", config=Config(assets=names))
    named = {row["address"]: row["name"] for row in found.rows("assets") if row["name"]}
    assert named == {"192.168.10.21": "intake PLC", "192.168.10.23": "filter PLC"}


# --- Messages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", line_kit.OWN)
def test_asking_for_messages_changes_nothing_else(name):
    asked = reading(PCAPS / name)
    for _ in asked:
        pass
    quiet = reading(PCAPS / name).run()
    for kind in ("assets", "behaviours", "alerts", "facts", "flows", "oddities", "evidence"):
        assert asked.rows(kind) == quiet.rows(kind), kind
    assert asked.counts == quiet.counts


def test_messages_come_in_the_order_of_frames_and_know_their_ends():
    last = 0
    for message in line_kit.messages(PCAPS / "plant.pcapng"):
        assert message.number >= last
        last = message.number
        assert {message.sender, message.receiver} == {message.talk.opener, message.talk.answerer}


# --- Damage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", line_kit.OWN)
def test_a_capture_cut_anywhere_is_read_to_the_cut(name, tmp_path):
    data = (PCAPS / name).read_bytes()
    whole = reading(PCAPS / name).run()
    chance = random.Random(name)
    last = told = 0
    for cut in sorted(chance.sample(range(1000, len(data) - 1), 6)):
        path = tmp_path / f"{cut}-{name}"
        path.write_bytes(data[:cut])
        found = reading(path).run()
        assert last <= found.frames < whole.frames
        told += found.damaged
        assert found.counts["dissector_failed"] == 0
        assert sum(found.frames_by_kind().values()) == found.frames
        last = found.frames
        found.close()
    assert told >= 5  # a file cut between two records is whole
