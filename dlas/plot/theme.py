"""How every picture looks: colours, letters, lines; readable on a light and on a dark page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import altair

# Contrast of at least 3:1 with white and with near black, and told apart with the common forms of colour blindness
# (after Okabe and Ito, 2008, without their light and their black).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8C6D1F", "#C050F0")
# One more than colours have: colour and shape together tell thirty options apart.
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
# Colour-blind safe, from slower to faster, its middle at no change.
DIVERGING: Literal["purpleorange"] = "purpleorange"
INK = "#444444"  # letters and axes; a page of its own may replace it
RULE = "#808080"  # lines inside a chart, visible on light and dark
WIDTH = 460


def config() -> dict[str, Any]:
    """The configuration of Vega-Lite that all charts share."""
    title = {"color": INK, "fontWeight": "normal", "fontSize": 12}
    return {
        "background": "white",
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "range": {"category": list(PALETTE), "symbol": list(SHAPES)},
        "axis": {
            "labelColor": INK,
            "titleColor": INK,
            "titleFontWeight": "normal",
            "tickColor": INK,
            "domainColor": INK,
            "gridColor": RULE,
            "gridOpacity": 0.25,
            "labelLimit": 420,
        },
        "legend": {
            "labelColor": INK,
            "titleColor": INK,
            "titleFontWeight": "normal",
            "orient": "bottom",
            "direction": "horizontal",
            "columns": 3,
            "columnPadding": 30,  # a viewer's font may be wider than the one that this was laid out with
            "labelLimit": 220,
            "symbolLimit": 30,
            "symbolOpacity": 1,  # however faint the marks are
            "symbolBaseFillColor": RULE,
            "symbolBaseStrokeColor": RULE,
        },
        "title": {**title, "fontSize": 14, "subtitleColor": INK, "anchor": "start"},
        "header": {"labelColor": INK, "titleColor": INK},
        "text": {"color": INK},
    }


def finished(layers: "Sequence[altair.Chart]", title: str, description: str, **size: Any) -> "altair.LayerChart":
    """Layers above each other, with the theme; `description` is what a screen reader says."""
    import altair

    chart: Any = altair.layer(*layers)
    themed: altair.LayerChart = chart.properties(title=title, description=description, **size).configure(**config())
    return themed
