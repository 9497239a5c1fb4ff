"""What accelerators share: the host's code is native, one pinned thread waits for the device."""

import os
from typing import Protocol

from dlas.host import NATIVE, Host, Place, Target
from dlas.layers.hardware import WORKER, Command


class Accelerator(Protocol):
    """A hardware option that is a device beside the processor."""

    device: str
    index: int
    batch: int


def target(self: Accelerator, host: Host) -> Target:
    """Code for this architecture; the runtime compiles for the device when it loads."""
    return Target(host.architecture, NATIVE, self.batch, 1)


def start(self: Accelerator, host: Host) -> Command:  # noqa: ARG001 - the verb of the protocol has it
    """A child with one thread, pinned, that waits for the device."""
    place = Place(self.device, self.index, 1)
    cpus = tuple(sorted(os.sched_getaffinity(0)))[-1:]
    return Command(WORKER, place, cpus, "wall")
