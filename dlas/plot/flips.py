"""Where the best option of one layer changes with another: lines that cross."""

from typing import TYPE_CHECKING, Any

import xarray as xr

from dlas.errors import CubeError
from dlas.option import LAYERS
from dlas.plot.cells import cells, of_several_hosts, time_unit
from dlas.plot.encodings import colour, options, shape, tooltip
from dlas.plot.theme import WIDTH, finished

if TYPE_CHECKING:
    import altair

# Quantity of the analysis → axis.
_AXES: dict[str, dict[str, Any]] = {"latency": {"type": "log", "nice": False}, "accuracy": {"zero": False}}


def flips(cube: xr.Dataset, found: Any) -> "altair.LayerChart":
    """The clearest change of rank of `dlas.analysis.flips.rank_flips`, among the cells where it was seen.

    One line for each option of the layer; those that change places are strong, the others faint. Raises CubeError
    where no change stands.
    """
    import altair

    layer, across, quantity = (found.attrs[name] for name in ("layer", "across", "quantity"))
    standing = found[found["stands"]]
    if standing.empty or quantity not in _AXES:
        raise CubeError(f"no change of the best {layer} with {across} by {quantity} can be drawn; choose other layers")
    column, title = _column(cube, quantity)
    clearest = standing.loc[standing[["gain", "gain_otherwise"]].min(axis=1).idxmax()]
    data = _beside(cells(cube), clearest["better"], (layer, across))
    changing = altair.FieldOneOfPredicate(layer, [clearest["best"], clearest["best_otherwise"]])
    strength = altair.when(changing).then(altair.value(1.0)).otherwise(altair.value(0.25))
    base = altair.Chart(data).encode(
        x=altair.X(f"{across}:N", sort=options(cube, across), axis=altair.Axis(labelAngle=-30)),
        color=colour(cube, layer),
        opacity=strength,
        tooltip=tooltip((column, title)),
    )
    y = altair.Y(f"{column}:Q", title=title, scale=altair.Scale(**_AXES[quantity], padding=12))
    whiskers = base.mark_rule(size=2).encode(y=altair.Y(f"{column}_low:Q"), y2=f"{column}_high:Q")
    points = base.mark_point(filled=True, size=60).encode(y=y, shape=shape(cube, layer))
    words = (
        f"Lines: {title} of each {layer} with each {across}. {clearest['best']} is best with {clearest['where']}, "
        f"{clearest['best_otherwise']} with {clearest['otherwise']}."
    )
    layers = [base.mark_line().encode(y=y), whiskers, points]
    return finished(layers, f"{cube.attrs['title']}: best {layer} by {across}", words, width=WIDTH, height=280)


def _column(cube: xr.Dataset, quantity: str) -> tuple[str, str]:
    """Column of the cells and title, of the figures that the analysis compares: ratios are each host's own."""
    if quantity == "accuracy":
        return "accuracy", "accuracy (%)"
    if of_several_hosts(cube):
        return "latency", f"latency ({time_unit(cube)[1]})"
    return "ratio", "latency over the baseline's"


def _beside(data: Any, cell: str, layers: tuple[str, str]) -> Any:
    """The cells that differ from the named one in these two layers only."""
    named = data[data["cell"] == cell].iloc[0]
    others = [layer for layer in LAYERS if layer not in layers]
    return data[(data[others] == named[others]).all(axis=1)]
