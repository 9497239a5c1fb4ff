"""Times, shares and counts as the sentences of an explanation have them."""

import math
from collections.abc import Sequence
from typing import Any

from dlas.rounding import TIMES, quantity


def time(seconds: float) -> str:
    """`2.1 ms`, two or three digits."""
    return quantity(seconds, seconds, seconds, units=TIMES)


def signed(seconds: float) -> str:
    """`+2.1 ms`."""
    return ("−" if seconds < 0 else "+") + time(abs(seconds))


def share(value: float) -> str:
    """`14 %`."""
    return "none" if math.isnan(value) else f"{100 * value:.0f} %"


def many(things: Sequence[Any], noun: str) -> str:
    """`1 kernel`, `3 kernels`."""
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def counted(rows: Sequence[Any]) -> str:
    """`33 convolutions`, or `34 operators` where they are of several kinds."""
    kinds = {row.kind.removeprefix("depthwise ") for row in rows}
    noun = {"convolution": "convolution", "linear": "linear operator"}[kinds.pop()] if len(kinds) == 1 else "operator"
    return many(rows, noun)
