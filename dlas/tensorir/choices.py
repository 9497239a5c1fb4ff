"""Parameters of kernels that may be chosen; a site is a place where a lowering asks for some."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Parameters = Mapping[str, int]
SITE = "site"  # the annotation of a kernel that tells which site it came from


class Choices(Protocol):
    """Who decides."""

    def pick(self, default: Parameters, others: Callable[[], Sequence[Parameters]]) -> Parameters:
        """The parameters of the next site; `others` are further candidates, worked out only where they are wanted."""


class Defaults:
    """The hand-written rules decide."""

    def pick(self, default: Parameters, others: Callable[[], Sequence[Parameters]]) -> Parameters:
        """The default."""
        return default


DEFAULTS = Defaults()


@dataclass(frozen=True)
class Site:
    """What a site offers, the default first, each once."""

    candidates: tuple[Parameters, ...]


@dataclass
class Picked:
    """Sites in the order in which a network's lowering asks, and what was picked for some of them.

    With `marked` each kernel carries its site's number, so that it is found again after fusion.
    """

    picked: Mapping[int, Parameters] = field(default_factory=dict)
    marked: bool = False
    sites: list[Site] = field(default_factory=list)

    def pick(self, default: Parameters, others: Callable[[], Sequence[Parameters]]) -> Parameters:
        """What was picked for this site, else the default."""
        number = len(self.sites)
        candidates = [dict(default), *(map(dict, others()) if self.marked else ())]
        self.sites.append(Site(tuple({tuple(sorted(c.items())): c for c in candidates}.values())))
        taken = self.picked.get(number, default)
        return {**taken, SITE: number} if self.marked else taken
