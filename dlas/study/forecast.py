"""How long the steps that are left will take, by how long their like took."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import chain
from statistics import fmean


class Forecast:
    """The time left of steps of several kinds: those of one kind last alike, those of an unknown kind as the others."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self._open = Counter(kinds)
        self._took: defaultdict[str, list[float]] = defaultdict(list)

    def ended(self, kind: str, seconds: float) -> None:
        """A step of this kind is done."""
        self.dropped(kind)
        self._took[kind].append(seconds)

    def dropped(self, kind: str) -> None:
        """A step of this kind will not be done."""
        self._open[kind] -= 1

    def left(self, elapsed: float, parts: Iterable[tuple[str, float]]) -> float | None:
        """Seconds left after so many seconds, as many steps side by side as so far; None before anything is done.

        `parts` are the kinds of running steps, each with the share of it that is done.
        """
        known = [*chain.from_iterable(self._took.values())]
        usual = fmean(known) if known else 1.0
        likely = {kind: fmean(took) for kind, took in self._took.items()}
        begun = sum(share * likely.get(kind, usual) for kind, share in parts)
        ahead = sum(count * likely.get(kind, usual) for kind, count in self._open.items()) - begun
        done = sum(known) + begun
        return elapsed * ahead / done if done > 0 else None
