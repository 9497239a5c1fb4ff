"""`cube.dlas`: what can be done with a cube, as methods on it."""

from typing import Any

import xarray as xr

from dlas import cube, table
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

    def speedup(self, over: str | None = None) -> xr.Dataset:
        """Speed-up with its interval, over the baseline or over another option of one layer."""
        return speedup(self._cube, over)
