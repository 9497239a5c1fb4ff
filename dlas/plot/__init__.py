"""Pictures of a cube (Altair): `cube.dlas.plot.*`; each chart can be saved as HTML, JSON, SVG, PDF or PNG."""

from typing import TYPE_CHECKING, Any

import xarray as xr

from dlas.analysis.flips import rank_flips
from dlas.analysis.pareto import pareto as front
from dlas.plot import bars, expected, flips, heatmap, interaction, level, noise, pareto, roofline, tuning

if TYPE_CHECKING:
    import altair


class Plots:
    """Pictures of a cube; a layer that is not named is one that varies."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self.cube = dataset

    def bars(self, variable: str = "latency", by: str | None = None, most: int = 40) -> "altair.LayerChart":
        """Bars with intervals, one for each measured cell (of many the `most` best), coloured by a layer."""
        return bars.bars(self.cube, variable, by, most)

    def pareto(self, by: str | None = None) -> "altair.LayerChart":
        """Accuracy against latency, with the front and how probably each cell is on it."""
        return pareto.pareto(self.cube, front(self.cube), by)

    def heatmap(self, a: str | None = None, b: str | None = None, variable: str = "speedup") -> "altair.LayerChart":
        """Two layers against each other; `variable` is `speedup` or `accuracy_change`."""
        return heatmap.heatmap(self.cube, a, b, variable)

    def interaction(self, a: str | None = None, b: str | None = None) -> "altair.LayerChart":
        """The effect of layer `a` for each option of layer `b`."""
        return interaction.interaction(self.cube, a, b)

    def flips(self, layer: str, across: str, of: str = "latency") -> "altair.LayerChart":
        """Where the best option of `layer` changes with `across`; raises CubeError where it does not."""
        return flips.flips(self.cube, rank_flips(self.cube, layer, across, of))

    def level(self, by: str | None = None) -> "altair.LayerChart":
        """Speed-up against the level of a technique, as the share of pruned weights."""
        return level.level(self.cube, by)

    def expected(self, by: str | None = None) -> "altair.LayerChart":
        """Measured speed-up against what multiply-adds promise."""
        return expected.expected(self.cube, by)

    def noise(self, by: str | None = None) -> "altair.LayerChart":
        """How well each cell is known, against its latency."""
        return noise.noise(self.cube, by)

    def roofline(self, found: Any, by: str | None = None) -> "altair.LayerChart":
        """The result of `cube.dlas.roofline()` under its roof."""
        return roofline.roofline(self.cube, found, by)

    def tuning(self, by: str | None = None) -> "altair.LayerChart":
        """How the time of tuned kernels fell with the number of trials."""
        return tuning.tuning(self.cube, by)
