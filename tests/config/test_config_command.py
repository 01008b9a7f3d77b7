"""`otsensor config check|show`, as people and scripts meet it."""

import json
import os

import pytest

from sensor import cli
from sensor.commands.read import reading_options
from sensor.config.places import PLACES


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sensor.config.places.PLACES", PLACES[:1])
    monkeypatch.setattr("sensor.commands.config.PLACES", PLACES[:1])


def test_a_right_file_ends_with_0(write, capsys):
    path = write("site: north\nwatch: {workers: 2, user: root}\n")
    assert cli.main(["config", "check", str(path)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == f"{path}: 4 keys checked, no faults; 1 warning."
    assert out[0].startswith(f"{path}:2: warning: user: root stays root")


def test_a_wrong_file_ends_with_2_and_every_fault(write, capsys):
    path = write("sitee: north\nwatch: {worker: 2}\n")
    assert cli.main(["config", "check", str(path)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert [line.split(": ")[0] for line in told.err.splitlines()] == [f"{path}:1", f"{path}:2"]


def test_without_a_name_the_file_here_is_taken(capsys, tmp_path):
    assert cli.main(["config", "check"]) == 2
    assert "otsensor.yml is there; name a FILE" in capsys.readouterr().err
    assert cli.main(["config", "show"]) == 0
    assert capsys.readouterr().out.startswith("# No file: all defaults.")
    (tmp_path / "here" / "otsensor.yml").write_text("site: north\n")
    assert cli.main(["config", "check"]) == 0
    assert cli.main(["config", "show"]) == 0
    assert "site: north  # otsensor.yml:1" in capsys.readouterr().out


def test_what_is_shown_for_machines(write, capsys):
    assert cli.main(["config", "show", "--config", str(write("site: n\n")), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["site"]["value"] == "n"


WARNED = """
rules: gone/
db: gone/plant.db
watch: {interfaces: [lo, loo], snap_length: 128, sandbox: no, ring_size: 4 GiB, workers: 64, write: {folder: gone},
        allow_addresses: yes, user: nobody-of-this-name}
health: {listen: "0.0.0.0:9464"}
destinations:
  - {type: webhook, url: "https://a", secret_file: secret, ca: gone.pem}
  - {type: lines, path: gone/feed.ndjson}
  - {type: elasticsearch, hosts: "https://a", api_key_env: NOT_SET_ANYWHERE}
"""


def test_what_is_right_and_may_not_be_meant_is_told(write, capsys, tmp_path):
    (tmp_path / "secret").write_text("abc")
    (tmp_path / "secret").chmod(0o644)
    path = write(WARNED)
    assert cli.main(["config", "check", str(path)]) == 0
    out = capsys.readouterr().out
    for said in (
        "warning: rules: ", "warning: db: ", "note: interfaces: 'loo' is not on this machine now; did you mean lo?",
        "warning: snap_length: ", "warning: sandbox: ", "warning: ring_size: the rings together take 549.8 GB",
        "warning: folder: ", "warning: allow_addresses: ", "note: user: no user 'nobody-of-this-name'",
        "warning: listen: 0.0.0.0:9464 answers on every address",
        "everybody on this machine may read or change it: chmod o= ",
        "warning: ca: ", "warning: path: ", "note: api_key_env: ",
    ):  # fmt: skip
        assert said in out, said
    assert "interfaces: 'lo'" not in out
    assert f"{path}:8: warning: secret_file" in out


def test_a_secret_of_its_owner_alone_is_well(write, capsys, tmp_path):
    os.close(os.open(tmp_path / "secret", os.O_WRONLY | os.O_CREAT, 0o600))
    (tmp_path / "secret").write_text("abc")
    destination = (
        "db: x.db\nwatch: {user: nobody}\ndestinations: [{type: webhook, url: 'https://a', secret_file: secret}]\n"
    )
    path = write(destination)
    assert cli.main(["config", "check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: 7 keys checked, no faults.\n"


def test_a_path_beyond_any_use_is_told(write, capsys):
    assert cli.main(["config", "check", str(write(f"rules: {'x' * 4_000}\n"))]) == 0
    assert "no such file or folder" in capsys.readouterr().out


def read_options(path, *more):
    return reading_options(cli.parser("read").parse_args(["read", "x.pcap", "--config", str(path), *more]))


def test_reading_takes_store_rules_and_protocols_from_it_and_options_win(write):
    read = read_options(write("db: a.db\nrules: r\nprotocols: [p]\n"))
    assert (read.db.name, [path.name for path in read.rules], [path.name for path in read.protocols]) == (
        "a.db",
        ["r"],
        ["p"],
    )
    given = read_options(write("db: a.db\nrules: r\n"), "--db", "b.db", "--rules", "s")
    assert (given.db.name, [path.name for path in given.rules]) == ("b.db", ["s"])


def test_a_filter_that_watch_would_refuse_is_a_fault(write, capsys):
    path = write("watch:\n  user: nobody\n  filter: port 80 nad host 10.0.0.1\n")
    assert cli.main(["config", "check", str(path)]) == 2
    told = capsys.readouterr().out
    assert (
        told.startswith(f"{path}:3: fault: filter: the name 'nad'; expected an address") or "cannot be checked" in told
    )
