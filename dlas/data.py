"""What data are on disk: pixels as their source has them, and labels, of each split; datasets put them there.

How pixels become what a network sees is said here once: less the mean, over the deviation, channel by channel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import DTypeLike, NDArray

from dlas.artifacts import Artifact
from dlas.errors import DataError

SPLITS = ("train", "validation", "test")
_CHUNK = 1024  # images
_RESOLUTION = float(np.finfo(np.float32).eps)  # a smaller deviation, relative to the mean, is rounding

Pixels = NDArray[np.uint8] | NDArray[np.float32]  # (number, channels, height, width), as stored
Images = NDArray[np.float32]  # (number, channels, height, width), normalised
Labels = NDArray[np.int64]  # (number,)
Split = tuple[Images, Labels]


@dataclass(frozen=True)
class Normalisation:
    """Mean and deviation of each channel, in units of the stored pixels."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


# --- writing ----------------------------------------------------------------------------------------------------


def save(
    folder: Path,
    splits: Mapping[str, tuple[NDArray[Any], NDArray[Any]]],
    classes: int,
    calibration: int,
    normalisation: Normalisation | None = None,
) -> dict[str, Any]:
    """Write splits that are in memory, bytes as bytes and all else as float32; returns the facts of `finish`."""
    for name in SPLITS:
        images, labels = splits[name]
        pixels, numbers = allocate(folder, name, len(labels), images.shape[1:], images.dtype)
        pixels[:], numbers[:] = images, labels
    return finish(folder, classes, calibration, normalisation)


def allocate(
    folder: Path, split: str, count: int, shape: Sequence[int], dtype: DTypeLike = np.uint8
) -> tuple[Pixels, Labels]:
    """Pixels and labels of a split, on disk, for the caller to fill: larger data than memory holds can be streamed."""
    kept = np.uint8 if dtype == np.uint8 else np.float32
    pixels = open_memmap(folder / _images(split), "w+", kept, (count, *shape))
    return pixels, open_memmap(folder / _labels(split), "w+", np.int64, (count,))


def finish(folder: Path, classes: int, calibration: int, normalisation: Normalisation | None = None) -> dict[str, Any]:
    """The facts of what was written: the first `calibration` training images are the calibration set.

    Without a normalisation the training images are to have mean 0 and deviation 1 in each channel.
    """
    pixels = {name: np.load(folder / _images(name), mmap_mode="r") for name in SPLITS}
    normalisation = normalisation or moments(pixels["train"])
    return {
        "shape": list(pixels["train"].shape[1:]),
        "classes": classes,
        "calibration": min(calibration, len(pixels["train"])),
        "images": {name: len(pixels[name]) for name in SPLITS},
        "mean": list(normalisation.mean),
        "std": list(normalisation.std),
    }


def moments(pixels: Pixels) -> Normalisation:
    """Mean and deviation of each channel; 1 in place of the deviation of a channel that is constant."""
    chunks = [pixels[start : start + _CHUNK] for start in range(0, len(pixels), _CHUNK)]
    number = pixels.size // pixels.shape[1]
    mean = sum(chunk.sum((0, 2, 3), dtype=np.float64) for chunk in chunks) / number
    centre = mean[:, None, None]
    square = sum(((chunk - centre) ** 2).sum((0, 2, 3)) for chunk in chunks) / number
    std = np.sqrt(square)
    std[std <= _RESOLUTION * np.abs(mean)] = 1.0
    return Normalisation(tuple(mean.tolist()), tuple(std.tolist()))


def _images(split: str) -> str:
    return f"{split}_images.npy"


def _labels(split: str) -> str:
    return f"{split}_labels.npy"


# --- reading ----------------------------------------------------------------------------------------------------


def load(data: Artifact, split: str, chosen: NDArray[np.int64] | None = None) -> Split:
    """Normalised images, and labels, of a split or of the `chosen` of its images; see `stored`."""
    pixels, labels = stored(data, split, chosen)
    return normalise(data, pixels), labels


def stored(data: Artifact, split: str, chosen: NDArray[np.int64] | None = None) -> tuple[Pixels, Labels]:
    """Pixels as they are stored, and labels, of `train`, `validation`, `test` or `calibration` (taken from train).

    Augmentation works on these; `normalise` comes after it. Only the `chosen` images are read from the disk.
    """
    numbers = labels(data, split)
    if chosen is None:
        chosen = np.arange(len(numbers))
    pixels = np.load(data.file(_images(_source(split))), mmap_mode="r")
    return pixels[chosen], numbers[chosen]


def labels(data: Artifact, split: str) -> Labels:
    """Labels of a split, without its images."""
    numbers: Labels = np.load(data.file(_labels(_source(split))))
    return numbers[: data.facts["calibration"]] if split == "calibration" else numbers


def _source(split: str) -> str:
    """The split whose file holds another."""
    return "train" if split == "calibration" else split


def normalise(data: Artifact, pixels: Pixels) -> Images:
    """What a network sees of stored pixels (number, channels, height, width)."""
    images = pixels.astype(np.float32)
    for operation, fact in ((np.subtract, "mean"), (np.divide, "std")):
        operation(images, np.array(data.facts[fact], np.float32)[:, None, None], out=images)
    return images


# --- splits -----------------------------------------------------------------------------------------------------


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
