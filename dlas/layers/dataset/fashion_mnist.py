"""Fashion-MNIST (arXiv 1708.07747): 60,000 + 10,000 grey 28x28 images of clothing, in four IDX files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from dlas.layers.dataset import idx, splits
from dlas.option import parameter

CLASSES = 10
PREFIXES = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class FashionMnist:
    """Fashion-MNIST, 28x28 grey, 10 classes: a folder with its four IDX files, as they are or with .gz."""

    name: ClassVar = "fashion-mnist"
    suggested: ClassVar[tuple[str, ...]] = ()

    folder: str = parameter("name of the data, or path of the folder", positional=True, locator=True)
    seed: int = parameter("draws the validation images from the training images", 0, low=0)

    def load(self, sources: Mapping[str, Path], out: Path) -> dict[str, Any]:
        """Its own training and test images; a tenth of the former become validation images."""
        place = f"dataset fashion-mnist@{self.folder}"
        images, labels = {}, {}
        for part, prefix in PREFIXES.items():
            images[part] = idx.read(place, sources[self.folder], f"{prefix}-images-idx3-ubyte", 3)[:, None]
            labels[part] = idx.read(place, sources[self.folder], f"{prefix}-labels-idx1-ubyte", 1)
        return splits.save_parts(place, out, images, labels, CLASSES, self.seed)
