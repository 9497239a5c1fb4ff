"""An NVIDIA graphics processor of this machine, by CUDA."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dlas.host import Host
from dlas.layers.hardware import AT, accelerator
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

    target = accelerator.target
    start = accelerator.start
