"""The files that make the sensor a service: systemd units, its user, its folders, and who keeps off the span ports.

The rule it lives by: systemd shuts it in from outside with what it needs to start; the sensor gives up the rest itself.
"""

from __future__ import annotations

import dataclasses
import pathlib
import string
import textwrap
from typing import Final

from sensor.guard.account import DEFAULT

CONFIGURATION: Final = pathlib.PurePosixPath("/etc/otsensor/otsensor.yml")
UNITS: Final = pathlib.PurePosixPath("/etc/systemd/system")
STATE: Final = pathlib.PurePosixPath("/var/lib/otsensor")
HOMES: Final = ("/root/", "/home/", "/run/user/")  # which ProtectHome= hides
# What the sensor asks for before and after it confines itself, beyond what services in general do.
OWN_CALLS: Final = ("seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")
MEMORY: Final = "2G"  # many times what a large plant takes; the rings are the kernel's and not counted here
WATCHDOG_SECONDS: Final = 30
PROCESSES: Final = 256  # 64 workers at most, shippers, and their threads

SERVICE: Final = """\
# {place}
[Unit]
Description=otsensor, a passive security sensor for industrial networks
Documentation=man:systemd.exec(5)
{spans}After=network.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} watch --config {configuration}
ExecReload=kill -HUP $MAINPID
Restart=always
RestartSec=2
WatchdogSec={watchdog}
TimeoutStopSec=10
KillMode=mixed

# It starts as its own user, with the right to open sockets that listen, and drops that too once they are open.
# Started as root it would become this user by itself (user: in the configuration).
User={user}
Group={user}
AmbientCapabilities={capabilities}
CapabilityBoundingSet={capabilities}
NoNewPrivileges=yes

# Files: its store and its captures, nothing else.
StateDirectory=otsensor
StateDirectoryMode=0750
{writes}UMask=0027
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectClock=yes
ProtectHostname=yes
KeyringMode=private
RemoveIPC=yes

# Calls: the sensor's own filters are narrower, one for each role. MemoryDenyWriteExecute= is left to it as well:
# some versions of Python need such memory to start.
RestrictAddressFamilies=AF_PACKET AF_NETLINK AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service {own_calls}
SystemCallFilter=~@chown @clock @cpu-emulation @debug @keyring @module @mount @obsolete @raw-io @reboot @setuid @swap
SystemCallErrorNumber=EPERM

# Room: a flood must not take the machine along. Rings are not locked memory.
MemoryMax={memory}
TasksMax={processes}
LimitNOFILE=4096
LimitMEMLOCK=0
LimitCORE=0
OOMScoreAdjust=-500
CPUWeight=500

[Install]
WantedBy=multi-user.target
"""

SPAN: Final = """\
# {place}
# Makes an interface a span port: it says nothing, hears everything, and frames stay as they were on the wire.
# otsensor itself changes no interface. What a card cannot do is passed over (-); otsensor doctor %I says what is left.
[Unit]
Description=Span port %I, for listening only
BindsTo=sys-subsystem-net-devices-%i.device
After=sys-subsystem-net-devices-%i.device
Before=otsensor.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip link set dev %I arp off multicast off
ExecStart=-sysctl -q -w net/ipv6/conf/%I/disable_ipv6=1
ExecStart=ip address flush dev %I
ExecStart=-ethtool -K %I gro off
ExecStart=-ethtool -K %I lro off
ExecStart=-ethtool -K %I rx-gro-hw off
ExecStart=-ethtool -K %I rx-gro-list off
ExecStart=-ethtool -K %I rx-udp-gro-forwarding off
ExecStart=-ethtool -A %I autoneg off rx off tx off
ExecStart=-ethtool --set-priv-flags %I disable-fw-lldp on
ExecStart=ip link set dev %I promisc on up
ExecStop=ip link set dev %I promisc off

CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_NETLINK AF_UNIX AF_INET
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=sys-subsystem-net-devices-%i.device
"""

USER: Final = """\
# {place}
u {user} - "otsensor network sensor" {state} /usr/sbin/nologin
"""

FOLDERS: Final = """\
# {place}
d /etc/otsensor 0750 root {user} -
z /etc/otsensor/otsensor.yml 0640 root {user} -
d {state} 0750 {user} {user} -
"""

UNMANAGED: Final = """\
# {place}
# systemd-networkd leaves span ports alone: no addresses, no LLDP, no router solicitations.
[Match]
Name={names}

[Link]
Unmanaged=yes
"""

