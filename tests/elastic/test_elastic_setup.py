"""A real cluster is set up, brought up to date, shipped into with the shipper's rights, and examined."""

import pathlib
import secrets

import pytest

from sensor import cli, config
from sensor.config import Config
from sensor.reading import Options, Reading
from sensor.ship import documents
from sensor.ship.destination import Filter, Settings
from sensor.ship.elastic import cluster, doctor, setup, templates
from sensor.ship.schema import faults, type_of
from sensor.store import tables
from sensor.store.reader import Reader

PCAPS = pathlib.Path(__file__).parents[2] / "pcaps"
SOURCES = (
    ("alert", tables.REVISIONS),
    ("asset", tables.ASSETS),
    ("behaviour", tables.BEHAVIOURS),
    ("flow", tables.FLOWS),
    ("health", tables.REPORTS),
    ("message", tables.MESSAGES),
)
EVERYTHING = Settings("all", "stdout", {}, Filter(frozenset(documents.STREAMS)))


@pytest.fixture(scope="module")
def namespace():
    """One for the whole module: making indices takes longest."""
    return f"t{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def configured(elastic, namespace, tmp_path_factory):
    """A function that writes the configuration of a user, and returns its path."""
    tmp_path = tmp_path_factory.mktemp("configured")

    def configure(user="shipper", **changed):
        user = user if user in elastic.users else "admin"
        password = tmp_path / f"{user}.password"
        password.write_text(elastic.users[user])
        keys = {"hosts": elastic.url, "user": user, "password_file": password, "ca": elastic.ca, "namespace": namespace}
        lines = [f"    {name}: {value}" for name, value in {**keys, **changed}.items() if value is not None]
        path = tmp_path / f"{user}.yml"
        path.write_text("\n".join(["destinations:", "  - type: elasticsearch", *lines, ""]))
        return path

    return configure


@pytest.fixture(scope="module")
def opened(configured):
    """A function that opens the cluster as a user."""
    found = []

    def open_as(user, **changed):
        (settings,) = config.load(configured(user, **changed)).destinations
        found.append(cluster.Cluster(settings))
        return found[-1]

    yield open_as
    for one in found:
        one.close()


@pytest.fixture(scope="module")
def ready(opened, namespace):
    """A cluster that is set up for this namespace, opened as administrator."""
    admin = opened("admin")
    assert {one.result for one in setup.run(admin, namespace)} & {setup.FAILED} == set()
    return admin


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    """Everything the shipped plant gives, as items."""
    db = tmp_path_factory.mktemp("plant") / "plant.db"
    reading = Reading([PCAPS / "plant.pcapng"], Options(db=db, config=Config(destinations=(EVERYTHING,))))
    reading.run()
    reading.close()
    with Reader(db) as reader:
        return [
            documents.item(stream, row, {"observer.name": "north-1"})
            for stream, table in SOURCES
            for row in reader._select(f"SELECT * FROM {table.name} ORDER BY sequence", table.json)
        ]


@pytest.fixture(scope="module")
def shipped(ready, opened, plant, namespace):  # noqa: ARG001
    """The answer to the plant's documents, written with the shipper's rights."""
    return write(opened("shipper"), plant, namespace)


def write(opened_cluster, items, namespace):
    lines = []
    for item in items:
        name = documents.data_stream(item.stream, namespace)
        lines.append({"create": {"_index": name, "_id": item.document["event"]["id"], "require_data_stream": True}})
        lines.append(documents.stamped(item, 1_800_000_000_000_000_000, namespace))
    return opened_cluster.client.bulk(operations=lines, refresh=True).body


def told(found, level):
    return "\n".join(f"{one.what}; {one.advice}" for one in found if one.level == level)


# --- Setup --------------------------------------------------------------------------------------------


def test_setup_may_be_repeated(ready, namespace):
    again = list(setup.run(ready, namespace))
    assert {one.result for one in again} <= {setup.SAME, setup.LACKING}
    assert len([one for one in again if one.result == setup.SAME]) >= len(templates.index_templates())


def test_a_dry_run_changes_nothing(opened, namespace):
    admin = opened("admin")
    before = admin.ask("GET", "_resolve/index/*otsensor*").body
    found = list(setup.run(admin, namespace, dry=True))
    assert {one.result for one in found} & {setup.MADE, setup.CHANGED} == set()
    assert admin.ask("GET", "_resolve/index/*otsensor*").body == before


@pytest.mark.parametrize("stream", documents.STREAMS)
def test_every_field_is_mapped_with_its_type(ready, shipped, namespace, stream):
    assert shipped["errors"] is False
    (found,) = ready.ask("GET", f"{documents.data_stream(stream, namespace)}/_mapping").body.values()
    assert dict(leaves(found["mappings"])) == {name: type_of(name) for name in templates.fields_of(stream)}
    assert found["mappings"]["dynamic"] == "false"


