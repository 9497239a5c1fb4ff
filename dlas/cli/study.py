"""`dlas perturb` and `dlas run`."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dlas import api
from dlas.cli import arguments, progress
from dlas.study import quantities, reading, spec
from dlas.study.conduct import Conduct
from dlas.study.progress import Listen
from dlas.study.spec import Study
from dlas.study.until import told

if TYPE_CHECKING:
    import xarray as xr


def composed(
    layers: Sequence[str], settings: Sequence[str], data: Sequence[str], out: Path, margin: str, budget: str
) -> Study:
    """The study that the arguments of `dlas perturb` describe."""
    measure = spec.Measure(margin=quantities.share(margin), budget=quantities.seconds(budget))
    changes = arguments.settings(settings, "--set")
    return spec.compose(out.stem, changes, arguments.varied(layers), measure, arguments.places(data))


def conduct(jobs: int = 0, retry: bool = False, scheduler: str = "") -> Conduct:
    """How to run it, as the flags say."""
    return Conduct(jobs=jobs or None, retry=retry, scheduler=scheduler or None)


def perturb(study: Study, out: Path, until: str, conduct: Conduct, quiet: bool) -> None:
    """Run a study, if asked only for its most compressed variants."""

    def work(listen: Listen) -> "xr.Dataset":
        heard = replace(conduct, listen=listen)
        return api.run_study(api.settled(study, until, heard) if until else study, out, heard)

    _show(out, quiet, work)


def run(file: Path, data: Sequence[str], out: Path | None, conduct: Conduct, quiet: bool) -> None:
    """Read a study and run it."""
    perturb(reading.read(file, arguments.places(data)), out or cube_beside(file), "", conduct, quiet)


def cube_beside(file: Path) -> Path:
    """Where the cube of a study file lies unless `--out` says otherwise."""
    return file.with_suffix(".nc")


def remeasure(path: Path, processes: int, data: Sequence[str], conduct: Conduct, quiet: bool) -> None:
    """Add runs to every cell of a cube."""
    places = arguments.places(data)
    _show(
        path, quiet, lambda listen: api.remeasure(path, processes, data=places, conduct=replace(conduct, listen=listen))
    )


def _show(out: Path, quiet: bool, work: Callable[[Listen], "xr.Dataset"]) -> None:
    """Do the work under the eyes of the user, print the cube that it gives and where it lies."""
    with progress.shown(quiet) as listen:
        cube = work(listen)
    from dlas.cli import show

    show.print_table(cube)
    for number, line in enumerate(told(json.loads(cube.attrs["spec"]).get("search", {}))):
        print(line if number else f"\n{line}")
    print(f"\ncube     {out}\nin Python  import dlas; cube = dlas.open_cube({str(out)!r})")
