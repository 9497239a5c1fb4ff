"""What the charts share: colours by layer, tooltips, a rule at no change, scales."""

from typing import TYPE_CHECKING, Any

import xarray as xr

from dlas.errors import CubeError
from dlas.option import LAYERS
from dlas.plot.cells import varied
from dlas.plot.theme import PALETTE, RULE, SHAPES

if TYPE_CHECKING:
    import altair

_LOGARITHMIC = 5  # largest over smallest from which a logarithmic axis shows more


def checked(cube: xr.Dataset, layer: str | None, other_than: str = "") -> str:
    """The layer asked for, else the one that varies most; raises CubeError for what is no layer."""
    return layer_of(layer, next(name for name in (*varied(cube), *LAYERS) if name != other_than))


def coloured(cube: xr.Dataset, layer: str | None, other_than: str = "") -> str:
    """The layer asked for, else the one with most options that colours tell apart; raises CubeError for no layer."""
    layers = [name for name in varied(cube) if name != other_than]
    few = [name for name in layers if cube.sizes[name] <= len(PALETTE)] or layers[-1:]
    return layer_of(layer, (few or [name for name in LAYERS if name != other_than])[0])


def shaped(cube: xr.Dataset, layer: str) -> str:
    """The layer that shapes show beside a coloured one: itself where its options share colours, else another.

    The other is the one with most options that shapes tell apart.
    """
    if cube.sizes[layer] > len(PALETTE):
        return layer
    few = [name for name in varied(cube) if name != layer and cube.sizes[name] <= len(SHAPES)]
    return (few or [layer])[0]


def layer_of(layer: str | None, default: str) -> str:
    """A layer, or the default where none was asked for; raises CubeError for what is no layer."""
    if layer is not None and layer not in LAYERS:
        raise CubeError(f"{layer!r} is no layer; choose one of {', '.join(LAYERS)}")
    return layer or default


def options(cube: xr.Dataset, layer: str) -> list[str]:
    """The options of a layer in the order of the cube."""
    return [str(option) for option in cube[layer].values]


def colour(cube: xr.Dataset, layer: str) -> "altair.Color":
    """Colour by a layer's option; always the same colour for the same option."""
    import altair

    return altair.Color(f"{layer}:N", scale=altair.Scale(domain=options(cube, layer)), title=layer)


def shape(cube: xr.Dataset, layer: str) -> "altair.Shape":
    """Shape by a layer's option, beside its colour."""
    import altair

    return altair.Shape(f"{layer}:N", scale=altair.Scale(domain=options(cube, layer)), title=layer)


def faint(data: Any) -> float:
    """Opacity of the intervals of a scatter plot: the more cells, the fainter."""
    return max(0.1, min(0.5, 30 / len(data)))


def tooltip(*quantities: tuple[str, str]) -> list["altair.Tooltip"]:
    """The cell's name, then each quantity (field and title) with its interval."""
    import altair

    shown = [altair.Tooltip("cell:N")]
    for field, title in quantities:
        ends = (("", ""), ("_low", ", low"), ("_high", ", high"))
        shown += [altair.Tooltip(f"{field}{end}:Q", title=title + word, format=".4~g") for end, word in ends]
    return shown


def scale(values: Any) -> "altair.Scale":
    """Linear or logarithmic, whichever shows positive values better; it need not start at nought."""
    import altair

    known = values[values > 0]
    wide = len(known) > 0 and known.max() > _LOGARITHMIC * known.min()
    return altair.Scale(type="log", nice=False, padding=12) if wide else altair.Scale(zero=False, padding=12)


def rule(at: float, axis: str = "y") -> "altair.Chart":
    """A dashed line across the chart."""
    import altair

    place = {axis: altair.datum(at)}
    line: altair.Chart = (
        altair.Chart(altair.InlineData([{"once": 1}])).mark_rule(strokeDash=[4, 4], color=RULE).encode(**place)
    )
    return line
