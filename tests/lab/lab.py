"""The plant as it stands: controllers, control room, data logger and office, started, restarted and sent home.

The rule it lives by: a play begins with everybody fresh, so that no attack inherits what an earlier one has done.
"""

import importlib
import importlib.util
import os
import shutil
import time
from pathlib import Path

from pcaps.make.network import Network, remove
from tests.lab import cast

STACKS = {"pymodbus": "pymodbus", "snap7": "python-snap7", "opendnp3": "yadnp3"}
TOOLS = {"ip": "iproute2", "tc": "iproute2", "ethtool": "ethtool", "sysctl": "procps", "tcpdump": "tcpdump"}
CONTROLLERS = ("intake", "booster", "filter", "tower", "reservoir")


def missing():
    """Say what the lab lacks here, and how to get it; empty if nothing."""
    if os.geteuid() != 0:
        return "the lab needs root, for network namespaces"
    if not Path("/proc/sys/net").is_dir() or not os.access("/proc/self/ns/net", os.R_OK):
        return "this system has no network namespaces"
    tools = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if tools:
        return f"apt-get install {' '.join(tools)}"
    stacks = [package for module, package in STACKS.items() if importlib.util.find_spec(module) is None]
    return f"pip install '.[plant]' ({', '.join(stacks)} missing)" if stacks else ""


def sweep():
    """Remove what labs of processes that are no more have left."""
    for path in Path("/run/netns").glob(cast.PREFIX + "*-*"):
        owner = path.name.removeprefix(cast.PREFIX).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            remove(f"{cast.PREFIX}{owner}-")


def network(prefix=""):
    """Return the lab's network, named after this process unless told."""
    return Network(cast.HOSTS, cast.MIRRORS, prefix or own_prefix())


def own_prefix():
    """Return what the namespaces of this process's lab begin with."""
    return f"{cast.PREFIX}{os.getpid()}-"


def roles():
    """Return who does what; only now, for the stacks may be absent where tests are but collected."""
    return importlib.import_module("tests.lab.operation").ROLES


class Lab:
    """The plant on a stage; what it does is told to the stage's story."""

    def __init__(self, stage):
        self.stage = stage
        self.crew = {}  # who plays, by host

    def open(self):
        """Start the controllers, all at once, then those who use them."""
        for name in (*CONTROLLERS, "server"):
            self.begin(name)
        for name in (*CONTROLLERS, "server"):
            self.stage.await_port(name, self.crew[name], roles()[name].port)
        self.begin("hmi")
        time.sleep(0.5)
        self.begin("historian")
        for name in ("hmi", "historian", "engineer"):
            self.stage.begin(name, roles()["office"].deed)

    def close(self):
        """Send everybody home, at once."""
        for player in self.stage.players:
            player.kill()
        for player in self.stage.players:
            player.join()
        self.stage.players.clear()
        self.crew.clear()

    def begin(self, name):
        """Let somebody begin its work."""
        role = roles()[name]
        self.crew[name] = self.stage.begin(name, role.deed, **role.arguments)

    def stop(self, name):
        """Cut a machine's power: its connections are not ended, they are gone."""
        player = self.crew.pop(name)
        player.kill()
        player.join()
        self.stage.players.remove(player)

    def restart(self, name, pause=1.0):
        """Power a machine off and on."""
        self.stop(name)
        time.sleep(pause)
        self.begin(name)
