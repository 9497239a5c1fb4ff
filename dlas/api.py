"""What `import dlas` and the command line both call: run a study, get its cube."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dlas import artifacts, host
from dlas.artifacts import Store
from dlas.errors import StudyError
from dlas.records import Records
from dlas.registry import absolute
from dlas.stack import Stack
from dlas.study import quantities, reading, spec, until
from dlas.study import run as running
from dlas.study.building import Builder
from dlas.study.plan import plan
from dlas.study.progress import Listen, nobody
from dlas.study.spec import Measure, Study

if TYPE_CHECKING:
    import xarray as xr


def store() -> Store:
    """The store that `DLAS_STORE` names, else the one in the user's cache folder."""
    return artifacts.users()


def run(
    file: str | Path, *, out: str | Path | None = None, jobs: int | None = None, scheduler: str | None = None
) -> "xr.Dataset":
    """Run the study in a TOML file; its cube lies beside it unless `out` says otherwise.

    With the address of a Dask scheduler its workers build, and measure what hardware options with `at` ask for.
    """
    path = Path(file)
    return run_study(reading.read(path, {}), Path(out) if out else path.with_suffix(".nc"), jobs, scheduler=scheduler)


def run_study(
    study: Study,
    out: Path,
    jobs: int | None = None,
    listen: Listen = nobody,
    retry: bool = False,
    more: int = 0,
    scheduler: str | None = None,
) -> "xr.Dataset":
    """Build and measure what a study lacks, write its cube to `out`, give the cube back.

    `retry` gives failed cells another chance; `more` runs are added to every cell that has enough.
    """
    planned = running.run(study, store(), out, jobs, listen, retry, more, scheduler)
    from dlas import accessor, cube  # noqa: F401 - xarray is slow to import, and needed only from here on

    found = cube.from_journal(planned, out)
    cube.save(found, out)
    return found


def tune(study: Study, retune: bool = False, listen: Listen = nobody) -> tuple[int, list[str]]:
    """Search schedules for a study's tuned executables and measure nothing; how many are there, and why others not.

    With `retune` they are built anew from all records of the store. Raises StudyError where nothing is tuned.
    """
    if retune:
        Records(store().root).retune()
    found = [c.realisation for c in plan(study, host.probe()).cells if c.realisation]
    wanted = [realisation for realisation in found if realisation.executable.exclusive]
    if not wanted:
        raise StudyError(f'{study.name}: nothing is tuned; write codegen = "tvm@schedule=tuned"')
    store().prepare()
    steps = {step.key: step for realisation in wanted for step in realisation.steps}
    failures = Builder(store(), 1, study.build_timeout, listen).build(list(steps.values()))
    executables = {realisation.executable.key for realisation in wanted}
    reasons = [failures[key].reason for key in executables if key in failures]
    return len(executables) - len(reasons), reasons


def settled(study: Study, asked: str, jobs: int | None = None, listen: Listen = nobody) -> Study:
    """The study with the most compressed variants that lose no more than asked, as in `accuracy-drop=1pp`."""
    return until.settle(study, asked, store(), jobs or host.probe().usable_threads, listen)


def perturb(
    baseline: Stack | None = None,
    *,
    out: str | Path = "cube.nc",
    margin: str = "2%",
    budget: str = "3s",
    until: str = "",
    jobs: int | None = None,
    data: Mapping[str, str | Path] | None = None,
    scheduler: str | None = None,
    **vary: Sequence[str],
) -> "xr.Dataset":
    """Vary one or more layers of a stack, all combinations, and measure.

    >>> cube = perturb(Stack(model="resnet8"), compression=["none", "int8"], codegen=["openvino", "onnxruntime"])

    Each varied layer is a list of options; an empty one stands for those that the layer suggests. `data` says
    where named data lie. With `until="accuracy-drop=1pp"` only the highest level of each compression that loses no
    more is measured; `scheduler` is a Dask scheduler's address. Raises DlasError for what cannot be.
    """
    if not vary:
        raise StudyError('nothing varies; name a layer, as in compression=["none", "int8"]')
    places = {name: absolute(path) for name, path in (data or {}).items()}
    measure = Measure(margin=quantities.share(margin), budget=quantities.seconds(budget))
    departed = (baseline or Stack()).as_dict()
    study = spec.compose(Path(out).stem, departed, vary, measure, places)
    chosen = settled(study, until, jobs) if until else study
    return run_study(chosen, Path(out), jobs, scheduler=scheduler)


def remeasure(
    path: str | Path,
    processes: int = 3,
    *,
    data: Mapping[str, Path] | None = None,
    listen: Listen = nobody,
    scheduler: str | None = None,
) -> "xr.Dataset":
    """Add runs in so many fresh processes to every cell of a cube; nothing that was measured is lost."""
    from dlas import cube

    study = cube.study_of(open_cube(path), data or {})
    return run_study(study, Path(path), listen=listen, more=processes, scheduler=scheduler)


def open_cube(path: str | Path) -> "xr.Dataset":
    """The cube in a NetCDF file."""
    from dlas import accessor, cube  # noqa: F401 - registers `cube.dlas`

    return cube.open_cube(path)