def test_the_plant_comes_back_word_for_word(ready, shipped, plant, namespace, elastic):
    assert shipped["errors"] is False
    there = elastic.documents(f"logs-otsensor.*-{namespace},metrics-otsensor.*-{namespace}")
    sent = {
        item.document["event"]["id"]: documents.stamped(item, 1_800_000_000_000_000_000, namespace) for item in plant
    }
    assert {document["event"]["id"]: document for document in there} == sent
    assert [fault for document in there for fault in faults(document)] == []
    ignored = ready.ask("POST", f"*-otsensor.*-{namespace}/_count", {"query": {"exists": {"field": "_ignored"}}})
    assert ignored.body["count"] == 0


def test_what_is_shipped_can_be_searched_for(ready, shipped, namespace):  # noqa: ARG001
    alerts = documents.data_stream("alert", namespace)

    def count(text):
        return ready.ask("POST", f"{alerts}/_count", {"query": {"query_string": {"query": text}}}).body["count"]

    assert count("ot.action:restart") > 0
    assert count("rule.id:s7-*") > 0
    assert count('source.ip:"192.168.10.0/24"') == count("_exists_:source.ip") > 30  # one on ARP has none
    assert count("ot.alert.explanation:process") > 0
    assert count("event.severity:[73 TO *]") > 0
    assert count("s7comm.clock:[2026-01-01 TO *]") > 0


def again(ready, namespace, name):
    """Take one step of setup once more."""
    (step,) = (step for step in setup.steps(namespace) if step.name == name)
    return step.take(ready, step, False)


def test_an_old_mapping_is_brought_up_to_date(ready, shipped, namespace):  # noqa: ARG001
    name = documents.data_stream("flow", namespace)
    assert ready.ask("PUT", f"{name}/_mapping", {"_meta": {"digest": "old"}}).well
    assert again(ready, namespace, name).result == setup.CHANGED
    assert setup.newest_digest(ready.ask("GET", f"{name}/_mapping").body) == templates.digest_of("flow")
    assert again(ready, namespace, name).result == setup.SAME


def test_a_field_of_another_type_begins_a_new_index(ready, plant, namespace):
    own = f"{namespace}b"
    name = documents.data_stream("flow", own)
    early = {
        "index_patterns": [name], "priority": 900, "data_stream": {},
        "template": {"mappings": {"dynamic": False, "properties": {"ot": {"properties": {"site": {"type": "long"}}}}}},
    }  # fmt: skip
    assert ready.ask("PUT", f"_index_template/early-{own}", early).well
    write(ready, [item for item in plant if item.stream == "flow"][:3], own)
    assert ready.ask("DELETE", f"_index_template/early-{own}").well
    one = again(ready, own, name)
    assert (one.result, one.why) == (setup.CHANGED, "a new index was begun: a field has another type")
    assert len(ready.ask("GET", f"{name}/_mapping").body) == 2
    assert again(ready, own, name).result == setup.SAME


@pytest.fixture
def altered(ready):
    """A function that puts another template of one name; the right one is put back."""
    path = "_component_template/otsensor-flow"
    right = templates.component_templates()["otsensor-flow"]

    def alter(**changed):
        assert ready.ask("PUT", path, {**right, **changed}).well
        return path

    yield alter
    assert ready.ask("PUT", path, right).well


def test_a_newer_template_is_left_alone(ready, altered, namespace):
    altered(version=999_999, _meta={"managed_by": "otsensor", "release": "99.0.0", "digest": "newer"})
    one = again(ready, namespace, "otsensor-flow")
    assert (one.result, "99.0.0" in one.why) == (setup.LEFT, True)


def test_somebody_elses_template_is_not_overwritten(ready, altered, namespace):
    altered(_meta={"managed_by": "somebody"})
    assert again(ready, namespace, "otsensor-flow").result == setup.FAILED


def test_ilm_is_used_where_it_is_there_and_missed_aloud_where_not(ready, namespace):
    found = list(setup.run(ready, namespace, ilm=True, dry=True))
    lacking = [one for one in found if one.step.name == "ILM"]
    assert [one.result for one in lacking] in ([], [setup.LACKING])
    assert not [one for one in found if one.result == setup.FAILED]


# --- Rights -------------------------------------------------------------------------------------------


def test_the_shipper_may_not_remove_or_overwrite_history(shipped, opened, plant, namespace, own_elastic):  # noqa: ARG001
    shipper = opened("shipper")
    (backing,) = shipper.ask("GET", f"{documents.data_stream('alert', namespace)}/_mapping").body
    written = f"{backing}/_doc/{plant[0].document['event']['id']}"
    assert shipper.ask("GET", written).well
    assert shipper.ask("DELETE", written).status == 403
    assert shipper.ask("PUT", f"{written}?if_seq_no=0&if_primary_term=1", {"@timestamp": 0}).status == 403
    (name, body), *_ = templates.index_templates().items()
    assert shipper.ask("PUT", f"_index_template/{name}", body).status == 403
    assert shipper.ask("PUT", f"elsewhere-{namespace}/_doc/1", {}).status == 403
    assert shipper.ask("DELETE", f"otsensor-alerts-{namespace}").status == 403


# --- Doctor -------------------------------------------------------------------------------------------


