"""The processor of this machine."""

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dlas.host import Host, Target
from dlas.layers.hardware import Command
from dlas.option import parameter

if TYPE_CHECKING:
    from dlas.stack import Stack


@dataclass(frozen=True)
class Cpu:
    """This machine's processor: so many threads, so many images at a time."""

    name: ClassVar = "cpu"
    suggested: ClassVar = ("cpu", "cpu@threads=2")
    device: ClassVar = "cpu"

    threads: int = parameter("threads of the runtime", 1, low=1)
    batch: int = parameter("images of one inference", 1, low=1)

    def needs(self, stack: "Stack", host: Host) -> str | None:
        """More threads than cores only wait for each other."""
        if self.threads > host.usable_threads:
            return f"{self.threads} threads asked for, but this process may use {host.usable_threads}"
        return None

    def target(self, host: Host) -> Target:
        """The host's own instruction set."""
        return Target(host.architecture, "native", self.batch, self.threads)

    def start(self, host: Host) -> Command:
        """A child pinned to as many processors as it has threads, so that nothing migrates."""
        cpus = tuple(sorted(os.sched_getaffinity(0)))[-self.threads :]
        clock = "cpu" if self.threads == 1 else "wall"
        return Command((sys.executable, "-m", "dlas.measure.worker"), self.threads, cpus, clock)
