"""A real Elasticsearch for the tests: Elastic's own integration-test build, from Maven Central.

The rule it lives by: what runs is what a SOC runs, with TLS and real users; where it cannot run, one line says what to
install.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile

import elastic_roles

VERSION = os.environ.get("OTSENSOR_TEST_ELASTICSEARCH_VERSION", "9.5.0")
CHECKSUMS = {  # SHA-256 of the archive
    "9.5.0": "db0e275fd790f723eca7bcde96069fd6fed304ad23afdb70c8c09553dd9e8b1b",
    "8.19.0": "14833b2d86c30656901f92049f81fb5777a8e4545413c8656cd1a21b55173033",
}
JAVA = {"9": (21, 26), "8": (17, 24)}  # oldest and newest that a server of this line runs on
UP_WITHIN = 600  # s; a dozen on an idle machine, minutes on one that does much else
UNPRIVILEGED = "nobody"  # the server refuses to run as root

SETTINGS = """
cluster.name: otsensor-tests
discovery.type: single-node
network.host: 127.0.0.1
http.port: {http}
transport.port: {transport}
path.data: {root}/data
path.logs: {root}/logs
cluster.max_shards_per_node: 10000
cluster.routing.allocation.disk.threshold_enabled: false
xpack.security.enabled: true
xpack.security.autoconfiguration.enabled: false
xpack.security.transport.ssl.enabled: false
xpack.security.http.ssl.enabled: true
xpack.security.http.ssl.key: server.key
xpack.security.http.ssl.certificate: server.crt
"""


class AbsentError(Exception):
    """The server cannot run here: what to install."""


# --- What it is made of -------------------------------------------------------------------------------


def archive(version: str = VERSION) -> pathlib.Path:
    """Return the server's archive, fetched by Maven once and checked each time."""
    home = pathlib.Path(os.environ.get("MAVEN_REPO_LOCAL", pathlib.Path.home() / ".m2" / "repository"))
    name = f"org/elasticsearch/distribution/integ-test-zip/elasticsearch/{version}/elasticsearch-{version}.zip"
    path = home / name
    if not path.is_file():
        if shutil.which("mvn") is None:
            raise AbsentError("Maven is not there: install it (Debian: apt install maven), it fetches the server")
        artifact = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{version}:zip"
        command = ["mvn", "-q", f"-Dmaven.repo.local={home}", "dependency:get", "-Dtransitive=false"]
        command.append(f"-Dartifact={artifact}")
        found = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if not path.is_file():
            raise AbsentError(f"Maven could not fetch Elasticsearch {version}: {found.stdout.strip()[-300:]}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != CHECKSUMS[version]:
        raise ValueError(f"{path} is not the archive these tests were written for: remove it")
    return path


def java(version: str = VERSION) -> pathlib.Path:
    """Return the home of a Java that runs this server."""
    oldest, newest = JAVA[version.partition(".")[0]]
    named = [os.environ[name] for name in ("OTSENSOR_TEST_JAVA_HOME", "JAVA_HOME") if os.environ.get(name)]
    homes = [*map(pathlib.Path, named), *sorted(pathlib.Path("/usr/lib/jvm").glob("*"))]
    for home in homes:
        with contextlib.suppress(OSError):
            release = re.search(r'JAVA_VERSION="(\d+)', (home / "release").read_text())
            if release and oldest <= int(release[1]) <= newest:
                return home
    raise AbsentError(f"Elasticsearch {version} needs a JDK {oldest} to {newest}: install one, or name it in JAVA_HOME")


def hashed(password: str) -> str:
    """Return a password as the file realm keeps it."""
    salt = secrets.token_bytes(32)
    found = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 10_000, 32)
    return f"{{PBKDF2}}10000${base64.b64encode(salt).decode()}${base64.b64encode(found).decode()}"


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certificates(folder: pathlib.Path) -> None:
    """Make a CA, a certificate signed by it, and the CA of somebody else."""

    def openssl(*arguments: str) -> None:
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *arguments]
        subprocess.run(make, check=True, capture_output=True)

    for name in ("ca", "stranger"):
        openssl("-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt", "-subj", f"/CN=otsensor test {name}",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    openssl("-keyout", f"{folder}/server.key", "-out", f"{folder}/server.crt", "-subj", "/CN=localhost",
            "-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key", "-addext", "basicConstraints=critical,CA:false",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1")  # fmt: skip
    with (folder / "server.crt").open(
        "a"
    ) as chain:  # as Elastic's own tools do, so that the CA's fingerprint is enough
        chain.write((folder / "ca.crt").read_text())


# --- The server ---------------------------------------------------------------------------------------


@dataclasses.dataclass
class Server:
    """An Elasticsearch that answers at `url`; `users` maps names to passwords, `ca` may be None (public CA)."""

    url: str
    ca: pathlib.Path | None
    users: dict[str, str]
    version: str = VERSION
    root: pathlib.Path | None = None  # None: given by the environment, so that it cannot be stopped
    home: pathlib.Path | None = None
    process: subprocess.Popen | None = None

    @property
    def ours(self) -> bool:
        """Say whether we started it: only then may it be killed, and has it all users."""
        return self.root is not None

    def request(self, method: str, path: str, body=None, user: str = "admin") -> tuple[int, object]:
        """Ask the server; return status and answer. `body`: an object, a list (NDJSON) or None."""
        lines = b"".join(json.dumps(one).encode() + b"\n" for one in body) if isinstance(body, list) else None
        data = lines if lines is not None else json.dumps(body).encode() if body is not None else None
        kind = "application/x-ndjson" if lines is not None else "application/json"
        token = base64.b64encode(f"{user}:{self.users[user]}".encode()).decode()
        headers = {"Content-Type": kind, "Authorization": f"Basic {token}"}
        asked = urllib.request.Request(f"{self.url}/{path.lstrip('/')}", data, headers, method=method)
        context = ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
        try:
            with urllib.request.urlopen(asked, context=context, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def documents(self, index: str, query=None, size: int = 10_000) -> list[dict]:
        """Refresh, then return the sources of everything found."""
        self.request("POST", f"{index}/_refresh")
        status, found = self.request("POST", f"{index}/_search", {"size": size, "query": query or {"match_all": {}}})
        assert status == 200, found
        return [hit["_source"] for hit in found["hits"]["hits"]]

    def client(self, user: str = "admin", **options):
        """Return the official client as one of the users."""
        from elasticsearch import Elasticsearch  # noqa: PLC0415  # an extra

        ca = str(self.ca) if self.ca else None
        return Elasticsearch(self.url, basic_auth=(user, self.users[user]), ca_certs=ca, **options)

    def fingerprint(self) -> str:
        """Return the SHA-256 of the CA's certificate, as hexadecimal digits."""
        der = ssl.PEM_cert_to_DER_cert(self.ca.read_text())
        return hashlib.sha256(der).hexdigest()

    # --- Life -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, and wait until it answers."""
        environment = {
            "PATH": os.environ["PATH"], "ES_JAVA_HOME": str(java(self.version)), "ES_PATH_CONF": f"{self.home}/config",
            "ES_JAVA_OPTS": "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1 -XX:-UseG1GC -XX:+UseSerialGC",
            "ES_TMPDIR": f"{self.root}/tmp", "HOME": str(self.root),
        }  # fmt: skip
        who = {"user": UNPRIVILEGED, "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        with (self.root / "console.log").open("ab") as console:
            self.process = subprocess.Popen(
                [self.home / "bin" / "elasticsearch"], cwd=self.root, env=environment, stdin=subprocess.DEVNULL,
                stdout=console, stderr=subprocess.STDOUT, start_new_session=True, **who,
            )  # fmt: skip
        self.await_up()

    def await_up(self) -> None:
        """Wait until the server answers."""
        ends = time.monotonic() + UP_WITHIN
        while time.monotonic() < ends:
            if self.process is not None and self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                if self.request("GET", "_cluster/health?wait_for_status=yellow&timeout=10s")[0] == 200:
                    return
            time.sleep(0.25)
        raise RuntimeError(f"Elasticsearch did not come up:\n{self.log()[-3000:]}")

    def kill(self) -> None:
        """Kill it at once, as a power failure does; what it has acknowledged stays on disk."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it, and remove everything."""
        self._signal(signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)

    def _signal(self, number: int) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            self.process.wait()
            self.process = None

    def log(self) -> str:
        """Return what it said."""
        return (self.root / "console.log").read_text(errors="replace")


def given(address: str) -> Server:
    """Return a server that runs already: https://user:password@host:9200, its CA in OTSENSOR_TEST_ELASTICSEARCH_CA."""
    scheme, _, rest = address.partition("://")
    credentials, _, host = rest.rpartition("@")
    user, _, password = credentials.partition(":")
    ca = os.environ.get("OTSENSOR_TEST_ELASTICSEARCH_CA")
    server = Server(f"{scheme}://{host}", pathlib.Path(ca) if ca else None, {"admin": password, user: password})
    status, nodes = server.request("GET", "_nodes/http", user=user)
    assert status == 200, nodes
    server.version = next(iter(nodes["nodes"].values()))["version"]
    return server


def started(version: str = VERSION) -> Server:
    """Return a new server with an empty store, and users of every kind (see `elastic_roles`)."""
    package, _ = archive(version), java(version)
    if shutil.which("openssl") is None:
        raise AbsentError("openssl is not there: install it, it makes the certificates")
    root = pathlib.Path(tempfile.mkdtemp(prefix="otsensor-elasticsearch-"))
    with zipfile.ZipFile(package) as found:
        found.extractall(root)
    home = root / f"elasticsearch-{version}"
    for program in [*(home / "bin").iterdir(), *home.glob("modules/*/platform/*/bin/*"), *home.glob("lib/**/*.so")]:
        program.chmod(0o755)
    config, http, transport = home / "config", free_port(), free_port()
    settings = SETTINGS.format(root=root, http=http, transport=transport)
    settings += "xpack.ml.enabled: false\n" if version.startswith("9.") else ""
    (config / "elasticsearch.yml").write_text(settings)
    certificates(config)
    users = {name: secrets.token_urlsafe(18) for name in elastic_roles.USERS}
    roles = [f"{name}: {json.dumps(role)}\n" for name, role in elastic_roles.roles().items()]
    given_to = [f"{role}:{name}\n" for name, role in elastic_roles.USERS.items() if role]
    (config / "users").write_text("".join(f"{name}:{hashed(password)}\n" for name, password in users.items()))
    (config / "users_roles").write_text("".join(given_to))
    (config / "roles.yml").write_text("".join(roles))
    (root / "tmp").mkdir()
    if os.geteuid() == 0:
        for path in [root, *root.rglob("*")]:
            shutil.chown(path, UNPRIVILEGED, "nogroup")
    ca = pathlib.Path(shutil.copy(config / "ca.crt", root / "ca.crt"))
    shutil.copy(config / "stranger.crt", root / "stranger.crt")
    server = Server(f"https://127.0.0.1:{http}", ca, users, version, root, home)
    try:
        server.start()
    except BaseException:
        server.stop()
        raise
    return server
