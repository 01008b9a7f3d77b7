"""Apache Kafka itself, from Maven Central, as one process for the tests."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from ways_kit import free_port

VERSION = "3.9.0"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>test</groupId><artifactId>test</artifactId><version>1</version>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>{VERSION}</version></dependency></dependencies></project>"""
SETTINGS = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/log
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"  # any 16 bytes in base64
LOADED_JARS = 40  # fewer are a broken download


class AbsentError(Exception):
    """The server cannot run here: what to install."""


def jars() -> pathlib.Path:
    """Return the folder with the server's jars, fetched by Maven once."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    folder = cache / "otsensor" / f"kafka-{VERSION}"
    if len(list(folder.glob("*.jar"))) >= LOADED_JARS:
        return folder
    if shutil.which("mvn") is None:
        raise AbsentError("Maven is not there: install it (Debian: apt install maven), it fetches Apache Kafka")
    with tempfile.TemporaryDirectory() as work:
        pathlib.Path(work, "pom.xml").write_text(POM)
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"]
        found = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=600, check=False)
        fetched = pathlib.Path(work, "lib")
        if found.returncode or len(list(fetched.glob("*.jar"))) < LOADED_JARS:
            raise AbsentError(f"Maven could not fetch Apache Kafka {VERSION}: {found.stdout.strip()[-300:]}")
        shutil.copytree(fetched, folder, dirs_exist_ok=True)
    return folder


def java() -> str:
    """Return a Java that runs the server."""
    path = shutil.which("java")
    if path is None:
        raise AbsentError("Java is not there: install it (Debian: apt install default-jre-headless)")
    told = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    if found is None or int(found[1]) < 11:
        raise AbsentError(f"Apache Kafka {VERSION} needs Java 11 or later, found {told.splitlines()[:1]}")
    return path


class Kafka:
    """One broker that can be stopped and started again."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.java, self.lib = java(), jars()
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        self.settings = folder / "server.properties"
        self.settings.write_text(SETTINGS.format(port=self.port, controller=free_port(), folder=folder))
        self.run("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self.settings)).wait(60)
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def run(self, *arguments: str) -> subprocess.Popen:
        with (self.folder / "console").open("ab") as log:
            return subprocess.Popen(
                [self.java, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{self.lib}/*",
                 *arguments],
                stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip

    def start(self) -> None:
        self.process = self.run("kafka.Kafka", str(self.settings))
        ends = time.monotonic() + 90
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert self.process.poll() is None, (self.folder / "console").read_text()[-2000:]
                assert time.monotonic() < ends, "Kafka does not come up"
                time.sleep(0.2)
            else:
                return

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)
