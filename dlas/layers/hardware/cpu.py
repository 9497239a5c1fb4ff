"""The processor of this machine."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dlas.host import ISAS, NATIVE, Host, Place, Target
from dlas.layers.hardware import AT, WORKER, Command
from dlas.option import parameter

if TYPE_CHECKING:
    from dlas.stack import Stack


@dataclass(frozen=True)
class Cpu:
    """This machine's processor: so many threads, so many images at a time, an instruction set as ceiling."""

    name: ClassVar = "cpu"
    suggested: ClassVar = ("cpu", "cpu@threads=2", "cpu@isa=avx2")
    device: ClassVar = "cpu"

    threads: int = parameter("threads of the runtime", 1, low=1)
    isa: str = parameter("the widest instruction set that may be used", NATIVE, choices=(NATIVE, *ISAS))
    batch: int = parameter("images of one inference", 1, low=1)
    at: str = parameter(AT, "")

    def needs(self, stack: "Stack", host: Host) -> str | None:
        """More threads than cores only wait for each other; a ceiling above the processor is none."""
        if self.threads > host.usable_threads:
            return f"{self.threads} threads asked for, but this process may use {host.usable_threads}"
        if self.isa not in (NATIVE, *host.isas):
            return f"this processor has no {self.isa}; it has {', '.join(host.isas) or 'none of ' + ', '.join(ISAS)}"
        return None

    def target(self, host: Host) -> Target:
        """Code for this architecture under the ceiling."""
        return Target(host.architecture, self.isa, self.batch, self.threads)

    def start(self, host: Host) -> Command:
        """A child pinned to as many processors as it has threads; it places them itself."""
        cpus = tuple(sorted(os.sched_getaffinity(0)))[-self.threads :]
        clock = "cpu" if self.threads == 1 else "wall"
        place = Place(self.device, 0, self.threads)
        return Command(WORKER, place, cpus, clock, self.isa)
