"""Every key is checked; a wrong one is answered with its place and the nearest right name."""

import pathlib

import pytest

from sensor.config import Config, ConfigError, WatchSettings, WriteSettings, load
from sensor.keys.key import Address
from sensor.keys.problems import MAX_FAULTS
from sensor.yamls import MAX_FILE


def test_a_whole_configuration(write):
    places = "site: north\nsegment: cell-1\ninterfaces:\n  span1: cell-2\n"
    config = load(write(places + "assets:\n  10.0.0.1: HMI\n  00:11:22:33:44:55: PLC\n"))
    names = {"10.0.0.1": "HMI", "00:11:22:33:44:55": "PLC"}
    assert config == Config("", "north", "cell-1", {"span1": "cell-2"}, names)
    assert config.place("x.pcap", "span1") == ("north", "cell-2")
    assert config.place("x.pcap", "") == ("north", "cell-1")


WATCH = """
db: store/otsensor.db
rules: [my-rules/, /etc/rules.yml]
protocols: my-protocols
watch:
  interfaces: [span0, span1]
  workers: 2
  filter: "not port 22"
  promiscuous: no
  ring_size: 128 MB
  snap_length: 512
  hold_back: 500us
  allow_addresses: yes
  user: nobody
  sandbox: off
  write: {folder: captures, max_size: 2 GB, max_age: 1d, file_size: 100 MB, file_age: 10m}
health:
  listen: "[::1]:9464"
  every: 30s
"""


def test_how_it_watches(write, tmp_path):
    config = load(write(WATCH))
    kept = WriteSettings(tmp_path / "captures", 2 * 10**9, 86_400.0, 10**8, 600.0)
    assert config.watch == WatchSettings(
        ("span0", "span1"), 2, "not port 22", promiscuous=False, hardware_times=False, ring_size=128 * 10**6,
        snap_length=512, hold_back=500_000, allow_addresses=True, user="nobody", sandbox=False, write=kept,
    )  # fmt: skip
    assert (config.db, config.rules) == (
        tmp_path / "store/otsensor.db",
        (tmp_path / "my-rules", pathlib.Path("/etc/rules.yml")),
    )
    assert config.protocols == (tmp_path / "my-protocols",)
    assert (config.health.listen, config.health.every) == (Address("::1", 9464), 30.0)


def test_an_empty_file_is_the_default(write):
    assert load(write("")) == load(write("# nothing yet\n---\n")) == Config()
    assert Config().watch == WatchSettings()
    assert Config().watch.write is None


def test_all_faults_are_told_at_once_with_line_and_nearest_name(write):
    with pytest.raises(ConfigError) as caught:
        load(write("sit: north\nsegment: [a]\nassets:\n  plc-1: x\nwatch:\n  write:\n    max_siz: 3\n"))
    lines = str(caught.value).splitlines()
    assert sorted(int(line.split(": ", 1)[0].rsplit(":", 1)[1]) for line in lines) == [1, 2, 4, 7, 7]
    assert "did you mean site?" in lines[0]
    assert [line for line in lines if "is not an IP or MAC address" in line]
    assert [line for line in lines if "did you mean max_size?" in line]


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "\x00", "just words", "interfaces: 3", "--- 1\n--- 2\n"])
def test_whatever_else_is_refused_with_its_place(write, text):
    with pytest.raises(ConfigError, match=r"otsensor\.yml"):
        load(write(text))


