"""Commands that build and measure."""

from pathlib import Path
from typing import Annotated

import typer

from dlas.cli.declared.flags import (
    Budget,
    CubeFile,
    Data,
    Jobs,
    Layer,
    Margin,
    Out,
    Quiet,
    Retry,
    Scheduler,
    Set,
    StudyFile,
    Until,
)


def perturb(
    layer: Layer,
    set_: Set = [],  # noqa: B006 - typer copies it
    data: Data = [],  # noqa: B006
    out: Out = Path("cube.nc"),
    margin: Margin = "2%",
    budget: Budget = "3s",
    until: Until = "",
    jobs: Jobs = 0,
    retry: Retry = False,
    scheduler: Scheduler = "",
    quiet: Quiet = False,
) -> None:
    """Vary layers of the baseline stack, all combinations, and show what happens."""
    from dlas.cli import study

    described = study.composed(layer, set_, data, out, margin, budget)
    study.perturb(described, out, until, study.conduct(jobs, retry, scheduler), quiet)


def run(
    study_file: StudyFile,
    data: Data = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="The cube to write; by default beside the study.")] = None,
    jobs: Jobs = 0,
    retry: Retry = False,
    scheduler: Scheduler = "",
    quiet: Quiet = False,
) -> None:
    """Run a study; what was done before is not done again."""
    from dlas.cli import study

    study.run(study_file, data, out, study.conduct(jobs, retry, scheduler), quiet)


def remeasure(
    cube: CubeFile,
    processes: Annotated[int, typer.Option(min=1, help="Fresh processes to add to every cell.")] = 3,
    data: Data = [],  # noqa: B006
    scheduler: Scheduler = "",
    quiet: Quiet = False,
) -> None:
    """Add runs to every cell of a cube; nothing that was measured is lost."""
    from dlas.cli import study

    study.remeasure(cube, processes, data, study.conduct(scheduler=scheduler), quiet)


def refine(
    cube: CubeFile,
    for_: Annotated[str, typer.Option("--for", help="The question: best, flips or front.")] = "best",
    budget: Annotated[
        float, typer.Option(help="Minutes; the round that is going on when they are over is ended.")
    ] = 10,
    data: Data = [],  # noqa: B006
    scheduler: Scheduler = "",
    quiet: Quiet = False,
) -> None:
    """Measure longer only where a question still hangs on it, until it is decided or the time is over."""
    from dlas.cli import refine as refining
    from dlas.cli import study

    refining.show(cube, for_, budget, data, study.conduct(scheduler=scheduler), quiet)


def plan(
    study_file: StudyFile,
    data: Data = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="The cube that the study would write.")] = None,
    why: Annotated[bool, typer.Option("--why", help="Say why each step must be done.")] = False,
    scheduler: Scheduler = "",
) -> None:
    """Show a study's cells, what would be built and measured, and how long it would take."""
    from dlas.cli import plan as planning

    planning.show(study_file, data, out, why, scheduler)


def tune(
    study_file: StudyFile,
    data: Data = [],  # noqa: B006
    retune: Annotated[
        bool, typer.Option("--retune", help="Choose anew from all records: tuned executables become stale.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Search schedules for the tuned executables of a study; measure nothing."""
    from dlas.cli import records

    records.tune(study_file, data, retune, quiet)
