"""`dlas plan`: what a study comes to, before anything is done."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dlas import api, host
from dlas.cli import arguments
from dlas.cli.progress import duration
from dlas.cli.study import cube_beside
from dlas.study import reading
from dlas.study.elsewhere import gathered
from dlas.study.estimate import Work, measuring_seconds, missing_work
from dlas.study.plan import Cell, Plan, plan
from dlas.study.run import remembered, unfinished

_SHOWN = 40


def show(file: Path, data: Sequence[str], out: Path | None, why: bool, scheduler: str) -> None:
    """Print the cells, what cannot be and why, what would be built and measured, and the time it would take."""
    study, cube = reading.read(file, arguments.places(data)), out or cube_beside(file)
    with gathered(scheduler or None, study) as crew:
        planned = plan(study, host.probe(), {**remembered(study, cube), **crew.hosts}, crew.absent)
    todo = unfinished(planned, cube)
    work = missing_work(planned.steps(todo), api.store())
    _print_cells(planned)
    print(f"\nto build: {len(work)} of {len(planned.steps())} steps")
    for item in work[:_SHOWN]:
        print(f"  {item.step.layer} {item.step.option}" + (f": {item.why}" if why else ""))
    _more(len(work))
    print(f"to measure: {len(todo)} of {len(planned.possible)} cells")
    print(_time(planned, work, todo))


def _print_cells(planned: Plan) -> None:
    impossible = [cell for cell in planned.cells if cell.obstacle]
    print(f"{planned.study.name}: {len(planned.cells)} cells, {len(impossible)} of them inapplicable")
    for cell in planned.cells[:_SHOWN]:
        print(f"  {cell.label}" + (f": {cell.status}, {cell.obstacle}" if cell.obstacle else ""))
    _more(len(planned.cells))
    if len(planned.cells) > _SHOWN:
        _print_obstacles(impossible)


def _print_obstacles(impossible: Sequence[Cell]) -> None:
    """Each reason once, the most frequent first: the cells themselves may be among those that are not shown."""
    for (status, reason), count in Counter((cell.status, cell.obstacle) for cell in impossible).most_common(_SHOWN):
        print(f"  {count} {status}: {reason}")


def _more(count: int) -> None:
    if count > _SHOWN:
        print(f"  … and {count - _SHOWN} more")


def _time(planned: Plan, work: Sequence[Work], todo: Sequence[Cell]) -> str:
    measuring = measuring_seconds(planned, todo)
    unknown = sum(item.seconds is None for item in work)
    known = sum(item.seconds or 0.0 for item in work)
    if unknown and unknown == len(work):
        return f"time: about {duration(measuring)} to measure; nothing comparable was built yet, so building is unknown"
    beyond = f", beside {unknown} steps of unknown length" if unknown else ""
    return f"time: about {duration(known)} of building{beyond}, about {duration(measuring)} of measuring"
