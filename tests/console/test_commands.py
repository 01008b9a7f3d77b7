"""What each command prints, where, and how it ends; what comes from the wire reaches no terminal and no spreadsheet."""

import contextlib
import csv
import gzip
import io
import json
import os
import pathlib
import re
import shlex
import signal
import sqlite3
import struct
import subprocess
import time

import pytest

from sensor import cli
from sensor.commands import listing
from sensor.console import views
from sensor.store.reader import Reader
from sensor.store.store import Store
from sensor.vocabulary import vocabulary
from tests.line import line_kit
from tests.line.line_kit import PCAPS

PLANT = PCAPS / "plant.pcapng"
STOP = PCAPS / "s7-stop.pcapng"


@pytest.fixture
def run(capsys):
    """Run a command in this process; return exit code, standard output and standard error."""

    def otsensor(*arguments):
        try:
            code = cli.main([str(one) for one in arguments])
        except SystemExit as ended:  # argparse
            code = ended.code
        return code, *capsys.readouterr()

    return otsensor


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    """The plant, kept in a database."""
    path = tmp_path_factory.mktemp("store") / "plant.db"
    line_kit.reading(PLANT, db=path).run().close()
    return path


# --- What is printed ----------------------------------------------------------------------------------


def test_the_summary_tells_what_was_read_who_is_there_and_what_is_wrong(run):
    code, out, err = run("read", PLANT)
    assert (code, err) == (0, "")
    assert out.startswith("plant.pcapng: 5,447 frames")
    for words in ("modbus", "s7comm", "dnp3", "192.168.10.66", "scanner", "Assets (8)", "and 1", "critical", "high"):
        assert words in out, words
    assert max(map(len, out.splitlines()[1:])) <= 140


