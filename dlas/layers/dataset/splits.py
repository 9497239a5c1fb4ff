"""What is drawn from the images that a source gives for training, and what must be in every part."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlas import data
from dlas.errors import DataError

VALIDATION = 0.1  # of the training images of each class
CALIBRATION = 512  # images
_CHUNK = 1024  # images


def save_parts(
    place: str,
    out: Path,
    images: Mapping[str, NDArray[Any]],
    labels: Mapping[str, NDArray[Any]],
    classes: int,
    seed: int,
    normalisation: data.Normalisation | None = None,
) -> dict[str, Any]:
    """Write the parts `train` and `test` (NCHW); a tenth of the former, drawn by seed, becomes validation images."""
    for part in ("train", "test"):
        data.check(f"{place}: {part}", images[part], labels[part])
        check_classes(f"{place}: {part}", labels[part], range(classes))
    chosen = draw(place, labels["train"], range(classes), "validation", VALIDATION, seed)
    chosen["test"] = np.arange(len(labels["test"]))
    for split, indices in chosen.items():
        part = "test" if split == "test" else "train"
        pixels, numbers = data.allocate(out, split, len(indices), images[part].shape[1:], images[part].dtype)
        numbers[:] = labels[part][indices]
        for start in range(0, len(indices), _CHUNK):
            pixels[start : start + _CHUNK] = images[part][indices[start : start + _CHUNK]]
    return data.finish(out, classes, CALIBRATION, normalisation)


def draw(
    place: str, labels: NDArray[Any], classes: Sequence[object], name: str, share: float, seed: int
) -> dict[str, NDArray[np.int64]]:
    """Indices of a share of the images of each class, called `name`, and of the rest, called `train`.

    Raises DataError where a class that has images has none in one of the two; `classes` are what they are called.
    """
    parts = data.stratified_split(labels, {"train": 1 - share, name: share}, seed)
    for part, indices in parts.items():
        lost = np.setdiff1d(labels, labels[indices])
        if len(lost):
            few, called = np.count_nonzero(labels == lost[0]), str(classes[int(lost[0])])
            raise DataError(
                f"{place}: class {called!r} has too few images ({few}) to draw some for {part}; give it more"
            )
    return parts


def check_classes(place: str, labels: NDArray[Any], names: Sequence[object]) -> None:
    """Raise DataError where a label is no class, or a class has no images."""
    found = np.unique(labels).astype(np.int64)
    if len(found) and found[-1] >= len(names):
        raise DataError(f"{place}: label {found[-1]} is none of 0 to {len(names) - 1}; number the classes from 0")
    if len(found) < len(names):
        empty = str(names[np.flatnonzero(np.append(found, -1) != np.arange(len(found) + 1))[0]])
        raise DataError(f"{place}: class {empty!r} has no images; give it some, or leave the class out")
