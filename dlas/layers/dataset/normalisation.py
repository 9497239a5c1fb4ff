"""Mean and deviation as they are written in an option's text."""

import math
from typing import Any

from dlas.data import Normalisation
from dlas.errors import DataError
from dlas.option import parameter

MEASURED = "measured"


def mean() -> Any:
    """The parameter `mean` of an option."""
    return parameter(
        "mean of each channel, bytes counting from 0 to 1: 0.485:0.456:0.406; measured: that of train", MEASURED
    )


def std() -> Any:
    """The parameter `std` of an option."""
    return parameter("deviation of each channel, in the same way; measured: that of train", MEASURED)


def read(place: str, mean: str, std: str, channels: int, scale: float) -> Normalisation | None:
    """The normalisation that a network was trained with, in pixels of 0 to `scale`; None where it is to be measured."""
    if (mean == MEASURED) != (std == MEASURED):
        raise DataError(f"{place}: mean={mean} and std={std}; give both as numbers, or neither")
    if mean == MEASURED:
        return None
    means, deviations = _numbers(place, "mean", mean, channels), _numbers(place, "std", std, channels)
    if min(deviations) <= 0:
        raise DataError(f"{place}: std={std} is not allowed; every deviation must be above 0")
    return Normalisation(tuple(scale * m for m in means), tuple(scale * d for d in deviations))


def _numbers(place: str, key: str, text: str, channels: int) -> tuple[float, ...]:
    try:
        found = tuple(float(part) for part in text.split(":"))
    except ValueError:
        found = ()
    if len(found) not in (1, channels) or not all(map(math.isfinite, found)):
        raise DataError(f"{place}: {key}={text} is not allowed; give one number, or {channels} parted by colons")
    return found * (channels if len(found) == 1 else 1)
