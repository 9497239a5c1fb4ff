"""What a running study tells whoever watches it."""

from collections.abc import Callable
from dataclasses import dataclass

WARNING = "warning"


@dataclass(frozen=True)
class Progress:
    """How far a phase (`build` or `measure`) is; `left` is the estimated time left in it, in seconds.

    In the phase `WARNING` it is a sentence that shall not be lost among the others.
    """

    phase: str
    done: int
    total: int
    what: str
    left: float | None = None


Listen = Callable[[Progress], None]


def nobody(_: Progress) -> None:
    """A listener for those who do not want to know."""


def time_left(elapsed: float, done: float, total: int) -> float | None:
    """Seconds left if the rest goes on as before; None before anything is done."""
    return elapsed / done * (total - done) if done > 0 else None
