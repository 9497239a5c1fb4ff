"""Models: which network classifies. An option makes a trained Network artifact from data."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dlas.artifacts import Artifact
from dlas.option import Option

if TYPE_CHECKING:
    import torch

Shape = tuple[int, int, int]  # channels, height, width
Report = Callable[[dict[str, Any]], None]


class Model(Option, Protocol):
    """A network's architecture, adapted to the data's size, and how it gets its weights.

    An option without a torch module says so by `leaves_module = False` and has no `module`. One whose network depends
    on more than option, data and code gives `ingredients()`, a JSON value for the key.
    """

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """The architecture with fresh weights."""

    def make(
        self, source: Artifact, given: Mapping[str, Path], text: str, out: Path, work: Path, report: Report
    ) -> dict[str, Any]:
        """Write the Network artifact's files into `out`; `given` tells where each named file of the user's lies,
        `text` is the option's own.
        """
