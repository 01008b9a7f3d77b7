"""The files of the service: what systemd thinks of them, what they do to an interface, how they are installed."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from sensor import cli, config
from sensor.commands import service
from sensor.guard import calls, netlink, spanport, units
from sensor.guard.doctor import interface
from sensor.guard.doctor.finding import WARNING, WRONG
from sensor.guard.doctor.want import Want
from tests.guard.inside import inside
from tests.guard.test_spanport import MADE, in_a_network_of_its_own

PROGRAM = "/bin/true"
MOST_EXPOSED = 3.0  # of 10, as systemd counts; an ordinary service has 9.6

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze (Debian: apt install systemd)"
)


def analyze(*arguments):
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def installed(tmp_path):
    """The units as they would lie, of a program that is there."""
    made = units.Service(PROGRAM, ("span0", "eth-1.2"), writes=(pathlib.PurePosixPath("/srv/captures 100%"),))
    for place, text in units.files(made).items():
        path = tmp_path / place.name
        path.write_text(text)
    shutil.copy(tmp_path / "otsensor-span@.service", tmp_path / "otsensor-span@span0.service")
    return tmp_path


# --- What systemd thinks ------------------------------------------------------------------------------


@needs_systemd
@pytest.mark.parametrize("name", ["otsensor.service", "otsensor-span@span0.service"])
def test_systemd_finds_nothing_wrong(installed, name):
    done = analyze("verify", "--man=no", installed / name)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "otsensor" in line]) == (0, [])
    broken = (installed / name).read_text().replace("ExecStart=", "ExecStrat=")
    (installed / name).write_text(broken)
    assert "ExecStrat" in analyze("verify", "--man=no", installed / name).stderr


@needs_systemd
def test_systemd_counts_little_exposure(installed):
    done = analyze("security", "--offline=true", "--no-pager", installed / "otsensor.service")
    if "unrecognized" in done.stderr:
        pytest.skip("needs systemd 250, which looks at units that are not loaded")
    exposure = float(re.search(r"Overall exposure level for otsensor.service: ([\d.]+)", done.stdout)[1])
    assert exposure < MOST_EXPOSED
    rights = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("✗ CapabilityBoundingSet")}
    assert rights == {"CapabilityBoundingSet=~CAP_NET_(BIND_SERVICE|BROADCAST|RAW)"}


@needs_systemd
def test_every_call_the_sensor_keeps_passes_systemds_filter_too():
    unit = units.service_unit(units.Service(PROGRAM))
    lines = re.findall(r"^SystemCallFilter=(~?)(.*)$", unit, re.MULTILINE)
    allowed = set().union(*(expanded(text) for denied, text in lines if not denied))
    allowed -= set().union(*(expanded(text) for denied, text in lines if denied))
    kept = set(calls.group(*({row["group"] for row in calls.rows()} - {"hostile", "single"})))
    kept |= {"socket", "socketpair", "setsockopt", "fcntl", "ioctl", "prctl", "prlimit64", "shutdown"}
    known = expanded("@known") or allowed | kept
    assert (kept & known) - allowed == set()
    assert {"ptrace", "mount", "bpf", "init_module", "keyctl", "setresuid", "chown"} & allowed == set()


def expanded(text):
    """Return the calls that systemd means."""
    found = set()
    for word in text.split():
        if not word.startswith("@"):
            found.add(word)
            continue
        shown = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=False)
        for line in shown.stdout.splitlines()[1:]:
            inner = line.strip()
            if inner and not inner.startswith("#"):
                found |= expanded(inner)
    return found


@pytest.mark.skipif(not shutil.which("systemd-sysusers"), reason="needs systemd-sysusers (Debian: apt install systemd)")
@pytest.mark.usefixtures("root")
def test_user_and_folders_are_made(tmp_path):
    made = units.files(units.Service(PROGRAM))
    for place, text in made.items():
        path = tmp_path / place.relative_to("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", "otsensor.conf"], check=True, capture_output=True)
    name, _, uid, *_, home, shell = (tmp_path / "etc/passwd").read_text().splitlines()[0].split(":")
    assert (name, home, shell) == ("otsensor", "/var/lib/otsensor", "/usr/sbin/nologin")
    first = tmp_path / "etc/otsensor/otsensor.yml"
    first.parent.mkdir()
    first.write_text(units.first_configuration(units.Service(PROGRAM)))
    subprocess.run(["systemd-tmpfiles", f"--root={tmp_path}", "--create", "otsensor.conf"], check=True)
    folder, settings = (tmp_path / "var/lib/otsensor").stat(), (tmp_path / "etc/otsensor").stat()
    assert (folder.st_uid, folder.st_mode & 0o777) == (int(uid), 0o750)
    assert (settings.st_uid, settings.st_gid, settings.st_mode & 0o777) == (0, folder.st_gid, 0o750)
    assert (first.stat().st_uid, first.stat().st_gid, first.stat().st_mode & 0o777) == (0, folder.st_gid, 0o640)


# --- What the units say -------------------------------------------------------------------------------


def test_the_service_starts_what_it_is_told_with_what_that_needs():
    unit = units.service_unit(units.Service("/opt/otsensor/bin/otsensor", ("span0",)))
    assert "ExecStart=/opt/otsensor/bin/otsensor watch --config /etc/otsensor/otsensor.yml\n" in unit
    assert "Wants=otsensor-span@span0.service\n" in unit
    assert re.findall(r"(?:Ambient|BoundingS).*=(.*)", unit) == ["CAP_NET_RAW", "CAP_NET_RAW"]
    assert "ReadWritePaths" not in unit
    timed = units.service_unit(units.Service(PROGRAM, hardware_times=True))
    assert "AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN\n" in timed


def test_paths_cannot_say_anything_but_themselves():
    made = units.Service(PROGRAM, writes=(pathlib.PurePosixPath("/srv/a b/$HOME/100%"),))
    assert 'ReadWritePaths="/srv/a b/$$HOME/100%%"\n' in units.service_unit(made)


@pytest.mark.skipif(not shutil.which("systemd-escape"), reason="needs systemd-escape (Debian: apt install systemd)")
@pytest.mark.parametrize("name", ["span0", "eth-1.2", "en_p3:1", ".odd", "müll", "a@b"])
def test_names_are_escaped_as_systemd_does_it(name):
    done = subprocess.run(["systemd-escape", name], capture_output=True, text=True, check=True)
    assert units.escaped(name) == done.stdout.strip()


@pytest.mark.usefixtures("root")
def test_what_the_span_unit_runs_makes_a_span_port():
    starts = re.findall(r"^ExecStart=(-?)(.*)$", units.SPAN, re.MULTILINE)
    assert len(starts) > 5
    before = inside(in_a_network_of_its_own(*MADE), lambda: len(spanport.check(["span0"])))
    if not before.worked:
        pytest.skip("needs network namespaces, veth and iproute2")
    assert before.value == 2
    commands = [f"{command.replace('%I', 'span0')}{' || true' if may_fail else ''}" for may_fail, command in starts]

    def look():
        found = interface.examine("span0", Want(("span0",)))
        bad = [one.check for one in found if one.level in (WARNING, WRONG)]
        return [len(spanport.check(["span0"])), bad, netlink.links()["span0"].promiscuity]

    assert inside(in_a_network_of_its_own(*MADE, *commands), look).value == [0, [], 1]


# --- The command --------------------------------------------------------------------------------------


def test_print_writes_nothing_and_shows_everything(capsys, monkeypatch):
    monkeypatch.setattr(service, "put", lambda *_: pytest.fail("something was written"))
    assert cli.main(["install-service", "span0", "--print"]) == 0
    shown = capsys.readouterr().out
    made = units.files(units.Service(service.program(), ("span0",)))
    assert len(made) == 6
    assert all(text in shown and f"# {place}\n" in text for place, text in made.items())


def test_print_shows_the_first_configuration_unless_there_is_one(capsys, tmp_path):
    path = tmp_path / "etc/otsensor/otsensor.yml"
    made = units.first_configuration(units.Service(service.program(), ("span0",)))
    assert cli.main(["install-service", "span0", "--print", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith(f"\n\n{made}")
    path.parent.mkdir(parents=True)
    path.write_text("site: mine\n")
    assert cli.main(["install-service", "span0", "--print", "--root", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith("\n\n# /etc/otsensor/otsensor.yml\n# is there already, and stays as it is\n")
    assert made not in shown


def test_print_warns_of_a_program_that_the_service_could_not_see(capsys, monkeypatch):
    monkeypatch.setattr(service, "program", lambda: "/home/me/.venv/bin/otsensor")
    assert cli.main(["install-service", "span0", "--print"]) == 0
    told = capsys.readouterr()
    assert "ExecStart=/home/me/.venv/bin/otsensor watch" in told.out
    assert told.err.startswith("warning: otsensor is installed below /home/, which the service cannot see")
    assert "/opt/otsensor/bin/pip install ." in told.err


@pytest.fixture
def into(tmp_path, capsys):
    """Install below a folder; return exit code and what was said."""

    def install(*arguments):
        code = cli.main(["install-service", "span0", "--root", str(tmp_path), *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return install


def test_files_are_written_and_a_second_time_changes_nothing(into, tmp_path):
    code, told, _ = into()
    assert code == 0
    assert f"written  {tmp_path}/etc/systemd/system/otsensor.service\n" in told
    assert "systemctl enable --now otsensor-span@span0 otsensor" in told
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(before) == 7
    assert into()[0] == 0
    assert {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_first_configuration_is_right_private_and_never_written_over(into, tmp_path):
    into()
    path = tmp_path / "etc/otsensor/otsensor.yml"
    loaded = config.load(path)
    assert (loaded.watch.interfaces, str(loaded.db)) == (("span0",), "/var/lib/otsensor/otsensor.db")
    assert path.stat().st_mode & 0o777 == 0o640
    path.write_text("site: mine\n")
    assert into("--force")[0] == 0
    assert path.read_text() == "site: mine\n"


def test_what_somebody_changed_is_not_written_over_unless_told(into, tmp_path):
    into()
    unit = tmp_path / "etc/systemd/system/otsensor.service"
    unit.write_text("mine")
    (tmp_path / "etc/sysusers.d/otsensor.conf").unlink()
    code, _, error = into()
    assert (code, f"{unit}: there already, and different" in error) == (2, True)
    assert unit.read_text() == "mine"
    assert not (tmp_path / "etc/sysusers.d/otsensor.conf").exists()
    assert into("--force")[0] == 0
    assert unit.read_text() != "mine"


def test_the_configuration_decides(tmp_path, capsys):
    path = tmp_path / "otsensor.yml"
    path.write_text(
        "db: /srv/plant/otsensor.db\nwatch:\n  interfaces: [span7]\n  user: watcher\n  hardware_times: true\n"
        "  write:\n    folder: /var/lib/otsensor/captures\n"
    )
    assert cli.main(["install-service", "--print", "--config", str(path)]) == 0
    shown = capsys.readouterr().out
    for line in (f"--config {path}", "User=watcher", "ReadWritePaths=/srv/plant", "otsensor-span@span7.service",
                 "AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN", 'u watcher - "otsensor'):  # fmt: skip
        assert line in shown


def test_who_is_not_root_is_told_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(service, "program", lambda: "/opt/otsensor/bin/otsensor")
    assert cli.main(["install-service"]) == 2
    assert "only root may install a service; --print shows" in capsys.readouterr().err


@pytest.mark.parametrize(("python", "seen"), [("/root/.pyenv/bin/python3.11", False), ("/usr/bin/python3.11", True)])
def test_a_python_that_the_service_could_not_see_is_named(python, seen):
    told = units.hidden("/opt/otsensor/bin/otsensor", python)
    assert (told == "") == seen
    assert seen or told.startswith("its Python is installed below /root/")


@pytest.mark.parametrize("place", ["/root/venv/bin/otsensor", '"/home/a b/otsensor"'])
def test_what_the_service_could_not_see_is_not_installed(monkeypatch, capsys, place):
    monkeypatch.setattr(service, "program", lambda: place)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert cli.main(["install-service"]) == 2
    assert "which the service cannot see; expected it where every user can" in capsys.readouterr().err


def test_where_systemd_does_not_run_it_is_said(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(service, "RUNNING", tmp_path / "none")
    assert service.apply() == 1
    assert "systemd does not run here" in capsys.readouterr().out


def test_what_systemd_refuses_is_said(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(service, "RUNNING", tmp_path)
    monkeypatch.setattr(service, "AFTERWARDS", (("false",), ("otsensor-no-such-program",), ("true",)))
    assert service.apply() == 1
    assert capsys.readouterr().err == "false: failed\notsensor-no-such-program: is not there\n"