@pytest.mark.parametrize("name", ["plant.db", "a plant.db", f"{'long' * 20}.db"])
def test_the_command_to_look_closer_stands_whole_on_its_line(name, run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    lines = run("read", STOP, "--db", name)[1].splitlines()
    command = shlex.split(next(line for line in lines if line.startswith("  otsensor ")))
    assert command == ["otsensor", "alerts", "--db", name]
    assert max(len(line) for line in lines if line.startswith("Kept")) <= 80
    assert run(*command[1:])[0] == 0


def test_the_command_to_look_closer_is_the_one_that_was_found(run, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", [".venv/bin/otsensor", "read"])
    monkeypatch.setattr("shutil.which", lambda _name: None)
    out = run("read", STOP, "--db", tmp_path / "p.db")[1]
    assert f"  .venv/bin/otsensor alerts --db {tmp_path / 'p.db'}" in out.splitlines()


@pytest.mark.parametrize("kind", ["alerts", "assets", "behaviours", "flows"])
def test_where_there_is_nothing_a_listing_says_so(kind, run, tmp_path):
    Store(tmp_path / "p.db").close()
    assert run(kind, "--db", tmp_path / "p.db") == (0, f"No {kind}.\n", "")


def test_a_terminal_gets_no_line_that_it_would_break_within_a_word(run, monkeypatch, tmp_path):
    for name, value in (("FORCE_COLOR", "1"), ("COLUMNS", "80")):
        monkeypatch.setenv(name, value)
    out = run("read", PLANT, "--db", tmp_path / "plant.db")[1]
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in out.splitlines()]
    assert max(len(line) for line in lines if str(tmp_path) not in line) <= 80
    assert "64 comments in the capture: The whole story: polling" in " ".join(lines)


def test_top_limits_each_table_and_says_what_is_left_out(run):
    _, two, _ = run("read", PLANT, "--top", 2)
    _, every, _ = run("read", PLANT, "--top", 0)
    assert "and 6 more" in two
    assert " more\n" not in every.replace("and 3 more by", "").replace("and 2 more", "")
    assert len(every) > 4 * len(two)


def test_quiet_prints_nothing_when_nothing_is_wrong(run):
    assert run("read", PLANT, "--quiet") == (0, "", "")
    spoofed = PCAPS / "arp-spoofing.pcapng"  # what somebody does by ARP is an alert, and nothing wrong with the reading
    assert run("read", spoofed, "--quiet") == (0, "", "")


def test_json_is_one_document_of_everything(run):
    code, out, err = run("read", PLANT, "--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    found = json.loads(out)
    assert found["captures"][0]["frames"] == 5447 == sum(found["frames_by_kind"].values())
    assert found["skipped"] == []
    assert len(found["assets"]) == 8
    assert {row["protocol"] for row in found["behaviours"]} == {"modbus", "s7comm", "dnp3", "cotp"}
    assert found["alerts"][0]["level"] == "critical"
    assert found["counts"]["dissector_failed"] == 0
    reading = line_kit.reading(PLANT)
    assert {row["id"]: row["count"] for row in found["behaviours"]} == {
        behaviour.identity(): behaviour.count for behaviour in reading.behaviours
    }


def test_messages_are_lines_on_standard_output_and_the_summary_steps_aside(run):
    code, out, err = run("read", PLANT, "--messages", "-")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    messages = line_kit.messages(PLANT)
    assert [(one["frame"], one["ot.operation"]) for one in lines] == [(m.number, m.operation) for m in messages]
    assert err.startswith("plant.pcapng: 5,447 frames")


def test_messages_go_to_a_file_as_well(run, tmp_path):
    _, out, _ = run("read", STOP, "--messages", "-", "--quiet")
    assert run("read", STOP, "--messages", tmp_path / "said.jsonl", "--quiet") == (0, "", "")
    assert (tmp_path / "said.jsonl").read_text() == out
    first = json.loads(out.splitlines()[0])
    assert (first["file"], first["network.protocol"], first["ot.operation"]) == (str(STOP), "cotp", "connect")


def flat(document, path=""):
    for name, value in document.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def test_alerts_are_appended_as_lines_whose_every_field_is_declared(run, tmp_path):
    path = tmp_path / "alerts.jsonl"
    assert run("read", PLANT, "--alerts", path, "--quiet") == (0, "", "")
    once = path.read_text()
    documents = [json.loads(line) for line in once.splitlines()]
    assert {name for one in documents for name, _ in flat(one)} - vocabulary().fields.keys() == set()
    assert {one["rule"]["id"] for one in documents} >= {"s7-plc-stop", "dnp3-cold-restart"}
    assert all(one["ot"]["evidence"]["file"][0] == str(PLANT) for one in documents)
    assert all(one["message"] and one["ot"]["alert"]["response"] for one in documents)
    run("read", PLANT, "--alerts", path, "--quiet")
    assert len(path.read_text().splitlines()) == 2 * len(documents)
    assert path.read_text().startswith(once)


def test_a_second_reading_shows_itself_and_adds_up_in_the_database(run, tmp_path):
    path, cut = tmp_path / "two.db", tmp_path / "cut.pcapng"
    cut.write_bytes(PLANT.read_bytes()[:-7])
    assert "damaged" in run("read", cut, "--db", path)[2]
    alone = json.loads(run("read", PLANT, "--json")[1])
    code, out, err = run("read", PLANT, "--json", "--db", path)
    assert (code, err) == (0, "")
    again = json.loads(out)
    for kind in ("captures", "behaviours", "assets", "oddities"):
        own = ("run", "sequence", "revision")
        assert [{k: v for k, v in row.items() if k not in own} for row in again[kind]] == [
            {k: v for k, v in row.items() if k not in own} for row in alone[kind]
        ], kind
    assert [row["id"] for row in again["alerts"]] == [row["id"] for row in alone["alerts"]]
    code, out, err = run("read", PLANT, "--db", path)
    assert (code, err) == (0, "")
    assert f"read before into {path}: counts add up there" in out
    assert "read before" not in run("read", STOP, "--db", path)[1]
    stop = [json.loads(run("read", STOP, "--json", *db)[1]) for db in ((), ("--db", path))]
    assert [[row["sentence"] for row in found["alerts"]] for found in stop] == [
        [row["sentence"] for row in stop[0]["alerts"]]
    ] * 2
    assert len(stop[0]["alerts"]) < len(alone["alerts"])
    added = sum(
        json.loads(line)["count"] for line in run("behaviours", "--db", path, "--format", "json")[1].splitlines()
    )
    assert added > 2 * sum(row["count"] for row in alone["behaviours"])


@pytest.mark.parametrize("kind", sorted(listing.KINDS))
def test_a_listing_says_the_same_in_each_form(kind, db, run):
    _, table, _ = run(kind, "--db", db)
    _, lines, _ = run(kind, "--db", db, "--format", "json")
    _, sheet, _ = run(kind, "--db", db, "--format", "csv")
    rows = [json.loads(line) for line in lines.splitlines()]
    cells = list(csv.DictReader(io.StringIO(sheet)))
    assert rows
    assert len(cells) == len(rows)
    assert list(cells[0]) == list(rows[0])
    assert table.startswith(f"{kind.capitalize()} ({len(rows):,})")
    _, few, _ = run(kind, "--db", db, "--format", "json", "--top", 3)
    assert few.splitlines() == lines.splitlines()[:3]


def test_a_listing_shows_what_read_has_shown(db, run):
    _, summary, _ = run("read", PLANT, "--top", 0)
    for kind in ("assets", "behaviours", "alerts"):
        _, table, _ = run(kind, "--db", db)
        assert table.strip() in summary


def test_fields_and_rules_are_listed(run):
    code, out, _ = run("fields", "modbus.function", "--format", "json")
    assert code == 0
    assert {json.loads(line)["name"] for line in out.splitlines()} >= {"modbus.function", "modbus.function_code"}
    code, out, err = run("fields", "modbus.funktion")
    assert (code, out) == (2, "")
    assert "did you mean modbus.function?" in err
    assert run("rules", "check")[0] == 0
    assert len(run("rules", "list", "--format", "csv")[1].splitlines()) > 40


@pytest.mark.parametrize("width", [80, 100, 120, 140, 170])
def test_a_table_is_legible_at_every_width(width, db, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    with Reader(db) as reader:
        rows = {kind: list(reader.rows(kind)) for kind in listing.KINDS}
    for kind in listing.KINDS:
        _, out, _ = run(kind, "--db", db)
        assert max(map(len, out.splitlines())) <= width
        assert "\u2026" not in out
        words = set(out.split()) | set(re.sub(r":\d+ ", " ", out).split())
        for row in rows[kind]:
            ends = [row[end] for end in ("address", "client", "server", "opener", "answerer") if end in row]
            counts = [f"{row['count']:,}"] if "count" in row else []
            told = views.outcomes(row).plain if kind == "behaviours" else row.get("sentence", "")
            assert {*ends, *counts, *(word for word in told.split() if len(word) <= 12)} <= words


# --- What comes from the wire -------------------------------------------------------------------------

EVIL = "=cmd|'/c calc'!A1"
ESCAPES = "\x1b]0;owned\x07\x1b[31mred\x1b[2J\r\n\t\x00\x9b1m\u202e[bold]markup[/bold]"


def identification(texts):
    """The answer to Modbus 43/14: vendor, product, revision."""
    objects = b"".join(struct.pack("BB", number, len(text)) + text for number, text in enumerate(texts))
    return b"\x2b\x0e\x01\x01\x00\x00" + bytes((len(texts),)) + objects


@pytest.fixture
def hostile(tmp_path):
    """Two devices that call themselves what no terminal and no spreadsheet should be shown."""
    frames = []
    for number, text in enumerate((EVIL.encode(), ESCAPES.encode("latin-1", "replace"))):
        talk = line_kit.Talk(server=(f"10.0.0.{2 + number}", 502))
        talk.say(0, line_kit.modbus(1, 1, b"\x2b\x0e\x01\x00"))
        talk.say(1, line_kit.modbus(1, 1, identification([text, text, text])))
        frames += talk.close()
    return line_kit.pcap(tmp_path / "\x1b[31mhostile.pcap", frames)


def controls(text):
    return {letter for letter in text if not letter.isprintable() and letter != "\n"}


@pytest.mark.parametrize("arguments", [(), ("--top", "0"), ("--quiet",), ("--messages", "-"), ("--json",)])
def test_no_control_character_from_the_wire_reaches_the_terminal(hostile, run, arguments):
    code, out, err = run("read", hostile, *arguments)
    assert code == 0
    assert controls(out) == controls(err) == set()


def test_no_control_character_of_a_file_name_reaches_the_terminal(run, tmp_path):
    bad = tmp_path / "\x1b]0;owned\x07.pcap"
    bad.write_bytes(PLANT.read_bytes()[:5000])
    missing = tmp_path / "\x1b[2Jmissing.pcap"
    rules = tmp_path / "\x1b[2Jrules.yml"
    rules.write_text("title: [\x07")
    for arguments in ((bad,), (bad, missing), (missing,), (bad, "--rules", rules), (bad, "--config", rules),
                      (bad, "--db", bad), (bad, "--protocols", missing)):  # fmt: skip
        code, out, err = run("read", *arguments)
        assert code != 0
        assert err
        assert controls(out) == controls(err) == set(), arguments


def test_no_control_character_in_a_listing(hostile, run, tmp_path):
    run("read", hostile, "--db", tmp_path / "x.db", "--quiet")
    for kind in listing.KINDS:
        for form in ("table", "json"):
            _, out, err = run(kind, "--db", tmp_path / "x.db", "--format", form)
            assert controls(out) == controls(err) == set(), (kind, form)


def test_a_formula_is_quoted_in_csv(hostile, run, tmp_path):
    run("read", hostile, "--db", tmp_path / "x.db", "--quiet")
    _, out, _ = run("assets", "--db", tmp_path / "x.db", "--format", "csv")
    cells = [cell for row in csv.reader(io.StringIO(out)) for cell in row]
    assert cells.count(f"'{EVIL}") == 3
    assert not any(cell[:1] in tuple("=+-@\t\r") for cell in cells)


# --- How it ends --------------------------------------------------------------------------------------


def test_a_damaged_capture_is_named_and_what_was_found_is_shown(run, tmp_path):
    data = PLANT.read_bytes()
    (tmp_path / "cut.pcapng").write_bytes(data[: len(data) // 2 + 3])
    code, out, err = run("read", tmp_path / "cut.pcapng")
    assert code == 1
    assert "damaged" in err
    assert f"{tmp_path}/cut.pcapng" in err
    assert "cut off" in err
    assert "modbus" in out
    assert run("read", tmp_path / "cut.pcapng", "--quiet")[1] == ""


def test_a_capture_broken_in_the_middle_is_read_behind_the_damage(run, tmp_path):
    data = bytearray(PLANT.read_bytes())
    data[200_000:200_400] = os.urandom(400)
    (tmp_path / "broken.pcapng").write_bytes(data)
    code, out, err = run("read", tmp_path / "broken.pcapng", "--json")
    found = json.loads(out)
    assert code == 1
    assert 5000 < found["captures"][0]["frames"] < 5447
    assert found["captures"][0]["damage"]
    assert "went on" in err


def test_one_unreadable_path_among_others_is_named(run, tmp_path):
    (tmp_path / "notes.txt").write_text("not a capture")
    code, out, err = run("read", STOP, tmp_path / "notes.txt", tmp_path / "absent.pcap")
    assert code == 1
    assert "s7-stop.pcapng: 104 frames" in out
    assert f"{tmp_path}/notes.txt: not a capture" in err
    assert f"{tmp_path}/absent.pcap: No such file" in err


def test_what_is_beside_captures_in_a_folder_is_no_fault(run, tmp_path):
    (tmp_path / "notes.txt").write_text("not a capture")
    (tmp_path / "a.pcapng").write_bytes(STOP.read_bytes())
    code, _, err = run("read", tmp_path)
    assert code == 0
    assert "notes.txt" in err


@pytest.mark.parametrize("what", ["absent", "text", "empty", "folder"])
def test_nothing_readable_at_all(what, run, tmp_path):
    path = tmp_path / what
    if what == "text":
        path.write_text("not a capture")
    elif what == "empty":
        path.write_bytes(b"")
    elif what == "folder":
        path.mkdir()
    code, _, err = run("read", path)
    assert code == 3
    assert what in err


def test_a_capture_without_frames_is_read(run, tmp_path):
    code, out, err = run("read", line_kit.pcap(tmp_path / "none.pcap", []))
    assert (code, err) == (0, "")
    assert "0 frames" in out


RULE = """
title: Broken
id: 7d6b6a1c-0000-4000-8000-000000000000
logsource: {product: otsensor, service: modbus}
detection: {selection: {modbus.funktion_code: 5}, condition: selection}
"""


def database_of_somebody_else(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()


WRONG = {
    "rules": ("--rules", lambda path: path.write_text(RULE), "modbus.function_code"),
    "absent-rules": ("--rules", pathlib.Path.exists, "No such file"),
    "config": ("--config", lambda path: path.write_text("sight: works\n"), "site"),
    "absent-config": ("--config", pathlib.Path.exists, "No such file"),
    "text-as-db": ("--db", lambda path: path.write_text("hello, this is not a database at all" * 100), "database"),
    "other-db": ("--db", database_of_somebody_else, "something else"),
    "folder-as-db": ("--db", lambda path: path.mkdir(), "directory"),
    "folder-as-alerts": ("--alerts", lambda path: path.mkdir(), "directory"),
    "folder-as-messages": ("--messages", lambda path: path.mkdir(), "directory"),
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_a_mistake_is_told_and_nothing_is_done(what, run, tmp_path):
    option, spoil, words = WRONG[what]
    path = tmp_path / "wrong"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    db = () if option == "--db" else ("--db", tmp_path / "made.db")
    code, out, err = run("read", STOP, option, path, *db)
    assert (code, out) == (2, "")
    assert str(path) in err
    assert words in err
    assert "Traceback" not in err
    assert before is None or path.read_bytes() == before
    assert not (tmp_path / "made.db").exists()


@pytest.mark.parametrize("option", ["--alerts", "--messages", "--db"])
@pytest.mark.parametrize("which", ["itself", "link", "twin", "packed", "other"])
def test_a_capture_is_never_written_over(option, which, run, tmp_path):
    capture, target = tmp_path / "evidence.pcapng", tmp_path / which
    capture.write_bytes(STOP.read_bytes())
    if which == "itself":
        target = capture
    elif which == "link":
        target.symlink_to(capture)
    elif which == "twin":
        target.hardlink_to(capture)
    else:
        target.write_bytes(gzip.compress(PLANT.read_bytes()) if which == "packed" else PLANT.read_bytes()[:4])
    before = target.read_bytes()
    code, out, err = run("read", capture, "--quiet", option, target)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{option} {target}: is a capture" in err
    assert capture.read_bytes() == STOP.read_bytes()
    assert target.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == (1 if which == "itself" else 2)


def test_two_outputs_are_two_files(run, tmp_path):
    path = tmp_path / "both"
    path.touch()
    assert "by --alerts already" in run("read", STOP, "--alerts", path, "--messages", path)[2]
    code, out, err = run("read", STOP, "--json", "--messages", "-")
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_a_name_that_is_not_utf_8_is_told_as_one_that_is(run, tmp_path):
    capture = tmp_path / os.fsdecode(b"pumpe-\xfc.pcapng")
    capture.write_bytes(STOP.read_bytes())
    told = f"{tmp_path}/pumpe-\\xfc.pcapng"
    db, alerts, messages = (tmp_path / name for name in ("x.db", "a.jsonl", "m.jsonl"))
    code, out, err = run("read", capture, "--json", "--db", db, "--alerts", alerts, "--messages", messages)
    assert (code, err) == (0, "")
    assert json.loads(out)["captures"][0]["path"] == told
    assert {json.loads(line)["file"] for line in messages.read_text().splitlines()} == {told}
    assert json.loads(alerts.read_text().splitlines()[0])["ot"]["evidence"]["file"][0] == told
    with Reader(db) as reader:
        assert next(reader.rows("captures"))["path"] == told
    assert "pumpe-\\xfc" in run("read", capture)[1]


@pytest.mark.parametrize("arguments", [(), ("read",), ("reed", "x"), ("read", "x", "--top", "many"), ("assets",)])
def test_a_wrong_option_is_told(arguments, run):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: otsensor")


def test_a_listing_without_a_store(run, tmp_path):
    code, out, err = run("assets", "--db", tmp_path / "none.db")
    assert (code, out) == (2, "")
    assert err == f"{tmp_path}/none.db: is not there; expected a store made by --db\n"
    assert not (tmp_path / "none.db").exists()


# --- In a process of its own --------------------------------------------------------------------------


def test_standard_input_is_a_capture():
    with PLANT.open("rb") as capture:
        ended = line_kit.otsensor("read", "-", "--json", stdin=capture)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = json.loads(ended.stdout)
    assert (found["captures"][0]["path"], found["captures"][0]["frames"]) == ("-", 5447)
    assert len(found["behaviours"]) == len(line_kit.reading(PLANT).behaviours)


def test_who_has_seen_enough_of_the_summary_may_go():
    ended = subprocess.run(
        ["bash", "-c", f"{' '.join(line_kit.command('read', PLANT, '--top', '0'))} | head -1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, cwd=line_kit.ROOT, timeout=60, check=True,
    )  # fmt: skip
    assert ended.stdout.splitlines()[-1] == "0"
    assert ended.stderr == ""


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="no full device")
def test_a_full_disk_names_the_file(run):
    code, out, err = run("read", PLANT, "--messages", "/dev/full", "--quiet")
    assert (code, out, err) == (2, "", "/dev/full: No space left on device\n")


def test_no_rules_are_no_good_news(run, tmp_path):
    for arguments in (("rules", "check", tmp_path), ("rules", "list", tmp_path), ("read", STOP, "--rules", tmp_path)):
        code, out, err = run(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "no rules found" in err
    assert "No alerts" not in run("read", tmp_path / "none.pcap")[1]


def test_listings_tell_place_evidence_transport_and_sides(run, tmp_path):
    path, said = tmp_path / "x.db", tmp_path / "m.jsonl"
    run("read", PCAPS / "vlan.pcap", "--site", "north", "--db", path, "--messages", said, "--quiet")
    first = json.loads(said.read_text().splitlines()[0])
    assert first["ot.site"] == "north"
    assert first["ot.vlan"]
    assert "ot.segment" not in first
    run("read", STOP, "--db", path, "--site", "north", "--quiet")
    alert = json.loads(run("alerts", "--db", path, "--format", "json")[1].splitlines()[0])
    assert alert["site"] == "north"
    assert alert["evidence"][0]["file"]
    assert alert["evidence"][0]["frame"] > 0
    run("read", PCAPS / "one-way.pcap", "--db", path, "--quiet")
    flows = [json.loads(line) for line in run("flows", "--db", path, "--format", "json")[1].splitlines()]
    assert any(row["one_way"] for row in flows)
    assert all(row["community_id"].startswith("1:") for row in flows if row["transport"])
    table = run("flows", "--db", path)[1]
    assert "one way" in table
    assert " arp " in table
    cells = list(csv.DictReader(io.StringIO(run("flows", "--db", path, "--format", "csv")[1])))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z", cells[0]["first_time"])


def test_who_has_seen_enough_may_go():
    told = subprocess.run(
        f"{' '.join(line_kit.command('read', PLANT, '--messages', '-', '--quiet'))} | head -1",
        shell=True, capture_output=True, text=True, cwd=line_kit.ROOT, timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(told.stdout)["frame"] > 0
    assert told.stderr == ""


def started(*arguments):
    """Start a command that reads from a pipe."""
    return subprocess.Popen(
        line_kit.command("read", "-", *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, cwd=line_kit.ROOT,
    )  # fmt: skip


def until_it_grows(path, process):
    """Wait until a file has something in it."""
    for _ in range(300):
        if path.exists() and path.stat().st_size:
            return
        assert process.poll() is None
        time.sleep(0.05)
    pytest.fail(f"{path} stayed empty")


def test_ctrl_c_at_a_silent_pipe_ends_at_once_and_keeps_what_was_read(tmp_path):
    db, said = tmp_path / "plant.db", tmp_path / "said"
    process = started("--db", db, "--messages", said)
    process.stdin.write(PLANT.read_bytes()[:300_000])
    process.stdin.flush()
    until_it_grows(said, process)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, err = communicate(process)
    assert time.monotonic() - began < 10
    assert process.returncode == 130
    assert b"Ended by Ctrl-C" in err
    assert b"damaged" not in err
    assert b"modbus" in out
    with Reader(db) as store:
        assert {row["protocol"] for row in store.rows("behaviours")} == {"modbus", "s7comm", "dnp3", "cotp"}
        frames = [row["frames"] for row in store.rows("captures")]
    assert 2000 < frames[0] < 5447


def communicate(process):
    """Wait for the end without closing the pipe to it: the other end stays silent, not gone."""
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    out, err = process.stdout.read(), process.stderr.read()
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()
    return out, err


def test_ctrl_c_while_much_is_coming_ends_after_the_present_block(tmp_path):
    said = tmp_path / "said"
    process = started("--messages", said, "--quiet")
    data = PLANT.read_bytes()
    process.stdin.write(data)
    until_it_grows(said, process)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(BrokenPipeError):  # sections may follow one another, without an end
        while process.poll() is None:
            process.stdin.write(data)
    assert process.wait(30) == 130
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.stdout.close()
    process.stderr.close()
