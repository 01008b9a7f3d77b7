"""What a watch tells whoever looks on, whatever they look on with.

The rule it lives by: whoever looks on can never hold the watch up, and what goes wrong with showing never ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensor.console.live.scene import AlertRow, AssetRow, BehaviourRow, Scene


class Face:
    """Shows nothing; what shows something overrides what it wants to know."""

    def begin(self, scene: Scene) -> None:
        """The watch has begun: settings and protections are known."""

    def second(self, scene: Scene) -> None:
        """A second has passed, and the scene is filled."""

    def alert(self, row: AlertRow) -> None:
        """Take a new revision of an alert; it is in the scene already."""

    def asset(self, row: AssetRow) -> None:
        """Take a machine that was heard for the first time."""

    def behaviour(self, row: BehaviourRow) -> None:
        """Take a new behaviour."""

    def say(self, text: str, level: str = "info") -> None:
        """Take what the watch has to say: a reload, a worker that was restarted."""

    def end(self, scene: Scene) -> None:
        """The watch has ended: leave the terminal as it was."""
