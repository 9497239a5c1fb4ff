"""What `import dlas` and the command line both call: run a study, get its cube."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dlas import artifacts, host
from dlas.artifacts import Store
from dlas.errors import CubeError, StudyError
from dlas.records import Records
from dlas.registry import absolute
from dlas.stack import Stack
from dlas.study import quantities, reading, spec, until
from dlas.study import run as running
from dlas.study.building import Builder
from dlas.study.conduct import Conduct
from dlas.study.plan import journal_path, plan
from dlas.study.progress import Listen, nobody
from dlas.study.spec import Measure, Study

if TYPE_CHECKING:
    import xarray as xr

    from dlas.analysis.explain import Explanation


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
    conduct = Conduct(jobs=jobs, scheduler=scheduler)
    return run_study(reading.read(path, {}), Path(out) if out else path.with_suffix(".nc"), conduct)


def run_study(study: Study, out: Path, conduct: Conduct = Conduct()) -> "xr.Dataset":
    """Build and measure what a study lacks, write its cube to `out`, give the cube back."""
    planned = running.run(study, store(), out, conduct)
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


def settled(study: Study, asked: str, conduct: Conduct = Conduct()) -> Study:
    """The study with the most compressed variants that lose no more than asked, as in `accuracy-drop=1pp`."""
    return until.settle(study, asked, store(), conduct.jobs or host.probe().usable_threads, conduct.listen)


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
    conduct = Conduct(jobs=jobs, scheduler=scheduler)
    chosen = settled(study, until, conduct) if until else study
    return run_study(chosen, Path(out), conduct)


def remeasure(
    path: str | Path,
    processes: int = 3,
    *,
    data: Mapping[str, Path] | None = None,
    conduct: Conduct = Conduct(),
) -> "xr.Dataset":
    """Add runs in so many fresh processes to every cell of a cube; nothing that was measured is lost."""
    return run_study(_own_study(Path(path), data), Path(path), replace(conduct, more=processes))


def _own_study(path: Path, data: Mapping[str, Path] | None) -> Study:
    """The study of a cube with its journal beside it; raises CubeError where its cells would be measured anew."""
    from dlas import cube

    opened, journal = open_cube(path), journal_path(path)
    if "merged" in opened.attrs:
        raise CubeError(f"{path} was merged of {opened.attrs['merged']} cubes; measure those again, then merge anew")
    if not journal.exists():
        raise CubeError(f"{path}: its journal {journal} is not there; put it back, or measure anew with `dlas run`")
    return cube.study_of(opened, data or {})


def refine(
    path: str | Path,
    question: str,
    minutes: float,
    *,
    data: Mapping[str, Path] | None = None,
    conduct: Conduct = Conduct(),
    now: Callable[[], float] = time.monotonic,
) -> str:
    """Measure the cells that `best`, `flips` or `front` hangs on until it is decided or time is over; says which.

    They are measured in one block, in one more fresh process, then two, four …: looking seldom keeps looking from
    deciding. Raises CubeError for another question.
    """
    from dlas.analysis.contenders import contenders

    start, processes, opened = now(), 1, open_cube(path)
    study = _own_study(Path(path), data)
    while left := contenders(opened, question):
        began = now()
        if began - start >= 60 * minutes:
            return f"not decided within {minutes:g} min: {question} still hangs on {', '.join(left)}"
        opened = run_study(study, Path(path), replace(conduct, more=processes, only=left))
        processes *= 2
    return f"decided after {(now() - start) / 60:.1f} min: {question} hangs on no comparison that is open"


def explain(
    path: str | Path,
    changes: Mapping[str, str],
    against: Mapping[str, str] | None = None,
    *,
    data: Mapping[str, Path] | None = None,
    listen: Listen = nobody,
    windows: int = 15,
) -> "Explanation":
    """Why one stack of a cube is faster or slower than another, from the runtimes' own profilers, run now and here.

    Both stacks are the cube's baseline with some layers changed (layer → option); they must lie in the store. Each is
    loaded so many times under its profiler (`windows`), in turns with the other. Raises DlasError
    for what cannot run here, is not in the store, or has no profiler.
    """
    from dlas import cube
    from dlas.analysis.explain import explain as explained
    from dlas.study import profiling
    from dlas.study.stored import stored

    study = cube.study_of(open_cube(path), data or {})
    stacks = [study.baseline.perturb(**(chosen or {})) for chosen in (against, changes)]
    if stacks[0] == stacks[1]:
        raise StudyError("both stacks are the same; name at least one layer=option that differs")
    here, kept = host.probe(), store()
    subjects = [stored(stack, study, kept, here) for stack in stacks]
    return explained(*profiling.profiles(subjects, listen, windows))


def export(
    path: str | Path,
    out: str | Path,
    max_drop: str = "1pp",
    max_latency: str = "",
    *,
    data: Mapping[str, Path] | None = None,
) -> tuple[list[Path], list[str]]:
    """The fastest cell that keeps the limits as files that run without dlas; returns them and what is known of it.

    `max_drop` is the accuracy it may lose against the baseline, paired; `max_latency` the longest that it may take. The
    words name the runners-up that cannot be told apart from it. Raises DlasError if no cell keeps the limits, or for
    what is not in the store.
    """
    from dlas import cube
    from dlas.analysis import best
    from dlas.study import exporting
    from dlas.study.stored import stored

    opened = open_cube(path)
    try:
        drop = quantities.share(max_drop.replace("pp", "%"))
    except StudyError:
        raise CubeError(f"max_drop {max_drop!r} is no loss of accuracy; write for example 1pp") from None
    limits = [f"accuracy_change >= {-100 * drop:g}pp", *([f"latency <= {max_latency}"] if max_latency else [])]
    found = best.best(opened, "latency", limits)
    said = best.sentences(found)
    study = cube.study_of(opened, data or {})
    return exporting.export(stored(best.stack(found), study, store(), host.probe()), said, Path(out)), said


def open_cube(path: str | Path) -> "xr.Dataset":
    """The cube in a NetCDF file."""
    from dlas import accessor, cube  # noqa: F401 - registers `cube.dlas`

    return cube.open_cube(path)