FAULTS = [
    ("site: a\nsegment: b\nsite: c", 3, "'site' is given twice, first in line 1"),
    ("assets:\n  AA:bb:cc:00:00:01: x\n  aa:bb:cc:00:00:01: y", 3, "is given twice, first in line 2"),
    ("assets:\n  2001:db8::1: x\n  2001:DB8:0::1: y", 3, "is given twice"),
    ("destinations:\n  - type: stdout\n    type: lines", 3, "'type' is given twice"),
    ("site:", 1, "site is empty"),
    ("site: ~\nwatch: null", 2, "watch is empty"),
    ("assets:\n  10.0.0.1:", 2, "is empty"),
    ("rules: [a, null]", 1, "found nothing in it"),
    ("workers: 2", 1, "it stands under watch"),
    ("watch:\n  worker: 2", 2, "did you mean workers?"),
    ("watch:\n  workers: 0", 2, "less than 1"),
    ("watch:\n  workers: 65", 2, "more than 64"),
    ("watch:\n  workers: 010", 2, "without leading zeros"),
    ("watch:\n  workers: 0x10", 2, "is no whole number"),
    ("watch:\n  workers: 1.5", 2, "is no whole number"),
    ("watch:\n  workers: .inf", 2, "is no whole number"),
    ("watch:\n  workers: ٣", 2, "is no whole number"),
    ("watch:\n  workers: [1]", 2, "found a list"),
    ("watch:\n  workers: " + "9" * 5_000, 2, "is 5,000 characters long"),
    ("watch:\n  workers: " + "9" * 400, 2, "is no whole number"),
    ("watch:\n  snap_length: 12:30:00", 2, "is no whole number"),
    ("watch:\n  promiscuous: maybe", 2, "neither true nor false"),
    ("watch:\n  promiscuous: 1", 2, "neither true nor false"),
    ("watch:\n  hold_back: 2", 2, "no number with one of s, m,"),
    ("watch:\n  hold_back: 2s", 2, "more than 1s"),
    ("watch:\n  ring_size: 1 MB", 2, "less than 2 MiB"),
    ("watch:\n  ring_size: 64 Mbit", 2, "no number with one of b, kb, mb"),
    ("watch:\n  interfaces: [span0, span0]", 2, "'span0' is given twice"),
    ("watch:\n  interfaces: [an-interface-too-long]", 2, "no name of an interface"),
    ("watch:\n  interfaces: [" + "a," * 60_000 + "]", 2, "60,000 interfaces, expected at most 64"),
    ("watch:\n  interfaces: [..]", 2, "no name of an interface"),
    ("watch:\n  write: {max_size: 1 GB}", 2, "folder is missing"),
    ("watch:\n  write:\n    folder: x\n    max_size: 10 MB\n    file_size: 100 MB", 5, "larger than max_size"),
    ("watch:\n  write:\n    folder: x\n    max_age: 1h\n    file_age: 2h", 5, "more than max_age"),
    ("health:\n  listen: localhost:9464", 2, "no IP address and port"),
    ("health:\n  listen: 127.0.0.1", 2, "no port from 1 to 65535"),
    ("health:\n  listen: 127.0.0.1:70000", 2, "no port from 1 to 65535"),
    ("health:\n  every: 0", 2, "less than 1s"),
    ("assets:\n  00-1B-1B-00-00-01: x", 2, "did you mean 00:1b:1b:00:00:01?"),
    ("site: !!python/object:os.system x", 1, "a tag, tag:yaml.org,2002:python/object:os.system, is not taken"),
    ("a: &x [1]\nsite: *x", 2, "an alias, *x, is not taken"),
    ("<<: {site: a}", 1, "unknown key '<<'"),
    ("? [a]\n: b", 1, "expected a name before the colon, found a list"),
    ('site: "a\\u202eb"', 1, "cannot be printed"),
    ('site: "\\ud800"', 1, "otsensor.yml"),
    ("db: ~nobody-of-this-name/x", 1, "is not known here"),
    ("destinations:\n  - {type: webhook, url: 'https://a', secret_file: a, secret_env: b}", 2, "keep one"),
    ("destinations:\n  - {type: elasticsearch, hosts: a, user: b}", 2, "needs password_file or password_env"),
    ("destinations:\n  - {type: elasticsearch, hosts: a, password_env: b}", 2, "password_env needs user"),
    ("destinations:\n  - {type: elasticsearch, hosts: a, user: b, api_key_env: c}", 2, "an API key and a user"),
    ("destinations:\n  - {type: elasticsearch, hosts: a, ca: b, fingerprint: c}", 2, "ca and fingerprint"),
    ("destinations: [" + "{type: stdout}," * 65 + "]", 1, "65 destinations, expected at most 64"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "said"), FAULTS)
def test_a_fault_is_told_with_its_line(write, text, line, said):
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert [
        told
        for told in str(caught.value).splitlines()
        if said in told and told.startswith((f"{path}:{line}: ", f"{path}: "))
    ]


@pytest.mark.parametrize(
    ("text", "site"),
    [("no", "no"), ("010", "010"), ("12:34:56", "12:34:56"), ("2026-11-27", "2026-11-27"), ("1e3", "1e3"), ("=", "=")],
)
def test_a_name_stays_as_it_is_written_whatever_yaml_takes_it_for(write, text, site):
    assert load(write(f"site: {text}")).site == site


def test_addresses_are_kept_as_the_sensor_writes_them(write):
    found = load(write("assets:\n  20:30:40:50:10:20: a\n  2001:DB8:0:0::1: b\n")).assets
    assert found == {"20:30:40:50:10:20": "a", "2001:db8::1": "b"}


def test_a_port_alone_is_heard_on_this_machine_alone(write):
    assert load(write("health: {listen: 9464}")).health.listen == Address("127.0.0.1", 9464)


def test_a_file_that_nests_without_end_is_refused(write):
    with pytest.raises(ConfigError, match="nested too deep"):
        load(write("[" * 100_000))
    with pytest.raises(ConfigError, match="nested too deep"):
        load(write("\n".join(" " * depth + "a:" for depth in range(100))))


def test_what_has_no_end_is_not_read(write):
    with pytest.raises(ConfigError, match="no regular file"):
        load(pathlib.Path("/dev/zero"))
    with pytest.raises(ConfigError, match="too long"):
        load(write("#" * (MAX_FILE + 1)))


@pytest.mark.timeout(30)
def test_a_file_of_nothing_but_faults_is_told_in_bounded_length_and_time(write):
    many = "".join(f"sitte{number}: {'x' * 40}\n" for number in range(15_000))
    with pytest.raises(ConfigError) as caught:
        load(write(many))
    lines = str(caught.value).splitlines()
    assert len(lines) == MAX_FAULTS + 1
    assert lines[-1].endswith("and 14,950 more faults")
    assert max(map(len, lines)) < 500


@pytest.mark.timeout(30)
def test_a_bomb_of_aliases_is_refused_before_it_goes_off(write):
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 30))
    with pytest.raises(ConfigError, match="an alias"):
        load(write(bomb + "rules: *a29\n"))
