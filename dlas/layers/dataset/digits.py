"""The 1,797 grey 8x8 digits that come with scikit-learn: real data with nothing to fetch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from dlas import data

SHARES = {"train": 0.5, "validation": 0.15, "test": 0.35}
CALIBRATION = 128


@dataclass(frozen=True)
class Digits:
    """Handwritten digits, 8x8 grey, 10 classes; UCI, by way of scikit-learn."""

    name: ClassVar = "digits"
    suggested: ClassVar = ("digits",)
    packages: ClassVar = ("scikit-learn",)

    def load(self, sources: Mapping[str, Path], out: Path) -> dict[str, Any]:
        """Split by class: 50 % train, 15 % validation, 35 % test; pixels scaled to mean 0, deviation 1."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = digits.images[:, None].astype("uint8")
        labels = digits.target.astype("int64")
        parts = data.stratified_split(labels, SHARES, seed=0)
        splits = {name: (images[chosen], labels[chosen]) for name, chosen in parts.items()}
        return data.save(out, splits, classes=10, calibration=CALIBRATION)
