"""The official client, built from a destination's settings.

The rule it lives by: a certificate is always checked, a secret is read when the connection is made and never told, and
every request ends by its deadline, whatever the server does.
"""

from __future__ import annotations

import contextlib
import logging
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

from sensor.keys.key import Key
from sensor.ship.destination import SettingsError
from sensor.ship.settings import secret

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

    from sensor.ship.destination import Settings

PORT: Final = 9200  # where an address names none
KEYS: Final = {
    "hosts": Key("addresses of the cluster's nodes: https://es1.example:9200, https://[2001:db8::1]:9200", "texts",
                 required=True),
    "namespace": Key("namespace of the data streams: logs-otsensor.alert-<namespace>", default="default"),
    "api_key_file": Key("a file with the API key (as Elasticsearch gives it, encoded)", "file"),
    "api_key_env": Key("the environment variable that holds the API key"),
    "user": Key("user, where there is no API key"),
    "password_file": Key("a file with the user's password", "file"),
    "password_env": Key("the environment variable that holds the user's password"),
    "ca": Key("certificates of the authorities to trust, PEM (default: the system's)", "file"),
    "fingerprint": Key("SHA-256 of the server's or its authority's certificate, instead of ca"),
    "proxy": Key("an HTTP proxy on the way, through which TLS is tunnelled: http://proxy.example:3128"),
    "gzip": Key("pack what is sent", "flag", True),
    "timeout": Key("seconds within which a request must be answered", "seconds", 60.0),
}  # fmt: skip
MISSING: Final = "shipping to Elasticsearch needs the official client: pip install '.[elastic]' in the checkout"


def client(settings: Settings) -> Elasticsearch:
    """Return the client; nothing is sent yet. Raises SettingsError."""
    try:
        from elasticsearch import Elasticsearch  # noqa: PLC0415  # an extra

        from sensor.ship.elastic.node import Node  # noqa: PLC0415
    except ImportError:
        raise SettingsError(f"{settings.where}: {MISSING}") from None
    values = settings.values
    hosts = [checked_host(settings, host) for host in values["hosts"]]
    check_proxy(settings, hosts)
    options: dict[str, Any] = {
        **credentials(settings),
        **trust(settings, hosts),
        "http_compress": values["gzip"],
        "request_timeout": values["timeout"],
        "max_retries": 0,  # what to send again, and when, is decided by who knows what may have arrived
        "retry_on_timeout": False,
        "sniff_on_start": False,
        "node_class": Node.through(values["proxy"] or "", values["timeout"]),
    }
    transport = logging.getLogger("elastic_transport")  # it tells each failure; so do we, once
    transport.addHandler(logging.NullHandler())
    transport.propagate = False
    try:
        return Elasticsearch(hosts, **options)
    except (ValueError, OSError) as error:
        raise SettingsError(f"{settings.where}: {error}") from None


def checked_host(settings: Settings, host: str) -> str:
    """Return a host's address with its port; raise SettingsError for what is none."""
    with contextlib.suppress(ValueError):
        parts = urllib.parse.urlsplit(host)
        if parts.username is not None:
            raise SettingsError(f"{settings.where}: hosts: credentials do not stand in an address")
        if parts.scheme in ("http", "https") and parts.hostname:
            return host if parts.port else f"{parts.scheme}://{parts.netloc}:{PORT}{parts.path}"
    raise SettingsError(f"{settings.where}: hosts: {host!r} is no address like https://es1.example:9200")


def check_proxy(settings: Settings, hosts: list[str]) -> None:
    """Raise SettingsError for a proxy that cannot be used: TLS is tunnelled through it, nothing else is."""
    proxy = settings.values["proxy"]
    if not proxy:
        return
    parts = urllib.parse.urlsplit(proxy)
    if parts.scheme != "http" or not parts.hostname or parts.username is not None:
        raise SettingsError(f"{settings.where}: proxy: expected http://host:port, without a user")
    if not all(host.startswith("https:") for host in hosts):
        raise SettingsError(f"{settings.where}: proxy: only https:// hosts are reached through one")


def credentials(settings: Settings) -> dict[str, Any]:
    """Return who we are, as the client takes it."""
    key, password, user = secret(settings, "api_key"), secret(settings, "password"), settings.values["user"]
    if key is not None:
        if user or password:
            raise SettingsError(f"{settings.where}: an API key and a user are both given; keep one")
        return {"api_key": key}
    if bool(user) != (password is not None):
        raise SettingsError(f"{settings.where}: user needs password_file or password_env, and these need user")
    return {"basic_auth": (user, password)} if user else {}


def trust(settings: Settings, hosts: list[str]) -> dict[str, Any]:
    """Return whose certificate is taken."""
    ca, fingerprint = settings.values["ca"], settings.values["fingerprint"]
    if not any(host.startswith("https:") for host in hosts):
        return {}
    if fingerprint:
        if ca is not None:
            raise SettingsError(f"{settings.where}: ca and fingerprint are both given; keep one")
        return {"ssl_assert_fingerprint": fingerprint}
    if ca is not None and not ca.is_file():
        raise SettingsError(f"{settings.where}: ca {ca}: no such file")
    return {"ca_certs": str(ca)} if ca is not None else {}
