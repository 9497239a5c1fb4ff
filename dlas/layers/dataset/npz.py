"""A user's own arrays in an `.npz` file."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, ClassVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from dlas import data
from dlas.errors import DataError
from dlas.layers.dataset import normalisation, splits
from dlas.option import parameter

PARTS = ("train", "test")
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
CHANNELS = (1, 3, 4)
# What numpy and zipfile raise for damaged files, and for headers that announce what cannot be.
_DAMAGE = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, MemoryError, SyntaxError),
    *(BadZipFile, TokenError, struct.error, zlib.error),
)


@dataclass(frozen=True)
class Npz:
    """Your own images: an .npz file with x_train, y_train, x_test, y_test (NHWC or NCHW)."""

    name: ClassVar = "npz"
    suggested: ClassVar[tuple[str, ...]] = ()

    file: str = parameter("name of the data, or path of the .npz file", positional=True, locator=True)
    mean: str = normalisation.mean()
    std: str = normalisation.std()
    seed: int = parameter("draws the validation images from the training images", 0, low=0)

    def load(self, sources: Mapping[str, Path], out: Path) -> dict[str, Any]:
        """Normalise by mean and deviation of each channel over the training images; 10 % become validation."""
        place = f"dataset npz@{self.file}"
        arrays = _read(place, sources[self.file])
        for part in PARTS:
            data.check(f"{place}: {part}", arrays[f"x_{part}"], arrays[f"y_{part}"])
        images = {part: _channels_first(arrays[f"x_{part}"]) for part in PARTS}
        labels = {part: arrays[f"y_{part}"] for part in PARTS}
        kinds = [(images[part].dtype == np.uint8, *images[part].shape[1:]) for part in PARTS]
        if kinds[0] != kinds[1]:
            told = [f"{images[part].dtype} {images[part].shape[1:]}" for part in PARTS]
            raise DataError(f"{place}: training images are {told[0]}, test images {told[1]}; make them alike")
        scale = 255.0 if images["train"].dtype == np.uint8 else 1.0
        given = normalisation.read(place, self.mean, self.std, images["train"].shape[1], scale)
        return splits.save_parts(place, out, images, labels, int(labels["train"].max()) + 1, self.seed, given)


def _read(place: str, source: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(source, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except _DAMAGE as problem:
        raise DataError(f"{place}: {source} is no readable .npz file ({problem})") from problem
    missing = [key for key in ARRAYS if key not in arrays]
    if missing:
        raise DataError(f"{place}: {source} lacks {', '.join(missing)}; it needs {', '.join(ARRAYS)}")
    return arrays


def _channels_first(images: NDArray[Any]) -> NDArray[Any]:
    last_is_channels = images.shape[3] in CHANNELS and images.shape[1] not in CHANNELS
    return images.transpose(0, 3, 1, 2) if last_is_channels else images
