"""The waterworks: who is there, with which address, as which machine.

Wells fill the clear-water tank (intake), sand filters clean (filter), drives press it uphill (booster) to the
water tower (tower). All of it is one flat cell network, as small works are.
"""

from __future__ import annotations

from typing import NamedTuple

SUBNET = "192.168.10.0/24"
MODBUS_PORT = 502
S7_PORT = 102
DNP3_PORT = 20000
MASTER_ADDRESS = 1  # DNP3 link address of the control room
OUTSTATIONS = {"tower": 10, "reservoir": 11}  # their DNP3 link addresses


class Host(NamedTuple):
    """One machine on the network; `ttl` and `timestamps` give its operating system's accent in IP and TCP."""

    name: str
    address: str
    mac: str
    vendor: str  # who owns the MAC's prefix
    role: str
    product: str
    ttl: int
    timestamps: bool


HOSTS = (
    Host("hmi", "192.168.10.10", "18:66:da:2c:41:07", "Dell", "hmi", "control room, SCADA and DNP3 master", 128, False),
    Host("historian", "192.168.10.11", "3c:52:82:90:1e:55", "Hewlett Packard", "historian", "data logger", 128, False),
    Host("engineer", "192.168.10.12", "98:e7:43:0b:77:21", "Dell", "engineering", "engineering station", 128, False),
    Host("intake", "192.168.10.21", "00:80:f4:1a:33:c2", "Schneider", "controller", "Modicon M340, wells", 64, False),
    Host(
        "booster",
        "192.168.10.22",
        "00:d0:c9:a4:10:9e",
        "Advantech",
        "gateway",
        "Modbus gateway, drives 1, 2",
        64,
        False,
    ),
    Host("filter", "192.168.10.23", "00:1b:1b:5d:e0:48", "Siemens", "controller", "S7-300, sand filters", 30, False),
    Host("tower", "192.168.10.24", "00:30:a7:07:b8:6f", "Schweitzer", "outstation", "RTU, water tower", 64, True),
    Host("laptop", "192.168.10.66", "f8:75:a4:3e:9d:13", "LCFC (Lenovo)", "intruder", "somebody's laptop", 64, True),
)
NEIGHBOURS = (  # only in the lab (tests/lab), not in the captures
    Host("server", "192.168.10.5", "00:50:56:9c:21:0b", "VMware", "it", "web pages, names and time", 64, True),
    Host("reservoir", "192.168.10.25", "00:30:a7:11:4e:02", "Schweitzer", "outstation", "RTU, reservoir", 64, True),
)
BY_NAME = {host.name: host for host in (*HOSTS, *NEIGHBOURS)}


def address(name: str) -> str:
    """Return the IPv4 address of the host with this name."""
    return BY_NAME[name].address
