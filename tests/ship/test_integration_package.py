"""The integration package: built the same each time, and what Elastic's checker overlooks is found by ours."""

import io
import json
import pathlib
import zipfile

import pytest
import yaml

from sensor.packaging import samples, write
from sensor.ship.integration.build import archive, files
from sensor.ship.integration.check import check
from sensor.ship.integration.streams import STREAMS
from sensor.ship.kibana.description import load

ROOT = pathlib.Path(__file__).parents[2]
VERSION = "1.2.3"


@pytest.fixture(scope="module")
def found():
    plant = samples(ROOT / "pcaps" / "plant.pcapng")
    return files(VERSION, load(ROOT / "dashboards"), plant, "Apache License")


@pytest.fixture
def package(tmp_path, found):
    write(tmp_path, found)
    return tmp_path


def test_it_is_sound(package):
    assert check(package) == []


def test_the_archive_is_the_same_each_time_and_has_one_folder(found):
    assert archive(VERSION, found) == archive(VERSION, dict(reversed(found.items())))
    names = zipfile.ZipFile(io.BytesIO(archive(VERSION, found))).namelist()
    assert {name.split("/")[0] for name in names} == {f"otsensor-{VERSION}"}
    assert len(names) == len(found)


def test_types_are_written_out(found):
    for stream in STREAMS:
        for part in ("base-fields", "ecs", "agent", "fields"):
            for one in yaml.safe_load(found[f"data_stream/{stream.name}/fields/{part}.yml"]):
                assert one.keys() <= {"name", "type", "description", "unit", "value"}
                assert one["type"]


def test_pipelines_open_as_they_must(found):
    for stream in STREAMS:
        assert found[f"data_stream/{stream.name}/elasticsearch/ingest_pipeline/default.yml"].startswith(b"---\n")


def test_lines_of_one_file_are_told_apart(found):
    """Each stream keeps exactly the sample that is its own."""

    def has(document, name):
        place = document
        for part in name.split("."):
            place = place.get(part) if isinstance(place, dict) else None
        return place is not None

    def keeps(stream, document):
        found = document["event"]["kind"] == stream.kind and has(document, stream.mark)
        return found and not (stream.other and has(document, stream.other))

    for stream in STREAMS:
        sample = json.loads(found[f"data_stream/{stream.name}/sample_event.json"])
        assert [one.name for one in STREAMS if keeps(one, sample)] == [stream.name]
        template = found[f"data_stream/{stream.name}/agent/stream/filestream.yml.hbs"].decode()
        conditions = yaml.safe_load(template.split("- drop_event:")[1].split("{{")[0])["when"]["not"]["and"]
        rest = [{"not": {"has_fields": [stream.other]}}] if stream.other else []
        assert conditions == [{"equals": {"event.kind": stream.kind}}, {"has_fields": [stream.mark]}, *rest]


# --- What Elastic's checker overlooks -----------------------------------------------------------------------------


def replaced(name, old, new):
    def spoil(package):
        path = package / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return spoil


def added(line):
    def spoil(package):
        with (package / "data_stream/alert/fields/fields.yml").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    return spoil


ALERT = "data_stream/alert"
OVERVIEW = "kibana/dashboard/otsensor-soc-overview.json"
SPOILT = {
    "hyphen": (replaced(f"{ALERT}/manifest.yml", "otsensor.alert", "ot-sensor.alert"), "dataset 'ot-sensor.alert'"),
    "no-such-ecs": (added("- {name: event.sevrity, type: long}"), "event.sevrity is not in ECS 9.4.0"),
    "no-such-word": (added("- {name: ot.alrt, type: long}"), "ot.alrt is not in our vocabulary"),
    "no-type": (added("- {name: ot.alert.sum}"), "ot.alert.sum has no type"),
    "external": (added("- {name: user.name, external: ecs}"), "user.name is external"),
    "wrong-type": (replaced(f"{ALERT}/fields/ecs.yml", "name: event.severity\n  type: long",
                            "name: event.severity\n  type: keyword"), "event.severity is keyword, in ECS long"),
    "twice": (added("- {name: ot.alert.id, type: keyword}"), "ot.alert.id is declared twice"),
    "no-id": (replaced(f"{ALERT}/agent/stream/filestream.yml.hbs", "document_id: event.id", ""), "becomes two"),
    "fingerprint": (replaced(f"{ALERT}/agent/stream/filestream.yml.hbs", "fingerprint.enabled: false", ""), "unread"),
    "agents-host": (replaced(f"{ALERT}/agent/stream/filestream.yml.hbs", "disable_host: true", ""), "agent's host"),
    "sample": (replaced(f"{ALERT}/sample_event.json", '"revision":', '"revisoin":'), "ot.alert.revisoin is declared"),
    "panel-field": (replaced(OVERVIEW, "ot.alert.id", "ot.alert.idd"), "unknown field ot.alert.idd"),
    "grid": (replaced(OVERVIEW, r'\"w\":32', r'\"w\":33'), "overlap"),
    "reference": (replaced(OVERVIEW, '"p-critical:indexpattern', '"p-critcal:indexpattern'), "is lost"),
    "file-name": (replaced(OVERVIEW, '"id": "otsensor-soc-overview"', '"id": "otsensor-x"'), "the id of its name"),
    "changelog": (replaced("changelog.yml", VERSION, "1.2.4"), "begins with 1.2.4"),
    "icon": (lambda package: (package / "img/otsensor.svg").unlink(), "no such file"),
    "source-form": (lambda package: (package / "_dev").mkdir(), "_dev"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "said"), SPOILT.values(), ids=SPOILT)
def test_a_fault_is_found(package, spoil, said):
    spoil(package)
    assert said in "\n".join(check(package))
