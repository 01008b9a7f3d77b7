"""The live view on a terminal.

The rule it lives by: one thread, and no waiting. A terminal that is stopped or slow gets fewer pictures, one that is
gone gets none, and whatever happens the terminal is left as it was found.
"""

from __future__ import annotations

import contextlib
import io
import time
from typing import IO, Final, Self, cast

from rich.console import Console
from rich.live import Live

from sensor.console.live.face import Face
from sensor.console.live.keyboard import Keyboard
from sensor.console.live.patient import Patient
from sensor.console.live.picture import Picture
from sensor.console.live.scene import Scene

LEAST_SECONDS: Final = 0.25  # between two pictures: nobody reads faster
LAST_SECONDS: Final = 0.5  # a slow terminal may have to take its last bytes


class LiveView(Face):
    """Shows scenes on a terminal, in its alternate screen."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.file = console.file
        self.patient = Patient(console.file)
        self.keyboard = Keyboard(self.patient.descriptor if console.file.isatty() else None)
        self.live: Live | None = None
        self.drawn_at = 0.0
        self.scene = Scene()
        rehearse()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def begin(self, scene: Scene) -> None:
        """Show the first picture."""
        self.second(scene)

    def second(self, scene: Scene) -> None:
        """Show a picture."""
        self.show(scene)

    def say(self, text: str, level: str = "info") -> None:  # noqa: ARG002  # a line below the picture has no level
        """Show it below the picture."""
        self.scene.say(self.scene.time, text)

    def end(self, scene: Scene) -> None:  # noqa: ARG002  # what there is to say at the end is printed
        """Leave the terminal as it was."""
        self.close()

    def show(self, scene: Scene) -> None:
        """Draw a scene, unless the last picture is too fresh or the terminal still busy with it."""
        self.scene = scene
        now = time.monotonic()
        if self.patient.gone or now - self.drawn_at < LEAST_SECONDS or not self.patient.ready():
            return
        self.drawn_at = now
        if self.live is None:
            self.console.file = cast("IO[str]", self.patient)
            self.live = shown_by(self.console, scene)
            self.keyboard.hush()
            self.live.start()
        self.live.update(Picture(scene), refresh=True)

    def close(self) -> None:
        """Leave the alternate screen; may be called twice."""
        live, self.live = self.live, None
        if live is not None:
            with contextlib.suppress(OSError):
                live.stop()
            self.patient.finish(LAST_SECONDS)
        self.keyboard.restore(forget=self.patient.taken)
        self.patient.close()
        self.console.file = self.file


def shown_by(console: Console, scene: Scene) -> Live:
    """Return what keeps a picture on a terminal."""
    return Live(
        Picture(scene), console=console, auto_refresh=False, screen=True, redirect_stdout=False, redirect_stderr=False,
        vertical_overflow="crop",
    )  # fmt: skip


def rehearse() -> None:
    """Draw once for nobody: what is imported for it may be out of reach once the process is confined."""
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True, color_system="truecolor")
    with shown_by(console, Scene(sensor="\u00b5\u6f22")) as live:
        live.refresh()
