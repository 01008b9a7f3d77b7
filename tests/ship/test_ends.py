"""Whom destinations connect to: what the shipper is confined to."""

import pytest

from sensor import config
from sensor.ship.ends import Reached, reached

ELASTIC = "{type: elasticsearch, hosts: [%s]}"
HOOK = "{type: webhook, url: '%s', secret_env: S}"


def of(tmp_path, *entries):
    path = tmp_path / "otsensor.yml"
    path.write_text("destinations:\n" + "".join(f"  - {entry}\n" for entry in entries))
    return reached(config.load(path).destinations)


@pytest.mark.parametrize(
    ("entry", "ports", "lookups"),
    [
        (ELASTIC % "'https://192.0.2.1', 'https://[2001:db8::1]:9243'", (9200, 9243), False),
        (ELASTIC % "'https://es.example:9200'", (53, 9200), True),
        ("{type: elasticsearch, hosts: 'https://es.example', proxy: 'http://192.0.2.9:3128'}", (3128,), False),
        (HOOK % "https://192.0.2.2/hook", (443,), False),
        (HOOK % "http://hook.example:8080/", (53, 8080), True),
        ("{type: syslog, address: 192.0.2.3}", (), False),
        ("{type: syslog, address: siem.example}", (53,), True),
        ("{type: syslog, address: 192.0.2.3, transport: tls}", (6514,), False),
        ("{type: syslog, address: '[2001:db8::3]:1514', transport: tcp}", (1514,), False),
        ("{type: lines, path: out.ndjson}", (), False),
        ("{type: stdout}", (), False),
    ],
)
def test_each_kind_says_whom_it_connects_to(tmp_path, entry, ports, lookups):
    assert of(tmp_path, entry) == Reached(ports, lookups)


@pytest.mark.parametrize(
    "entry",
    [
        "{type: kafka, brokers: '192.0.2.4:9092'}",  # which names other brokers
        ELASTIC % "'es.example'",
        ELASTIC % "'https://es.example:99999'",
        "{type: syslog, address: 'a:b:c'}",
    ],
)
def test_where_it_is_not_known_nothing_is_promised(tmp_path, entry):
    assert of(tmp_path, entry, "{type: stdout}") == Reached(None, lookups=True)


def test_all_together(tmp_path):
    found = of(tmp_path, ELASTIC % "'https://192.0.2.1'", "{type: syslog, address: siem.example, transport: tcp}")
    assert found == Reached((53, 601, 9200), lookups=True)
    assert of(tmp_path, "{type: stdout}") == Reached((), lookups=False)
    assert reached([]) == Reached((), lookups=False)
