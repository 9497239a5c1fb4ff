"""What data are on disk: images and labels of four splits in one safetensors file; datasets put them there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlas.artifacts import Artifact
from dlas.errors import DataError

SPLITS = ("train", "validation", "test")
FILE = "data.safetensors"

Images = NDArray[np.float32]  # (number, channels, height, width), normalised
Labels = NDArray[np.int64]  # (number,)
Split = tuple[Images, Labels]


def save(folder: Path, splits: Mapping[str, Split], classes: int, calibration: int) -> dict[str, Any]:
    """Write the splits; the first `calibration` training images are the calibration set. Returns the facts."""
    from safetensors.numpy import save_file

    arrays = {}
    for name in SPLITS:
        images, labels = splits[name]
        arrays[f"{name}_images"] = np.ascontiguousarray(images, np.float32)
        arrays[f"{name}_labels"] = np.ascontiguousarray(labels, np.int64)
    save_file(arrays, folder / FILE)
    return {
        "shape": list(splits["train"][0].shape[1:]),
        "classes": classes,
        "calibration": min(calibration, len(splits["train"][1])),
        "images": {name: len(splits[name][1]) for name in SPLITS},
    }


def load(data: Artifact, split: str) -> Split:
    """Images and labels of `train`, `validation`, `test` or `calibration` (taken from train)."""
    from safetensors import safe_open

    source = "train" if split == "calibration" else split
    with safe_open(data.file(FILE), framework="numpy") as file:
        images, labels = file.get_tensor(f"{source}_images"), file.get_tensor(f"{source}_labels")
    count = data.facts["calibration"] if split == "calibration" else len(labels)
    return images[:count], labels[:count]


def stratified_split(labels: Labels, shares: Mapping[str, float], seed: int) -> dict[str, NDArray[np.int64]]:
    """Indices of each named part, drawn class by class so that every part keeps the classes' proportions."""
    generator = np.random.default_rng(seed)
    parts: dict[str, list[NDArray[np.int64]]] = {name: [] for name in shares}
    edges = np.cumsum(list(shares.values()))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        cuts = np.round(edges[:-1] / edges[-1] * len(members)).astype(int)
        for name, chosen in zip(shares, np.split(members, cuts), strict=True):
            parts[name].append(chosen)
    return {name: generator.permutation(np.concatenate(chosen)) for name, chosen in parts.items()}


def stratified_subset(labels: Labels, count: int) -> NDArray[np.int64]:
    """Indices of a fixed subset of at most `count` images that keeps the classes' proportions."""
    generator = np.random.default_rng(0)
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(np.argsort(place, kind="stable")[:count])


def check(name: str, images: NDArray[Any], labels: NDArray[Any]) -> None:
    """Raise DataError unless images and labels are some, fit each other, and are finite numbers from 0 up."""
    if images.ndim != 4:
        raise DataError(f"{name}: images have shape {images.shape}; they need four dimensions, NHWC or NCHW")
    if labels.shape != (len(images),):
        raise DataError(f"{name}: {len(images)} images but labels of shape {labels.shape}; give one label an image")
    if not len(images):
        raise DataError(f"{name}: there are no images; give some for training and some for testing")
    if images.dtype.kind not in "uif" or not np.isfinite(images).all():
        raise DataError(f"{name}: some pixels are no finite numbers; give images as numbers")
    if labels.dtype.kind not in "uif" or (labels != labels.astype(np.int64)).any() or labels.min() < 0:
        raise DataError(f"{name}: some labels are no whole numbers from 0 up; number the classes")
