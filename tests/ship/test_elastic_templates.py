"""Templates, roles and the volume of each stream, without a server."""

import json
import pathlib

import pytest
import yaml

from sensor import cli, config
from sensor.config import Config
from sensor.reading import Options, Reading
from sensor.ship import documents
from sensor.ship.destination import MESSAGE, STREAMS, Filter, Settings
from sensor.ship.elastic import budget, templates
from sensor.vocabulary import vocabulary

EVERYWHERE = {"keyword", "text", "long", "integer", "float", "double", "boolean", "date", "ip"}


def leaves(mapping, before=""):
    for name, one in mapping["properties"].items():
        if "properties" in one:
            yield from leaves(one, f"{before}{name}.")
        else:
            yield f"{before}{name}", one["type"]


def test_every_field_is_in_exactly_one_component_with_a_type_that_every_server_has():
    found = [leaf for body in templates.component_templates().values() for leaf in leaves(body["template"]["mappings"])]
    assert sorted(name for name, _ in found) == sorted(field.name for field in vocabulary())
    assert {kind for _, kind in found} <= EVERYWHERE


@pytest.mark.parametrize("stream", documents.STREAMS)
def test_a_stream_has_room_for_its_fields(stream):
    names = templates.fields_of(stream)
    objects = {name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)}
    assert len(names) + len(objects) < templates.MAX_FIELDS / 2


def test_index_templates_name_their_components_and_let_people_add_to_them():
    for name, body in templates.index_templates().items():
        *ours, custom = body["composed_of"]
        assert set(ours) <= set(templates.component_templates()), name
        assert body["ignore_missing_component_templates"] == [custom]
        assert body["priority"] not in (100, 200, 250, 500)
        assert body["template"]["mappings"]["dynamic"] is False


def test_streams_keep_a_lifecycle_of_their_own_or_a_policy_never_both():
    own, by_policy = templates.index_templates(), templates.index_templates(ilm=True)
    for name in own:
        if "data_stream" not in own[name]:
            assert own[name] == by_policy[name]  # the newest is kept until somebody removes it
            continue
        assert own[name]["template"]["lifecycle"]["data_retention"].endswith("d")
        assert "lifecycle" not in by_policy[name]["template"]
        assert by_policy[name]["template"]["settings"]["index.lifecycle.name"] in templates.policies()


def test_a_digest_changes_with_what_a_template_says_and_with_nothing_else(monkeypatch):
    before = templates.stream_template("flow", ilm=False)
    monkeypatch.setattr(templates.build, "version", lambda: "9.8.7")
    after = templates.stream_template("flow", ilm=False)
    assert (after["version"], after["_meta"]["release"]) == (90807, "9.8.7")
    assert after["_meta"]["digest"] == before["_meta"]["digest"]
    other = templates.stream_template("flow", ilm=True)
    assert other["_meta"]["digest"] != before["_meta"]["digest"]


@pytest.mark.parametrize(
    ("version", "number"),
    [("0.1.0", 100), ("1.2.3", 10203), ("1.2.3rc1", 10200), ("0+source", 0), ("2.0", 20000)],
)
def test_a_release_as_a_number(monkeypatch, version, number):
    monkeypatch.setattr(templates.build, "version", lambda: version)
    assert templates.release() == number


def test_the_shippers_rights_are_those_of_its_namespace():
    role = templates.shipper_role("plant_2")
    names = [name for index in role["indices"] for name in index["names"]]
    assert all(name.endswith("-plant_2") for name in names)
    assert {right for index in role["indices"] for right in index["privileges"]}.isdisjoint(
        {"all", "write", "delete", "delete_index", "manage", "create_index"}
    )
    assert role["cluster"] == ["monitor"]
    history = role["indices"][0]["privileges"]
    assert ("create_doc" in history, "index" in history) == (True, False)


def test_what_is_printed_can_be_pasted_into_kibana(capsys):
    assert cli.main(["setup", "elasticsearch", "--print", "--ilm", "--namespace", "plant_2"]) == 0
    printed = capsys.readouterr().out
    requests = [block for block in printed.replace("\n\n", "\n").split("\nPUT ") if block.strip()]
    assert (
        len(requests)
        == len(templates.policies())
        + len(templates.component_templates())
        + len(templates.index_templates())
        + len(documents.STREAMS)
        + 3
    )  # two indices, one role
    assert "PUT /_ilm/policy/otsensor-alert" in printed
    assert "POST /_security/api_key" in printed
    body = printed.split("PUT /_index_template/otsensor-alerts\n")[1].split("\nPUT")[0]
    assert json.loads(body)["index_patterns"] == ["otsensor-alerts-*"]


@pytest.mark.parametrize("namespace", ["Plant", "a-b", "", "a b", "x" * 101])
def test_a_wrong_namespace_is_refused(namespace, capsys):
    assert cli.main(["setup", "elasticsearch", "--print", "--namespace", namespace]) == (0 if not namespace else 2)
    assert "is no namespace" in capsys.readouterr().err or not namespace


def test_a_configuration_without_a_cluster_is_said(tmp_path, capsys):
    path = tmp_path / "otsensor.yml"
    path.write_text("site: north\n")
    assert cli.main(["doctor", "elasticsearch", "--config", str(path)]) == 2
    assert "names no destination of type elasticsearch" in capsys.readouterr().err
    assert cli.main(["doctor", "elasticsearch"]) == 2


EVERYTHING = Settings("all", "stdout", {}, Filter(frozenset((*STREAMS, MESSAGE))))


def test_the_shared_captures_stay_within_the_budget(shared, tmp_path):
    db = tmp_path / "shared.db"
    reading = Reading(shared / "files", Options(db=db, config=Config(destinations=(EVERYTHING,))))
    reading.run()
    reading.close()
    seconds, frames = budget.covered(db)
    volumes = {one.stream: one for one in budget.measured(db)}
    assert (frames > 100_000, seconds > 3600, set(volumes)) == (True, True, set(documents.STREAMS))
    for stream, one in volumes.items():
        assert one.a_day(seconds) < templates.STREAM[stream].budget_mb
        assert one.largest < 32_768, stream
    assert budget.report(db).count("\n") == len(volumes) + 1


# --- The page says what the code does -----------------------------------------------------------------

DOCS = pathlib.Path(__file__).parents[2] / "docs"


def test_the_page_states_every_budget_and_lifecycle():
    page = (DOCS / "elasticsearch.md").read_text(encoding="utf-8")
    for name, stream in templates.STREAM.items():
        assert f"| {name} | {stream.retention_days} days | {stream.budget_mb:,} MB |" in page
        assert f"`{documents.data_stream(name, '<namespace>')}`" in page
    for kind in templates.STATES:
        assert f"`{documents.state_index(kind, '<namespace>')}`" in page
    assert all(f"-{name}`" in page for name in templates.COMPONENTS)


def test_the_configuration_to_try_it_with_is_a_right_one():
    (destination,) = config.load(DOCS / "try-elastic" / "otsensor.yml").destinations
    services = yaml.safe_load((DOCS / "try-elastic" / "compose.yml").read_text(encoding="utf-8"))["services"]
    assert destination.values["hosts"] == ("http://localhost:9200",)
    assert all(port.startswith("127.0.0.1:") for one in services.values() for port in one.get("ports", ()))
