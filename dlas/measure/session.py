"""A cell's child process as the rounds see it: open, pace, step, close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlas.layers.hardware import Command
from dlas.measure.clocks import Repetition
from dlas.measure.pace import Pace
from dlas.process import Child, Message, environment

STEP_TIMEOUT = 30.0  # s beyond what the step should take


@dataclass(frozen=True)
class Subject:
    """What is measured: an executable with its network and data (folders), and how its child is started."""

    key: str
    executable: Path
    network: Path
    data: Path
    command: Command
    ceiling: Mapping[str, str]  # environment that holds the runtime to the instruction set

    @property
    def wall(self) -> bool:
        """Whether only wall time tells how long it takes."""
        return self.command.clock == "wall"


class Session:
    """A loaded subject in a child process of its own."""

    def __init__(self, subject: Subject, timeout: float) -> None:
        """Start the child; it may take `timeout` seconds to load or to warm up."""
        self.subject = subject
        self._timeout = timeout
        command = subject.command
        env = {**environment(command.place.threads), **subject.ceiling}
        self._child = Child(command.argv, env, command.cpus)
        self.loaded: Message = {}
        self.clock = ""
        self.processors: list[int] = []

    def load(self) -> Message:
        """Load the executable; returns `cold_start` in seconds, `peak_memory` in bytes beyond an empty child,
        `evidence`, and `check` against the reference.
        """
        subject = self.subject
        folders = {name: str(getattr(subject, name)) for name in ("executable", "network", "data")}
        request = {"do": "load", "place": vars(subject.command.place), **folders}
        self.loaded = self._child.ask(request, self._timeout)
        return self.loaded

    def score(self, images: int, timeout: float) -> Message:
        """Predictions for so many test images, and agreement with the reference."""
        return self._child.ask({"do": "score", "images": images}, timeout)

    def pace(self) -> Pace:
        """Warm up and find the pace."""
        answer = self._child.ask({"do": "pace"}, self._timeout)
        self.clock, self.processors = answer.pop("clock"), answer.pop("processors")
        return Pace(**answer)

    def step(self, pace: Pace, expected: float) -> Sequence[Repetition]:
        """One step, which should take so many seconds."""
        request: dict[str, Any] = {"do": "step", "pace": vars(pace)}
        answer = self._child.ask(request, STEP_TIMEOUT + 10 * expected)
        return [Repetition(*found) for found in answer["repetitions"]]

    def rest(self) -> None:
        """Return when the child leaves the processors to others."""
        self._child.ask({"do": "rest"}, STEP_TIMEOUT)

    def close(self) -> None:
        """End the child."""
        self._child.close()


class KernelSession(Session):
    """A child that runs the reference kernel."""

    def load(self) -> Message:
        """Nothing to load but the kernel itself."""
        return self._child.ask({"do": "kernel"}, self._timeout)
