"""An NVIDIA graphics processor of this machine, by CUDA."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dlas.host import NATIVE, Host, Place, Target
from dlas.layers.hardware import AT, WORKER, Command
from dlas.option import parameter

if TYPE_CHECKING:
    from dlas.stack import Stack


@dataclass(frozen=True)
class Cuda:
    """An NVIDIA GPU; wall time from the call until the device has finished, copying to it and back not counted."""

    name: ClassVar = "cuda"
    suggested: ClassVar = ("cuda",)
    device: ClassVar = "cuda"

    index: int = parameter("number of the device", 0, positional=True, low=0)
    batch: int = parameter("images of one inference", 1, low=1)
    at: str = parameter(AT, "")

    def needs(self, stack: "Stack", host: Host) -> str | None:
        """The device must be there."""
        if self.index >= len(host.gpus):
            return f"no such device on this host: it has {len(host.gpus) or 'no'} CUDA devices"
        return None

    def target(self, host: Host) -> Target:
        """Code for this architecture; the runtime compiles for the device when it loads."""
        return Target(host.architecture, NATIVE, self.batch, 1)

    def start(self, host: Host) -> Command:
        """A child with one thread, pinned, that waits for the device."""
        place = Place(self.device, self.index, 1)
        cpus = tuple(sorted(os.sched_getaffinity(0)))[-1:]
        return Command(WORKER, place, cpus, "wall")
