"""An Intel graphics processor of this machine."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dlas.host import Host
from dlas.layers.hardware import AT, accelerator
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

    target = accelerator.target
    start = accelerator.start
