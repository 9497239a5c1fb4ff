"""`cube.dlas`: what can be done with a cube, as methods on it."""

from collections.abc import Sequence
from typing import Any

import xarray as xr

from dlas import cube, table
from dlas.analysis.best import WITHIN, best
from dlas.analysis.claims import Claim, claims
from dlas.analysis.effects import QUANTITIES, effects
from dlas.analysis.flips import rank_flips
from dlas.analysis.interactions import interactions
from dlas.analysis.pareto import pareto
from dlas.analysis.proxies import PROXIES, proxies
from dlas.analysis.roofline import measured_peak, roofline, stored_peak
from dlas.analysis.speedup import speedup
from dlas.plot import Plots


@xr.register_dataset_accessor("dlas")  # type: ignore[no-untyped-call]
class Accessor:
    """Methods of a cube."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._cube = dataset
        self.plot = Plots(dataset)

    def table(self, sort: str | None = None) -> Any:
        """The table as people read it: a pandas DataFrame of texts with intervals and units."""
        import pandas

        return pandas.DataFrame(table.rows(self._cube, sort), columns=list(table.HEADINGS))

    def frame(self) -> Any:
        """The tidy table of the existing cells: a pandas DataFrame of numbers."""
        return cube.frame(self._cube)

    def sel(self, **chosen: Any) -> xr.Dataset:
        """A part of the cube by options (`codegen="torch"`) or parsed coordinates (`technique=…, level=…`)."""
        return cube.select(self._cube, **chosen)

    # --- analysis: each result has its findings in words by `sentences` of the module of the same name

    def speedup(self, over: str | None = None) -> xr.Dataset:
        """Speed-up with its interval, over the baseline or over another option of one layer."""
        return speedup(self._cube, over)

    def best(self, objective: str = "latency", subject_to: str | Sequence[str] = WITHIN) -> Any:
        """The best cell that keeps the limits, and those that cannot be told apart from it."""
        return best(self._cube, objective, subject_to)

    def pareto(self, x: str = "latency", y: str = "accuracy") -> Any:
        """The Pareto front, with the probability that each point is on it."""
        return pareto(self._cube, x, y)

    def effects(self, of: Sequence[str] = QUANTITIES) -> Any:
        """How much of the variance each layer and each pair of layers explains, largest first."""
        return effects(self._cube, of)

    def interactions(self, a: str, b: str, of: str = "latency") -> Any:
        """How layer `b` changes the effect of layer `a`: ratios of ratios."""
        return interactions(self._cube, a, b, of)

    def rank_flips(self, layer: str, across: str, of: str = "latency") -> Any:
        """Where the best option of `layer` changes with `across`, and the cells that prove it."""
        return rank_flips(self._cube, layer, across, of)

    def proxies(self, of: str = "latency", by: Sequence[str] = PROXIES) -> Any:
        """How well counts that need no measurement rank the cells."""
        return proxies(self._cube, of, by)

    def roofline(self, gflops: float | None = None, bandwidth: float | None = None) -> Any:
        """Each cell against the roof; peaks of one thread that are not given are the cube's, else measured now."""
        if gflops is None or bandwidth is None:
            found = stored_peak(self._cube) or measured_peak(self._cube)
            gflops, bandwidth = gflops or found.gflops, bandwidth or found.bandwidth
        return roofline(self._cube, gflops, bandwidth)

    def claims(self, declared: Sequence[Claim]) -> Any:
        """Which declared claims the cube supports, refutes, or cannot decide."""
        return claims(self._cube, declared)
