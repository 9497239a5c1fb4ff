"""For each operator the primitive that is fastest here, found by timing when the network is built."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dlas.host import Host

if TYPE_CHECKING:
    from dlas.stack import Stack


@dataclass(frozen=True)
class Mixed:
    """The fastest of the other primitives for each operator, the cost of changing layouts included."""

    name: ClassVar = "mixed"
    suggested: ClassVar = ("mixed",)
    lowerings: ClassVar[Mapping[str, str]] = {"tvm": "dlas.layers.primitive.tvm.mixed.Mixed"}
    exclusive: ClassVar = True

    def needs(self, stack: "Stack", host: Host) -> str | None:
        """Candidates are timed where the network is built."""
        device = getattr(stack.options("hardware")[0], "device", "")
        return None if device == "cpu" else f"primitive mixed times its candidates on this host, not on {device}"
