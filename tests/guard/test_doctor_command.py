"""`otsensor doctor IFACE`: what it takes, prints and ends with."""

import json

import pytest

from sensor import cli
from sensor.commands import doctor
from sensor.guard.doctor.finding import NOTE, WARNING, WELL, WRONG, Finding


@pytest.fixture
def found(monkeypatch):
    """Stands for the looking; what is asked for is kept."""
    findings, asked = [], []

    def run(want):
        asked.append(want)
        return iter(findings)

    monkeypatch.setattr(doctor.examination, "run", run)
    return findings, asked


BAD = Finding(WRONG, "span0", "silent", "has the address 192.0.2.7/24", "none", "ip address flush dev span0")


def test_findings_are_told_each_with_its_command(found, capsys):
    found[0][:] = [Finding(WELL, "span0", "up", "is up"), Finding(WARNING, "clock", "synchronised", "drifts"), BAD]
    assert cli.main(["doctor", "span0"]) == 1
    assert capsys.readouterr().out == (
        "well     span0: is up\n"
        "warning  clock: drifts\n"
        "WRONG    span0: has the address 192.0.2.7/24\n"
        "         expected none: ip address flush dev span0\n"
    )


def test_warnings_and_notes_end_well(found):
    found[0][:] = [Finding(WARNING, "clock", "synchronised", "drifts"), Finding(NOTE, "span0", "mtu", "MTU 1500")]
    assert cli.main(["doctor", "span0"]) == 0


def test_json_has_the_same(found, capsys):
    found[0][:] = [Finding(WELL, "span0", "up", "is up"), BAD]
    assert cli.main(["doctor", "span0", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["well"] is False
    assert told["findings"] == [
        {"level": "well", "about": "span0", "check": "up", "found": "is up"},
        {"level": "wrong", "about": "span0", "check": "silent", "found": "has the address 192.0.2.7/24",
         "expected": "none", "mend": "ip address flush dev span0"},
    ]  # fmt: skip


def test_what_is_meant_comes_from_the_configuration_and_the_command_line_wins(found, tmp_path):
    config = tmp_path / "otsensor.yml"
    config.write_text(
        "watch:\n  interfaces: [span0, span1]\n  workers: 2\n  allow_addresses: true\n  user: nobody\n"
        "  write:\n    folder: captures\ndb: store/otsensor.db\nrules: my-rules\n"
    )
    assert cli.main(["doctor", "--config", str(config)]) == 0
    assert cli.main(["doctor", "span9", "span9", "--config", str(config), "--seconds", "0"]) == 0
    first, second = found[1]
    assert (first.interfaces, first.workers, first.allow_addresses, first.user) == (
        ("span0", "span1"),
        2,
        True,
        "nobody",
    )
    assert (first.db, first.write) == (tmp_path / "store/otsensor.db", tmp_path / "captures")
    assert first.reads == (tmp_path, tmp_path / "my-rules")
    assert first.seconds == 5
    assert (second.interfaces, second.seconds) == (("span9",), 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no interface: name some (otsensor doctor span0), or give"),
        (["elasticsearch", "span0"], "elasticsearch is asked about alone"),
        (["elasticsearch", "--seconds", "1"], "--seconds is for interfaces"),
        (["span0", "--namespace", "plant"], "--namespace is for elasticsearch"),
        (["span0", "--destination", "es"], "--destination is for elasticsearch"),
        (["span0", "--seconds", "-1"], "expected 0 to 3600"),
        (["elasticsearch"], "name the cluster: --config FILE"),
    ],
)
def test_what_makes_no_sense_is_refused(found, capsys, arguments, words):
    assert cli.main(["doctor", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert found[1] == []


def test_a_real_looking_at_the_loopback_comes_to_its_end(capsys):
    assert cli.main(["doctor", "lo", "--seconds", "0.2", "--json"]) in (0, 1)
    told = json.loads(capsys.readouterr().out)["findings"]
    assert {"lo", "clock", "kernel", "memory", "limits", "user"} <= {one["about"] for one in told}


def test_a_name_cannot_speak_to_the_terminal(capsys):
    assert cli.main(["doctor", "a\x1b[31m", "--seconds", "0"]) == 1
    assert "\x1b" not in capsys.readouterr().out
