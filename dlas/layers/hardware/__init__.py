"""Hardware: where an executable runs, with how many threads, and by which clock it is timed."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from dlas.host import Host, Target
from dlas.option import Option


@dataclass(frozen=True)
class Command:
    """How the child that runs an executable is started; `clock` is `cpu` or `wall`."""

    argv: tuple[str, ...]
    threads: int
    cpus: tuple[int, ...]
    clock: str


class Hardware(Option, Protocol):
    """A place to run; `device` is what code generators name it by."""

    device: ClassVar[str]

    @property
    def threads(self) -> int:
        """Threads that the runtime is given."""

    @property
    def batch(self) -> int:
        """Images of one inference."""

    def target(self, host: Host) -> Target:
        """What code must be compiled for."""

    def start(self, host: Host) -> Command:
        """How to start the measuring child."""
