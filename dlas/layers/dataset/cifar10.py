"""CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour 32x32 images, as published: python batches or binary ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dlas.errors import DataError
from dlas.layers.dataset import archive, python_batch, splits
from dlas.option import parameter

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
CLASSES = 10
FILES = {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)}
BINARY = ".bin"

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]  # (number, PIXELS), (number,)


@dataclass(frozen=True)
class Cifar10:
    """CIFAR-10, 32x32 colour, 10 classes: the folder or the .tar.gz as published, python or binary version."""

    name: ClassVar = "cifar10"
    suggested: ClassVar[tuple[str, ...]] = ()

    root: str = parameter("name of the data, or path of the folder or .tar.gz", positional=True, locator=True)
    seed: int = parameter("draws the validation images from the training images", 0, low=0)

    def load(self, sources: Mapping[str, Path], out: Path) -> dict[str, Any]:
        """Its own training and test images; a tenth of the former become validation images."""
        source = sources[self.root]
        place = f"dataset cifar10@{self.root}"
        where = _files(place, source)
        content = dict(archive.contents(place, source, set(where.values())))
        images, labels = {}, {}
        for part, files in FILES.items():
            batches = [_batch(place, where[file], content.pop(where[file])) for file in files]
            images[part] = np.concatenate([pixels for pixels, _ in batches]).reshape(-1, *SHAPE)
            labels[part] = np.concatenate([numbers for _, numbers in batches])
        return splits.save_parts(place, out, images, labels, CLASSES, self.seed)


def _files(place: str, source: Path) -> Mapping[str, str]:
    """Name in the source of each batch, all python or all binary."""
    names = archive.names(place, source)
    wanted = [file for files in FILES.values() for file in files]
    missing = ""
    for suffix in (BINARY, ""):
        found = {file: name for file in wanted for name in names if PurePosixPath(name).name == file + suffix}
        if len(found) == len(wanted):
            return found
        missing = next(file for file in wanted if file not in found)
    raise DataError(
        f"{place}: {source} lacks {missing}; put data_batch_1 to data_batch_5 and test_batch there, or name the .tar.gz"
    )


def _batch(place: str, name: str, content: bytes) -> Batch:
    try:
        pixels, labels = _binary(content) if name.endswith(BINARY) else python_batch.read(content)
        if pixels.shape != (len(labels), PIXELS):
            raise ValueError(f"{len(labels)} labels, pixels of shape {pixels.shape}")  # noqa: TRY301 - told like the rest
    except ValueError as problem:
        raise DataError(f"{place}: {name} is no batch of CIFAR-10 ({problem}); fetch it again") from problem
    return pixels, labels


def _binary(content: bytes) -> Batch:
    """Each image is a byte for its label, then its pixels."""
    rows = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    return rows[:, 1:], rows[:, 0].astype(np.int64)