NETWORK_MANAGER: Final = """\
# {place}
[keyfile]
unmanaged-devices={names}
"""

FIRST_CONFIGURATION: Final = """\
# {place}
# Every key: otsensor config show. Check this file: otsensor config check {place}
watch:
  interfaces: [{names}]
db: {state}/otsensor.db
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """What is to be installed."""

    program: str  # the command that starts otsensor, as ExecStart= takes it
    interfaces: tuple[str, ...] = ()
    configuration: pathlib.PurePosixPath = CONFIGURATION
    user: str = DEFAULT
    hardware_times: bool = False
    writes: tuple[pathlib.PurePosixPath, ...] = ()  # beside the state directory


def files(service: Service) -> dict[pathlib.PurePosixPath, str]:
    """Return each file's place and text; the configuration is for where there is none."""
    named = {
        UNITS / "otsensor.service": service_unit(service),
        UNITS / "otsensor-span@.service": SPAN,
        pathlib.PurePosixPath("/etc/sysusers.d/otsensor.conf"): USER,
        pathlib.PurePosixPath("/etc/tmpfiles.d/otsensor.conf"): FOLDERS,
    }
    if service.interfaces:
        named[pathlib.PurePosixPath("/etc/systemd/network/10-otsensor.network")] = UNMANAGED.replace(
            "{names}", " ".join(service.interfaces)
        )
        named[pathlib.PurePosixPath("/etc/NetworkManager/conf.d/otsensor.conf")] = NETWORK_MANAGER.replace(
            "{names}", ";".join(f"interface-name:{name}" for name in service.interfaces)
        )
    return {
        place: text.replace("{place}", str(place)).replace("{user}", service.user).replace("{state}", str(STATE))
        for place, text in named.items()
    }


def service_unit(service: Service) -> str:
    """Return the service's unit."""
    names = [f"otsensor-span@{escaped(name)}.service" for name in service.interfaces]
    spans = f"Wants={' '.join(names)}\nAfter={' '.join(names)}\n" if names else ""
    writes = f"ReadWritePaths={' '.join(map(quoted, map(str, service.writes)))}\n" if service.writes else ""
    capabilities = "CAP_NET_RAW CAP_NET_ADMIN" if service.hardware_times else "CAP_NET_RAW"
    configuration = quoted(str(service.configuration))
    values = {
        "spans": spans, "writes": writes, "program": service.program, "configuration": configuration,
        "watchdog": WATCHDOG_SECONDS, "capabilities": capabilities, "own_calls": " ".join(OWN_CALLS), "memory": MEMORY,
        "processes": PROCESSES,
    }  # fmt: skip
    text = SERVICE
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def first_configuration(service: Service) -> str:
    """Return a configuration to begin with."""
    text = FIRST_CONFIGURATION.replace("{place}", str(service.configuration)).replace("{state}", str(STATE))
    return text.replace("{names}", ", ".join(service.interfaces) or "span0")


def hidden(program: str, python: str) -> str:
    """Say why the service could not start a command, or its Python, and what to do; "" where it can."""
    for what, path in (("otsensor", program.lstrip('"')), ("its Python", python)):
        home = next((home for home in HOMES if path.startswith(home)), None)
        if home is not None:
            return (f"{what} is installed below {home}, which the service cannot see; expected it where every user "
                    "can: /usr/bin/python3 -m venv /opt/otsensor && /opt/otsensor/bin/pip install .")  # fmt: skip
    return ""


def quoted(text: str) -> str:
    """Return a path as systemd reads it: % and $ doubled, in quotes where there is a space."""
    text = text.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if " " in text else text


def escaped(name: str) -> str:
    """Return an interface's name as it stands in a unit's; systemd-escape(1)."""
    plain = string.ascii_letters + string.digits + ":_."
    found = "".join(one if one in plain else "".join(f"\\x{byte:02x}" for byte in one.encode()) for one in name)
    return "\\x2e" + found[1:] if found.startswith(".") else found


def next_steps(service: Service) -> str:
    """Return what is left to do by hand."""
    names = " ".join(f"otsensor-span@{escaped(name)}" for name in service.interfaces or ("span0",))
    doctor = " ".join(service.interfaces or ("span0",))
    return textwrap.dedent(f"""\
        otsensor config check {service.configuration}
        systemctl enable --now {names} otsensor
        otsensor doctor {doctor} --config {service.configuration}
        systemctl status otsensor
        """)
