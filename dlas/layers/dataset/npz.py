"""A user's own arrays in an `.npz` file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from dlas import data
from dlas.errors import DataError
from dlas.option import parameter

PARTS = ("train", "test")
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
VALIDATION = 0.1
CALIBRATION = 256
CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class Npz:
    """Your own images: an .npz file with x_train, y_train, x_test, y_test (NHWC or NCHW)."""

    name: ClassVar = "npz"
    suggested: ClassVar[tuple[str, ...]] = ()

    file: str = parameter("name of the data, or path of the .npz file", positional=True, locator=True)
    seed: int = parameter("draws the validation images from the training images", 0, low=0)

    def load(self, source: Path | None, out: Path) -> dict[str, Any]:
        """Normalise by mean and deviation of each channel over the training images; 10 % become validation."""
        arrays = _read(self.file, source)
        for part in PARTS:
            data.check(f"dataset npz@{self.file}: {part}", arrays[f"x_{part}"], arrays[f"y_{part}"])
        images = {part: _channels_first(arrays[f"x_{part}"]) for part in PARTS}
        labels = {part: arrays[f"y_{part}"].astype(np.int64) for part in PARTS}
        shapes = [images[part].shape[1:] for part in PARTS]
        if shapes[0] != shapes[1]:
            raise DataError(f"dataset npz@{self.file}: training images are {shapes[0]}, test images {shapes[1]}")
        mean = images["train"].mean((0, 2, 3), keepdims=True)
        deviation = images["train"].std((0, 2, 3), keepdims=True) + 1e-12
        images = {part: (pixels - mean) / deviation for part, pixels in images.items()}
        parts = data.stratified_split(labels["train"], {"train": 1 - VALIDATION, "validation": VALIDATION}, self.seed)
        splits = {name: (images["train"][chosen], labels["train"][chosen]) for name, chosen in parts.items()}
        splits["test"] = (images["test"], labels["test"])
        return data.save(out, splits, classes=int(labels["train"].max()) + 1, calibration=CALIBRATION)


def _read(name: str, source: Path | None) -> dict[str, NDArray[Any]]:
    assert source is not None
    try:
        with np.load(source, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as problem:
        raise DataError(f"dataset npz@{name}: {source} is no readable .npz file ({problem})") from problem
    missing = [key for key in ARRAYS if key not in arrays]
    if missing:
        raise DataError(f"dataset npz@{name}: {source} lacks {', '.join(missing)}; it needs {', '.join(ARRAYS)}")
    return arrays


def _channels_first(images: NDArray[Any]) -> NDArray[np.float32]:
    last_is_channels = images.shape[3] in CHANNELS and images.shape[1] not in CHANNELS
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2) if last_is_channels else images, np.float32)
