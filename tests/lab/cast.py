"""Who is in the lab, and what its sensors are given.

The rule it lives by: the lab is the captures' water works and its neighbours, in namespaces of its own name, so that
making captures and practising never meet.
"""

from pcaps.make.network import every_frame_once, every_frame_twice
from pcaps.make.plant import BY_NAME

PREFIX = "otlab-"  # of a run, which adds its process's number, so that two at a time do not meet
PEOPLE = "otplant-"  # of the plant that people start and must find again; what is removed with one is not the other's
HOSTS = tuple(BY_NAME.values())
ONCE, TWICE = "sensor", "doubled"  # a good mirror, and one that copies each frame as it enters and as it leaves
MIRRORS = {ONCE: every_frame_once(HOSTS), TWICE: every_frame_twice(HOSTS)}


def name_of(address):
    """Return the name of the host with this IP or MAC address, or the address."""
    return next((host.name for host in HOSTS if address in (host.address, host.mac)), address)
