"""Datasets: what is classified. An option loads its images into one Data artifact."""

from pathlib import Path
from typing import Any, Protocol

from dlas.option import Option


class Dataset(Option, Protocol):
    """Loads images and labels and splits them, once, by a seed."""

    def load(self, source: Path | None, out: Path) -> dict[str, Any]:
        """Write the Data artifact's files into `out` (see `dlas.data`); `source` is where the named data lie."""
