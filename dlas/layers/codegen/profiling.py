"""What a runtime's own profiler tells of an executable: what ran, in which order, for how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from dlas.artifacts import Artifact
from dlas.data import Images
from dlas.host import Place


@dataclass(frozen=True)
class Step:
    """One kernel that the runtime ran.

    `covers` are the names that the network has for what it does, as far as the runtime tells: several where operators
    were fused, none for what the runtime added by itself. `weights` is the shape of the weights and `activations` are
    the bytes read and written beside them; () and 0 where the runtime does not tell. `resolution` is the width of the
    interval in which `seconds` may lie anywhere, as the runtime's clock has it.
    """

    name: str
    kind: str  # "convolution", "linear", else the runtime's own word
    seconds: float
    implementation: str
    precision: str
    sparse: bool = False
    covers: tuple[str, ...] = ()
    weights: tuple[int, ...] = ()
    activations: int = 0
    resolution: float = 0.0


def midmean(seconds: Sequence[float]) -> float:
    """Mean of the middle half: what others on the machine did to some inferences is left out."""
    ordered = sorted(seconds)
    cut = len(ordered) // 4
    return fmean(ordered[cut : len(ordered) - cut])


class Profiled(Protocol):
    """An executable that was loaded with the runtime's profiler on."""

    def feed(self, images: Images) -> None:
        """Put one batch into the runtime's own input."""

    def infer(self) -> None:
        """One inference, noted by the profiler; the first one does not count."""

    def steps(self) -> Sequence[Step]:
        """The kernels in the order in which they ran, with seconds of one inference. Called once, at the end."""


class Profiling(Protocol):
    """What a code generator declares beside its other verbs where its runtime can tell how long each operator takes."""

    def profile(self, executable: Artifact, place: Place) -> Profiled:
        """Load an executable in this process with the profiler on."""
