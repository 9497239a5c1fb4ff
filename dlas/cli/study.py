"""`dlas perturb` and `dlas run`."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dlas import api
from dlas.cli import arguments, progress
from dlas.study import quantities, reading, spec
from dlas.study.progress import Listen
from dlas.study.spec import Study
from dlas.study.until import told

if TYPE_CHECKING:
    import xarray as xr

INTERRUPTED = 130  # as shells say it


def perturb(
    layers: Sequence[str],
    settings: Sequence[str],
    data: Sequence[str],
    out: Path,
    margin: str,
    budget: str,
    until: str,
    jobs: int,
    retry: bool,
    quiet: bool,
    scheduler: str,
) -> None:
    """Compose a study from arguments and run it."""
    measure = spec.Measure(margin=quantities.share(margin), budget=quantities.seconds(budget))
    changes = arguments.settings(settings, "--set")
    study = spec.compose(out.stem, changes, arguments.varied(layers), measure, arguments.places(data))
    _run(study, out, jobs, retry, quiet, scheduler, until)


def run(file: Path, data: Sequence[str], out: Path | None, jobs: int, retry: bool, quiet: bool, scheduler: str) -> None:
    """Read a study and run it."""
    study = reading.read(file, arguments.places(data))
    _run(study, out or cube_beside(file), jobs, retry, quiet, scheduler)


def cube_beside(file: Path) -> Path:
    """Where the cube of a study file lies unless `--out` says otherwise."""
    return file.with_suffix(".nc")


def remeasure(path: Path, processes: int, data: Sequence[str], quiet: bool, scheduler: str) -> None:
    """Add runs to every cell of a cube."""
    places = arguments.places(data)
    cluster = scheduler or None
    _show(path, quiet, lambda listen: api.remeasure(path, processes, data=places, listen=listen, scheduler=cluster))


def _run(study: Study, out: Path, jobs: int, retry: bool, quiet: bool, scheduler: str, until: str = "") -> None:
    def work(listen: Listen) -> "xr.Dataset":
        chosen = api.settled(study, until, jobs or None, listen) if until else study
        return api.run_study(chosen, out, jobs or None, listen, retry, scheduler=scheduler or None)

    _show(out, quiet, work)


def _show(out: Path, quiet: bool, work: Callable[[Listen], "xr.Dataset"]) -> None:
    """Do the work under the eyes of the user, print the cube that it gives and where it lies."""
    try:
        with progress.shown(quiet) as listen:
            cube = work(listen)
    except KeyboardInterrupt:
        typer.echo("dlas: interrupted; the same command goes on from here", err=True)
        raise typer.Exit(INTERRUPTED) from None
    from dlas.cli import show

    show.print_table(cube)
    for number, line in enumerate(told(json.loads(cube.attrs["spec"]).get("search", {}))):
        print(line if number else f"\n{line}")
    print(f"\ncube     {out}\nin Python  import dlas; cube = dlas.open_cube({str(out)!r})")
