"""What compression costs the zoo's networks in accuracy: a table from the cube of `compressed.toml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import table
import xarray as xr

from dlas import api
from dlas.measure.statistics import Interval

CUBE = Path(__file__).parents[2] / "artifacts" / "reference" / "zoo.nc"
PLAIN = "none"
BEARABLE = 0.01  # accuracy
HEAD = ("data", "model", "compression", "accuracy (95 %)", "against float32", "answers kept", "status")


@dataclass(frozen=True)
class Loss:
    """A compressed network beside the plain one."""

    data: str
    model: str
    compression: str
    accuracy: Interval
    change: float
    agreement: float
    status: str

    @property
    def bearable(self) -> bool:
        """Whether it loses no more than one percentage point."""
        return self.change >= -BEARABLE


def losses(cube: xr.Dataset) -> Iterator[Loss]:
    """Every compressed network of the cube that was scored."""
    frame = cube.dlas.frame()
    scored = frame[frame["accuracy"].notna()].set_index(["dataset", "model"])
    plain = scored["accuracy"][scored["compression"] == PLAIN]
    for (data, model), cell in scored[scored["compression"] != PLAIN].iterrows():
        if (data, model) in plain:
            accuracy = Interval(cell["accuracy"], cell["accuracy_low"], cell["accuracy_high"])
            change = cell["accuracy"] - plain[data, model]
            yield Loss(data, model, cell["compression"], accuracy, change, cell["agreement"], cell["status"])


def lines(cube: xr.Dataset) -> list[str]:
    """The table in Markdown, and the networks that lose more than is bearable by name."""
    found = list(losses(cube))
    heavy = [f"`{loss.model}` on {loss.data} under {loss.compression}" for loss in found if not loss.bearable]
    rows = [HEAD, ("---",) * len(HEAD), *(_row(loss) for loss in found)]
    told = f"More than one point is lost by: {', '.join(heavy) or 'none'}."
    return [*(f"| {' | '.join(row)} |" for row in rows), "", told]


def _row(loss: Loss) -> tuple[str, ...]:
    score = loss.accuracy
    told = f"{score.value:.1%} ({score.low:.1%} to {score.high:.1%})"
    changed = f"{100 * loss.change:+.2f} points"
    return (loss.data, f"`{loss.model}`", loss.compression, told, changed, f"{loss.agreement:.1%}", loss.status)


if __name__ == "__main__":
    table.put("losses", lines(api.open_cube(CUBE)))
