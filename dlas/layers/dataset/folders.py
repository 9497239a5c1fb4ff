"""Which image belongs to which part and class, told by names alone: `class/file`, or `part/class/file`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlas.data import Labels
from dlas.errors import DataError
from dlas.layers.dataset import splits

# As torchvision's ImageFolder has them, and GIF.
SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".gif", ".pgm", ".tif", ".tiff", ".webp")
PARTS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}

Path = tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Names of files, sorted, and the label of each."""

    names: tuple[str, ...]
    labels: Labels


def arrange(
    place: str, names: Sequence[str], order: Sequence[str], partial: bool
) -> tuple[tuple[str, ...], dict[str, Part]]:
    """The classes in their order, and the parts; only `train` where there are no folders of parts.

    Folders are named with a final `/`. `order` names all classes; without it they are the folders, sorted as text.
    Each has images in each part, unless `partial`. Where there is `val` and no `test`, `val` is for testing.
    """
    paths = _below_common_root({name: tuple(name.rstrip("/").split("/")) for name in names if not _is_hidden(name)})
    paths = _with_part(place, paths)
    stray = [name for name, path in paths.items() if len(path) < 3 and not name.endswith("/")]
    if stray:
        raise DataError(f"{place}: image {stray[0]} lies in no folder of a class; move or remove it")
    classes = _classes(place, sorted({path[1] for path in paths.values() if len(path) > 1}), order)
    number = {name: label for label, name in enumerate(classes)}
    members: dict[str, dict[str, int]] = {path[0]: {} for path in paths.values()}
    for name in sorted(paths):
        if not name.endswith("/"):
            members[paths[name][0]][name] = number[paths[name][1]]
    parts = {part: Part(tuple(found), np.array([*found.values()], np.int64)) for part, found in members.items()}
    for part in () if partial else sorted(parts):
        splits.check_classes(f"{place}: {part}", parts[part].labels, classes)
    return classes, parts


def _is_hidden(name: str) -> bool:
    """Whether it is no image's and no class's name, such as what macOS adds to archives."""
    known = name.endswith("/") or name.lower().endswith(SUFFIXES)
    return not known or any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _below_common_root(paths: dict[str, Path]) -> dict[str, Path]:
    """Without the folders that hold everything: one class alone would be none."""
    while len({path[0] for path in paths.values()}) == 1 and any(len(path) > 2 for path in paths.values()):
        paths = {name: path[1:] for name, path in paths.items() if len(path) > 1}
    return paths


def _with_part(place: str, paths: dict[str, Path]) -> dict[str, Path]:
    """Each path as part, class, and what is below; all are training images where no folders of parts are there."""
    tops = {path[0] for name, path in paths.items() if len(path) > 1 or name.endswith("/")}
    parts = tops & PARTS.keys()
    images = {name: path for name, path in paths.items() if not name.endswith("/")}
    if not images or (parts == tops and "train" not in parts):
        raise DataError(f"{place}: no images in a folder for each class, or in train/ and test/ of them; put some")
    if parts != tops:
        if any(len(path) > 2 and path[0] in parts for path in images.values()):
            raise DataError(f"{place}: {min(tops - parts)!r} lies beside {min(parts)!r}; keep parts, or classes, alone")
        return {name: ("train", *path) for name, path in paths.items()}
    meaning = PARTS if "test" in parts else {name: "test" if name != "train" else name for name in PARTS}
    return {name: (meaning.get(path[0], "train"), *path[1:]) for name, path in paths.items()}


def _classes(place: str, found: list[str], order: Sequence[str]) -> tuple[str, ...]:
    strange = [name for name in found if order and name not in order]
    if strange:
        raise DataError(
            f"{place}: the labels name no class {strange[0]!r}, which has a folder; add it, or remove the folder"
        )
    if len(order or found) < 2:
        raise DataError(f"{place}: there is only one class ({found[0]!r}); give each class a folder")
    return tuple(order or found)