def test_nothing_is_wrong_with_a_cluster_that_is_set_up(shipped, opened, namespace, own_elastic):  # noqa: ARG001
    found = list(doctor.run(opened("shipper"), namespace))
    assert told(found, doctor.WRONG) == ""
    for sign in ("shipper", "Elasticsearch", "clocks agree", "all rights", "templates are as they should be"):
        assert sign in told(found, doctor.WELL)


def test_what_this_server_lacks_is_said_and_the_rest_goes_on(ready, own_elastic, namespace):  # noqa: ARG001
    notes = told(doctor.run(ready, namespace), doctor.NOTE)
    assert all(sign in notes for sign in ("ILM", "ES|QL", "data streams by request", "administrator"))


def test_a_role_that_may_only_create_is_told_what_it_costs(ready, opened, namespace, own_elastic):  # noqa: ARG001
    found = list(doctor.run(opened("writer"), namespace))
    assert "no right 'read' on the data streams: after a lost answer nothing can be looked up" in told(
        found, doctor.NOTE
    )
    assert "no right 'index'" in told(found, doctor.WRONG)


def test_a_stranger_is_told_that_nothing_can_be_shipped(ready, opened, namespace, own_elastic):  # noqa: ARG001
    found = list(doctor.run(opened("stranger"), namespace))
    assert "no right 'create_doc' on the data streams: nothing can be shipped" in told(found, doctor.WRONG)


def test_an_old_template_and_an_old_mapping_are_found(ready, shipped, altered, opened, namespace):  # noqa: ARG001
    name = documents.data_stream("alert", namespace)
    ready.ask("PUT", f"{name}/_mapping", {"_meta": {"digest": "old"}})
    altered(_meta={"managed_by": "otsensor", "release": "0.0.1", "digest": "old"})
    right = templates.index_templates()["otsensor-logs-flow"]
    old = {**right, "_meta": {**right["_meta"], "digest": "old"}}
    try:
        assert ready.ask("PUT", "_index_template/otsensor-logs-flow", old).well
        wrong = told(doctor.run(opened("shipper"), namespace), doctor.WRONG)
    finally:
        assert again(ready, namespace, name).result == setup.CHANGED
        assert ready.ask("PUT", "_index_template/otsensor-logs-flow", right).well
    assert "templates are of another release, or changed: otsensor-flow, otsensor-logs-flow" in wrong
    assert f"{name} has an old mapping" in wrong


def test_an_index_that_takes_no_documents_is_found(ready, opened, namespace):
    name = documents.state_index("alerts", namespace)
    assert ready.ask("PUT", f"{name}/_settings", {"index.blocks.read_only_allow_delete": True}).well
    try:
        wrong = told(doctor.run(opened("shipper"), namespace), doctor.WRONG)
    finally:
        ready.ask("PUT", f"{name}/_settings", {"index.blocks.read_only_allow_delete": None})
    assert f"{name} takes no documents: read_only_allow_delete" in wrong


def test_each_way_of_not_getting_through_has_its_words(elastic, opened, namespace, tmp_path):
    password = tmp_path / "wrong"
    password.write_text("wrong")
    stranger = elastic.root / "stranger.crt" if elastic.ours else None
    port = elastic.url.rsplit(":", 1)[1]
    cases = [
        ({"password_file": password}, "not let in"),
        ({"hosts": "https://127.0.0.1:1"}, "nobody listens there"),
        ({"hosts": "https://nobody.invalid:9200"}, "nobody knows a host of this name"),
    ]
    if elastic.ours:
        cases += [
            ({"ca": stranger}, "signed by nobody we trust"),
            ({"ca": None, "fingerprint": "00" * 32}, "another certificate than the fingerprint"),
            ({"hosts": f"http://127.0.0.1:{port}"}, "https where http was written?"),
        ]
    for changed, words in cases:
        found = list(doctor.run(opened("shipper", **changed), namespace))
        assert words in told(found, doctor.WRONG), changed


def test_the_fingerprint_of_the_ca_is_enough(own_elastic, opened, namespace):
    found = list(doctor.run(opened("shipper", ca=None, fingerprint=own_elastic.fingerprint()), namespace))
    assert "known as shipper" in told(found, doctor.WELL)


# --- The commands -------------------------------------------------------------------------------------


def test_the_commands_end_as_they_should(configured, elastic, capsys, tmp_path):
    password = tmp_path / "admin-password"
    password.write_text(elastic.users["admin"])
    admin = ["--user", "admin", "--password-file", str(password)] if elastic.ours else []
    where = ["--config", str(configured())]
    assert cli.main(["setup", "elasticsearch", *where, *admin]) == 0
    printed = capsys.readouterr().out
    assert "POST /_security/api_key" in printed
    assert elastic.users["admin"] not in printed
    assert cli.main(["doctor", "elasticsearch", *where]) == 0
    assert cli.main(["doctor", "elasticsearch", "--config", str(configured(hosts="https://127.0.0.1:1"))]) == 1


def leaves(mapping, before=""):
    """Return each field of a mapping with its type."""
    for name, one in mapping["properties"].items():
        if "properties" in one:
            yield from leaves(one, f"{before}{name}.")
        else:
            yield f"{before}{name}", one["type"]
