"""Hardware: where an executable runs, with how many threads, and by which clock it is timed."""

import sys
from dataclasses import dataclass
from typing import ClassVar, Protocol

from dlas.host import NATIVE, Host, Place, Target
from dlas.option import Option

WORKER = (sys.executable, "-m", "dlas.measure.worker")
AT = "name of the host that measures, if not the one that runs the study"


@dataclass(frozen=True)
class Command:
    """How the child that runs an executable is started; `clock` is `cpu` or `wall`, `isa` a ceiling or `native`."""

    argv: tuple[str, ...]
    place: Place
    cpus: tuple[int, ...]
    clock: str
    isa: str = NATIVE


class Hardware(Option, Protocol):
    """A place to run; `device` is what code generators name it by."""

    device: ClassVar[str]

    @property
    def at(self) -> str:
        """Name of the host that measures; empty for the one that runs the study."""

    @property
    def batch(self) -> int:
        """Images of one inference."""

    def target(self, host: Host) -> Target:
        """What code must be compiled for."""

    def start(self, host: Host) -> Command:
        """How to start the measuring child."""
