"""Datasets: what is classified. An option loads its images into one Data artifact."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from dlas.option import Option


class Dataset(Option, Protocol):
    """Loads images and labels and splits them, once, by a seed."""

    def load(self, sources: Mapping[str, Path], out: Path) -> dict[str, Any]:
        """Write the Data artifact's files into `out` (see `dlas.data`); `sources` tells where each named datum lies."""
