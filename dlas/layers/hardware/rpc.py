"""A device that TVM's RPC reaches: code is compiled and linked here, runs there, and is timed from here."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dlas.host import Host, Place, Target
from dlas.layers.hardware import AT, WORKER, Command
from dlas.option import parameter

if TYPE_CHECKING:
    from dlas.stack import Stack

TRACKER = "DLAS_RPC"  # the environment's name for the tracker's address
# What code is generated for: the least that processors of an architecture have.
_ISAS = {"x86_64": "avx2", "aarch64": "neon"}


@dataclass(frozen=True)
class Rpc:
    """A device whose RPC servers carry this name; wall time of a call, its way there and back included."""

    name: ClassVar = "rpc"
    suggested: ClassVar[tuple[str, ...]] = ()
    device: ClassVar = "rpc"

    key: str = parameter("name under which the device's servers registered with the tracker", positional=True)
    architecture: str = parameter("of its processor", "aarch64", choices=tuple(_ISAS))
    threads: int = parameter("threads of TVM's pool there", 1, low=1)
    batch: int = parameter("images of one inference", 1, low=1)
    at: str = parameter(AT, "")

    def needs(self, stack: "Stack", host: Host) -> str | None:
        """A tracker's address."""
        host_name, _, port = os.environ.get(TRACKER, "").rpartition(":")
        if host_name and port.isdigit():
            return None
        return f"nobody said where the tracker is that knows {self.key}; set {TRACKER}=HOST:PORT to its address"

    def target(self, host: Host) -> Target:
        """Code for the device."""
        return Target(self.architecture, _ISAS[self.architecture], self.batch, self.threads)

    def start(self, host: Host) -> Command:
        """A child on one processor here that asks the tracker for a server there."""
        place = Place(self.device, 0, self.threads, f"{os.environ[TRACKER]}/{self.key}")
        return Command(WORKER, place, tuple(sorted(os.sched_getaffinity(0)))[-1:], "wall")
