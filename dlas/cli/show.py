"""`dlas show`: a cube as a table."""

import sys
from collections.abc import Sequence
from pathlib import Path

import xarray as xr
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dlas import api, table
from dlas.analysis import cells
from dlas.cli import arguments
from dlas.cube import frame, select
from dlas.errors import CubeError
from dlas.option import LAYERS

FORMATS = ("table", "csv", "json", "markdown")
_WIDE = 10_000  # where there is no terminal, nothing is cut


def show(path: Path, selection: Sequence[str], sort: str, format_: str) -> None:
    """Print a cube, or the part of it that is selected, in one of the formats."""
    if format_ not in FORMATS:
        raise CubeError(f"--format {format_} is unknown; choose one of {', '.join(FORMATS)}")
    if sort and sort not in table.SORTS:
        raise CubeError(f"--sort {sort} is unknown; choose one of {', '.join(table.SORTS)}")
    cube = select(api.open_cube(path), **arguments.settings(selection, "--select"))
    if format_ == "table":
        print_table(cube, sort or None)
    elif format_ == "markdown":
        print(table.markdown(cube, sort or None))
    elif format_ == "csv":
        frame(cube).to_csv(sys.stdout, index=False)
    else:
        print(frame(cube).to_json(orient="records", indent=1))


def print_table(cube: xr.Dataset, sort: str | None = None) -> None:
    """Print the table that people read, under a line that names the baseline."""
    baseline = cells.baseline(cube)
    print("baseline: " + " ".join(f"{layer}={baseline[layer]}" for layer in LAYERS) + "\n")
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in table.HEADINGS:
        shown.add_column(heading, overflow="fold", no_wrap=heading != "remark")
    for row in table.rows(cube, sort):
        shown.add_row(*(Text(text) for text in row.values()))  # a reason is no markup
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    console.print(shown)
    told = [f"warning  {sentence}" for sentence in table.warnings(cube)]
    told += [f"note     {sentence}" for sentence in table.notes(cube)]
    if told:
        print("", *told, sep="\n")
