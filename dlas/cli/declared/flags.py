"""Arguments and flags that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Texts = list[str]
Layer = Annotated[
    Texts,
    typer.Option(help='Vary a layer: LAYER, or "LAYER=OPTION OPTION …". Repeat for more layers.', show_default=False),
]
Set = Annotated[Texts, typer.Option("--set", help="Change the baseline: LAYER=OPTION.", show_default=False)]
Data = Annotated[Texts, typer.Option(help="Say where data lie: NAME=PATH.", show_default=False)]
Out = Annotated[Path, typer.Option(help="The cube to write; its journal lies beside it.")]
Jobs = Annotated[int, typer.Option(min=0, help="Builds at a time; 0 means one a core.")]
Retry = Annotated[bool, typer.Option("--retry", help="Try failed cells again.")]
Scheduler = Annotated[
    str, typer.Option(help="Address of a Dask scheduler whose workers build and measure.", show_default=False)
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the result only.")]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study.")]
CubeFile = Annotated[Path, typer.Argument(metavar="CUBE.nc", help="The cube.")]
Margin = Annotated[str, typer.Option(help="Half-interval of the latency ratio at which a cell has had enough.")]
Until = Annotated[
    str,
    typer.Option(help="Measure the most compressed variant only: accuracy-drop=1pp, on validation data."),
]
Budget = Annotated[str, typer.Option(help="Time for measuring one cell.")]
