"""The daily digest: what is new, nothing left out uncounted, and safe whatever the wire has said."""

import contextlib
import email
import email.policy
import html.parser
import shutil
import socket
import sqlite3
import time

import pytest
from aiosmtpd.controller import Controller

from sensor import cli
from sensor.commands.digest import moment
from sensor.console.digest.gather import gather, newest
from sensor.console.digest.headline import period, subject, warnings
from sensor.console.digest.page import page
from sensor.console.digest.text import WIDTH, text
from sensor.console.words import NS
from sensor.store.reader import Reader
from sensor.store.store import Store

DAY = 86_400 * NS
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> \x1b[31m\u202e\x00\n& {0} %s ``` [x](http://evil)"


@pytest.fixture(scope="module")
def plant(tmp_path_factory, pcaps):
    path = tmp_path_factory.mktemp("digest") / "plant.db"
    assert cli.main(["read", str(pcaps / "plant.pcapng"), "--db", str(path), "--quiet"]) == 0
    return path


@pytest.fixture
def store(plant, tmp_path):
    return shutil.copy(plant, tmp_path / "plant.db")


def gathered(path, since=-DAY, **more):
    with Reader(path) as reader:
        return gather(reader, since, **more)


def change(path, *statements):
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(*statement) if isinstance(statement, tuple) else database.execute(statement)


class Page(html.parser.HTMLParser):
    """Collects tags with their attributes, and the text between them."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


def test_the_plant_is_all_new(plant):
    found = gathered(plant)
    assert found.levels == {"low": 13, "medium": 14, "high": 12, "critical": 5}
    assert (found.alerts.total, found.assets.total, found.behaviours.total) == (44, 8, 144)
    assert found.behaviours.more == 94
    assert subject(found) == "otsensor: 5 critical, 12 high; 8 new assets"
    assert found.behaviours.rows[0]["action"] in ("write", "operate", "stop", "restart", "select", "program_download")
    assert found.until == newest_of(plant)


def newest_of(path):
    with Reader(path) as reader:
        return newest(reader.database, time.time_ns())


def test_nothing_is_new_the_day_after(plant):
    found = gathered(plant, newest_of(plant) + 1)
    assert found.alerts.total == found.assets.total == found.behaviours.total == found.oddities.total == 0
    assert subject(found) == "otsensor: no alerts"
    assert "Alerts" not in text(found)
    assert "<h2>" not in page(found)


def test_the_window_parts_old_from_new_and_heard_from_silent(store):
    end = newest_of(store)
    change(
        store,
        f"UPDATE assets SET first_time = {end - 5 * DAY}, last_time = {end - DAY - 1} WHERE address = '192.168.10.21'",
        f"UPDATE assets SET first_time = {end - 5 * DAY} WHERE address = '192.168.10.22'",
        f"UPDATE behaviours SET first_time = {end - 2 * DAY} WHERE protocol = 'modbus'",
        f"UPDATE alerts SET first_time = {end - 2 * DAY}, last_time = {end - 2 * DAY} WHERE level = 'low'",
    )
    found = gathered(store)
    assert found.assets.total == 6
    assert [row["address"] for row in found.silent.rows] == ["192.168.10.21"]
    assert {row["protocol"] for row in found.behaviours.rows} == {"dnp3", "s7comm", "cotp"}
    assert "low" not in found.levels
    assert "fell silent (1)" in text(found)


def test_a_record_from_the_future_does_not_hide_the_present(store):
    end = newest_of(store)
    change(store, f"UPDATE alerts SET last_time = {end + 80 * 365 * DAY} WHERE level = 'low'")
    found = gathered(store)
    assert found.until == end
    assert found.assets.total == 8


def test_captures_may_be_of_any_age(plant):
    assert not gathered(plant, now=newest_of(plant) + 3000 * DAY).quiet


@pytest.mark.parametrize("live", ["format = 'live', path = 'span0'", "path = '-'"])
def test_a_sensor_gone_quiet_is_said_first(store, live):
    change(store, f"UPDATE captures SET {live}")
    plant = store
    found = gathered(plant, now=newest_of(plant) + 3 * DAY)
    assert subject(found).startswith("otsensor: SENSOR QUIET; 5 critical")
    assert any("Nothing was recorded for 3 d" in line for line in warnings(found))
    assert "SENSOR QUIET" in page(found)
    assert not gathered(plant, now=newest_of(plant) + NS).quiet


def test_losses_since_are_told_and_those_before_are_not(store):
    with Store(store) as writer:
        for at, gaps in ((1, 40), (3, 100), (5, 107)):
            writer.tick(newest_of(store) + at * DAY)
            writer.health({"gaps": gaps, "frames": 1})
            writer.commit()
        since = newest_of(store) + 4 * DAY
    found = gathered(store, since)
    assert found.losses == {"Holes in TCP streams": 7}
    assert "Holes in TCP streams: 7." in warnings(found)


def test_drops_damage_feeds_and_dead_letters_are_told(store):
    change(
        store,
        "UPDATE captures SET drops = 12, damage = 'cut off at byte 7'",
        "INSERT INTO cursors VALUES ('soc', 100, 100, 90, 10, 0)",
    )
    told = "\n".join(warnings(gathered(store)))
    assert "12 packets were dropped" in told
    assert "plant.pcapng was not read to its end: cut off at byte 7" in told
    assert "10 documents were rejected by soc" in told
    assert "soc: 90 documents shipped, 340 wait" in text(gathered(store))


def test_what_the_wire_has_said_stays_text(store):
    change(
        store,
        ("UPDATE assets SET name = ?, vendor = ?, role = ?, site = ?, serves = ?", (HOSTILE,) * 4 + ('["\\u003cb>"]',)),
        ("UPDATE alerts SET sentence = ?, explanation = ?, response = ?, level = ?", (HOSTILE,) * 4),
        ("UPDATE behaviours SET operation = ?, target = ?, unit = ?, protocol = ?", (HOSTILE,) * 4),
        ("UPDATE captures SET damage = ?, path = ?", (HOSTILE,) * 2),
        ("INSERT INTO oddities VALUES (1, '', '', '', '', ?, ?, ?, ?, 3, ?, ?, 1, '')",
         (HOSTILE, HOSTILE, HOSTILE, HOSTILE, newest_of(store), newest_of(store))),
        ("INSERT INTO cursors VALUES (?, 1, 1, 1, 1, 0)", (HOSTILE,)),
    )  # fmt: skip
    found = gathered(store)
    made = Page(page(found))
    assert {tag for tag, _ in made.tags} <= {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "small", "p", "b", "table", "thead",
        "tbody", "tr", "th", "td", "span", "div", "footer",
    }  # fmt: skip
    assert {name for _, attributes in made.tags for name in attributes} <= {
        "lang", "charset", "http-equiv", "content", "name", "class", "role"
    }  # fmt: skip
    assert {tag for tag, one in made.tags if "script" in str(one) or "onerror" in str(one)} == set()
    assert any("<script>alert(1)</script>" in one for one in made.texts)
    for whole in (page(found), text(found)):
        assert not [letter for letter in whole if not letter.isprintable() and letter != "\n"]
    assert "\n" not in subject(found)
    assert subject(found).isprintable()


def test_text_keeps_to_its_width(plant):
    assert max(len(line) for line in text(gathered(plant)).splitlines()) <= WIDTH


def test_the_page_fetches_nothing(plant):
    made = page(gathered(plant))
    assert "default-src 'none'" in made
    assert "http://" not in made
    assert "https://" not in made
    assert "url(" not in made
    assert "@import" not in made


def test_an_empty_store_has_a_digest_too(tmp_path):
    Store(tmp_path / "empty.db").close()
    found = gathered(tmp_path / "empty.db")
    assert subject(found) == "otsensor: no alerts"
    assert period(found) in page(found)


# --- The command --------------------------------------------------------------------------------------


class Box:
    """Takes mails, and refuses who is not known."""

    def __init__(self):
        self.mails = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802, ARG002
        if address.startswith("nobody"):
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802, ARG002
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 taken"


@pytest.fixture
def box():
    made = Box()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(made, hostname="127.0.0.1", port=port)
    controller.start()
    made.relay = f"127.0.0.1:{port}"
    yield made
    controller.stop()


def run(capsys, *arguments):
    code = cli.main(["digest", *map(str, arguments)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_without_an_aim_it_is_shown(plant, capsys):
    code, out, _ = run(capsys, "--db", plant, "--since", "1d", "--top", "3")
    assert code == 0
    assert out.startswith("otsensor: 5 critical, 12 high; 8 new assets\n2026-")
    assert "  and 41 more\n" in out
    assert run(capsys, "--db", plant, "--text", "-")[1].startswith("otsensor: 5 critical")


def test_files_are_written_whole(plant, tmp_path, capsys):
    (tmp_path / "d.html").write_text("old")
    code, out, _ = run(capsys, "--db", plant, "--html", tmp_path / "d.html", "--text", tmp_path / "d.txt")
    assert (code, out) == (0, "")
    assert (tmp_path / "d.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "d.txt").read_text().startswith("otsensor: 5 critical")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.html", "d.txt"]
    code, _, err = run(capsys, "--db", plant, "--html", tmp_path / "nowhere" / "d.html")
    assert (code, err) == (2, f"{tmp_path}/nowhere/d.html: No such file or directory\n")


def test_a_mail_holds_text_and_page(store, box, capsys):
    change(store, ("UPDATE assets SET site = ?", ("north\r\nBcc: all@example.org",)))
    code, out, err = run(capsys, "--db", store, "--mail-to", "ot@example.org", "--mail-to", "soc@example.org",
                         "--mail-from", "sensor@example.org", "--relay", box.relay)  # fmt: skip
    assert (code, out, err) == (0, "", "")
    ((sender, to, content),) = box.mails
    assert (sender, to) == ("sensor@example.org", ["ot@example.org", "soc@example.org"])
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[otsensor] north Bcc: all@example.org: 5 critical, 12 high; 8 new assets"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    plain, rich = (part.get_content() for part in mail.iter_parts())
    assert "CRITICAL  192.168.10.66 switches coil 1" in plain
    assert rich.startswith("<!doctype html>")
    assert not mail.defects
    assert max(map(len, content.splitlines())) < 998  # RFC 5322


def test_a_relay_that_refuses_or_is_not_there_is_said_so(plant, box, capsys):
    code, _, err = run(capsys, "--db", plant, "--mail-to", "nobody@example.org", "--mail-from", "a@b", "--relay",
                       box.relay)  # fmt: skip
    assert code == 1
    assert "not mailed: 127.0.0.1" in err
    assert "no such user here" in err
    code, _, err = run(capsys, "--db", plant, "--mail-to", "nobody@example.org", "--mail-to", "ot@example.org",
                       "--mail-from", "a@b", "--relay", box.relay)  # fmt: skip
    assert code == 1
    assert "refuses nobody@example.org" in err
    assert len(box.mails) == 1
    code, _, err = run(capsys, "--db", plant, "--mail-to", "ot@example.org", "--relay", "127.0.0.1:1")
    assert code == 1
    assert "Connection refused" in err


@pytest.mark.parametrize("address", ["none", "a@b\nBcc: c@d", "a b@c"])
def test_an_address_that_is_none_is_refused(plant, capsys, address):
    code, _, err = run(capsys, "--db", plant, "--mail-to", address)
    assert code == 2
    assert "is no mail address" in err


@pytest.mark.parametrize(("given", "found"), [("24h", -DAY), ("7d", -7 * DAY), ("1970-01-02", DAY),
                                              ("1970-01-02T01:00:00+01:00", DAY)])  # fmt: skip
def test_since_is_a_length_or_a_moment(given, found):
    assert moment(given) == found


@pytest.mark.parametrize("given", [("--since", "yesterday"), ("--since", "9999999h"), ("--relay", "a b"),
                                   ("--relay", "x:99999")])  # fmt: skip
def test_what_is_no_time_and_no_relay_is_refused(plant, capsys, given):
    with pytest.raises(SystemExit) as ended:
        run(capsys, "--db", plant, *given)
    assert ended.value.code == 2
