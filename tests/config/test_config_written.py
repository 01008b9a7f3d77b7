"""What `config show` prints can be read again; the example is complete; no secret is ever shown."""

import orjson
import pytest
import yaml

from sensor.config import Config, Loaded, load, read
from sensor.config.page import TAKES
from sensor.config.written import as_json, as_yaml, example, rows
from sensor.keys.key import Key, declared
from sensor.keys.values import BYTES, NANOSECONDS, plain, written
from sensor.ship import kinds

WHOLE = """
sensor: "no"
site: 'it: is # odd'
assets: {10.0.0.1: "- x", 20:30:40:50:10:20: 'yes'}
interfaces: {span0: "[a"}
db: a b.db
rules: [my rules, "x,y"]
destinations:
  - {type: stdout, kinds: [alert, flow], levels: high}
  - {type: syslog, address: "[2001:db8::1]:514", max_bytes: 1 kB}
  - {type: lines, path: feed.ndjson, max_age: 90m}
outbox: {max_age: 36h}
watch:
  interfaces: [span0, "0x10"]
  filter: "tcp[13] & 2 != 0 # syn"
  hold_back: 1500us
  write: {folder: captures, file_size: 64 MiB}
health: {listen: "[::1]:9464", every: 90s}
"""


def again(config, loaded, tmp_path):
    path = tmp_path / "shown.yml"
    path.write_text("\n".join(as_yaml(rows(config, loaded))), encoding="utf-8")
    return load(path)


def without_places(config):
    return [(one.name, one.type, dict(one.values), one.filter) for one in config.destinations]


def test_what_is_shown_can_be_read_again(write, tmp_path):
    loaded = read(write(WHOLE))
    found = again(loaded.config, loaded, tmp_path)
    assert without_places(found) == without_places(loaded.config)
    for name in set(declared(Config)) - {"destinations"}:
        assert getattr(found, name) == getattr(loaded.config, name), name
    assert again(Config(), Loaded(None, Config(), {}), tmp_path) == Config()


def test_each_value_says_where_it_comes_from_and_what_it_means(write):
    loaded = read(write("site: north\nwatch:\n  workers: 2\n"))
    text = "\n".join(as_yaml(rows(loaded.config, loaded)))
    assert "site: north  # otsensor.yml:1" in text
    assert "  workers: 2  # otsensor.yml:3" in text
    assert "  # capture workers, each a process of its own\n" in text
    assert "  promiscuous: true  # default" in text
    told = as_json(rows(loaded.config, loaded))
    assert told["watch.workers"] == {
        "value": 2, "from": "otsensor.yml:3", "meaning": declared(type(loaded.config.watch))["workers"].meaning,
    }  # fmt: skip
    assert (told["watch.promiscuous"]["value"], told["watch.ring_size"]["value"]) == (True, "64 MB")
    assert orjson.dumps(told)


def test_other_programs_read_it_as_we_do(write):
    loaded = read(write(WHOLE))
    told = yaml.safe_load("\n".join(as_yaml(rows(loaded.config, loaded))))
    assert (told["sensor"], told["site"]) == ("no", "it: is # odd")
    assert told["assets"] == {"10.0.0.1": "- x", "20:30:40:50:10:20": "yes"}
    assert told["watch"]["workers"] == 1


def test_no_secret_is_shown_wherever_somebody_has_put_it(write):
    destinations = """
destinations:
  - {type: webhook, url: 'https://hooks.example/services/T0KEN', secret_env: X, proxy: 'http://me:hunter2@proxy:80'}
  - {type: elasticsearch, hosts: 'https://me:hunter2@es:9200'}
"""
    loaded = read(write(destinations))
    text = "\n".join(as_yaml(rows(loaded.config, loaded)))
    assert "hunter2" not in text
    assert "T0KEN" not in text
    assert "https://hooks.example/…" in text
    assert "https://…@es:9200" in text


def test_the_example_is_right_and_complete(write):
    config = load(write(example()))
    for name in declared(Config):
        assert getattr(config, name) or name in example(), name
    for section in (config, config.outbox, config.watch, config.watch.write, config.health):
        assert {name for name in declared(type(section)) if f"{name}:" not in example()} == set()


@pytest.mark.parametrize("section", [Config, *(kinds.kind(name) for name in kinds.KINDS)])
def test_each_key_is_declared_whole(section):
    keys = section.KEYS if hasattr(section, "KEYS") else declared(section)
    for name, key in keys.items():
        assert key.meaning, name
        assert key.kind in TAKES, name


@pytest.mark.parametrize("kind", ["bytes", "seconds", "nanoseconds"])
@pytest.mark.parametrize(
    "value", [0, 1, 999, 1000, 1024, 65_535, 64 * 10**6, 2 << 20, 86_400, 10**9, 7 * 86_400 * 10**9]
)
def test_a_measure_is_written_as_it_is_read(kind, value, tmp_path):
    key = Key("x", kind)
    assert plain(key, written(key, value), tmp_path) == value


def test_units_are_told_whatever_their_case(tmp_path):
    assert {plain(Key("", "bytes"), f"1{unit.upper()}", tmp_path) for unit in BYTES} == set(BYTES.values())
    assert {plain(Key("", "nanoseconds"), f"1 {unit}", tmp_path) for unit in NANOSECONDS} == set(NANOSECONDS.values())
    assert plain(Key("", "seconds"), "0.5 ms", tmp_path) == 0.0005
    assert plain(Key("", "bytes"), "1.5 kB", tmp_path) == 1_500
