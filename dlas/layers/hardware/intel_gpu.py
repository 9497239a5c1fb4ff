"""An Intel graphics processor of this machine."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dlas.host import NATIVE, Host, Place, Target
from dlas.layers.hardware import AT, WORKER, Command
from dlas.option import parameter

if TYPE_CHECKING:
    from dlas.stack import Stack


@dataclass(frozen=True)
class IntelGpu:
    """An Intel GPU; wall time from the call until the device has finished."""

    name: ClassVar = "intel-gpu"
    suggested: ClassVar = ("intel-gpu",)
    device: ClassVar = "intel-gpu"

    index: int = parameter("number of the device", 0, positional=True, low=0)
    batch: int = parameter("images of one inference", 1, low=1)
    at: str = parameter(AT, "")

    def needs(self, stack: "Stack", host: Host) -> str | None:
        """The device must be there."""
        if self.index >= len(host.intel_gpus):
            return f"no such device on this host: it has {len(host.intel_gpus) or 'no'} Intel GPUs"
        return None

    def target(self, host: Host) -> Target:
        """Code for this architecture; the runtime compiles for the device when it loads."""
        return Target(host.architecture, NATIVE, self.batch, 1)

    def start(self, host: Host) -> Command:
        """A child with one thread, pinned, that waits for the device."""
        place = Place(self.device, self.index, 1)
        cpus = tuple(sorted(os.sched_getaffinity(0)))[-1:]
        return Command(WORKER, place, cpus, "wall")
