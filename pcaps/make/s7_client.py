"""An S7 client's connection with the filter controller, which tells the story as it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snap7.client import Client
from snap7.error import S7Error
from snap7.type import Area

from .plant import S7_PORT, address

if TYPE_CHECKING:
    from collections.abc import Callable

    from .story import Story

PG, OP, BASIC = 1, 2, 3  # connection types: programming device, operator panel, other
DB, FLAGS, OUTPUTS = Area.DB, Area.MK, Area.PA
REFUSALS = (S7Error, RuntimeError, ValueError)
IDENTITY = (0x11, 0x12, 0x1C, 0x31)  # partial lists that tell who somebody is
SLOT = 2  # where the CPU of an S7-300 sits


class Session:
    """One connection; `kind` says what the client claims to be."""

    def __init__(self, story: Story, target: str, kind: int, slot: int = SLOT) -> None:
        self.story = story
        self.target = target
        self.client = Client()
        self.client.set_connection_type(kind)
        story.act(
            target, "connect", "s7comm", f"setup_communication kind={kind} rack=0 slot={slot}", self._connector(slot)
        )

    def _connector(self, slot: int) -> Callable[[], str]:
        return lambda: _outcome(lambda: self.client.connect(address(self.target), 0, slot, S7_PORT))

    def close(self) -> None:
        """End the connection."""
        self.client.disconnect()

    def act(self, action: str, detail: str, method: str, *arguments: Any) -> str:
        """Do one thing and tell it; `method` is the library's."""
        deed = getattr(self.client, method)
        return self.story.act(self.target, action, "s7comm", detail, lambda: _outcome(lambda: deed(*arguments)))

    def szl(self, number: int, index: int = 0) -> str:
        """Read a system status list."""
        action = "identify" if number & 0xFF in IDENTITY else "diagnose"
        return self.act(action, f"szl_read id=0x{number:04x} index={index}", "read_szl", number, index)


def _outcome(deed: Callable[[], object]) -> str:
    try:
        deed()
    except TimeoutError:
        return "unanswered"
    except REFUSALS as error:
        return "unanswered" if "timeout" in str(error).lower() else "refused"
    return "accepted"
