"""Running a study: plan, build, measure. What was done before is never done again."""

import datetime
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

from dlas import host
from dlas.artifacts import Store
from dlas.errors import CubeError
from dlas.host import Host, revive
from dlas.measure.noise import too_noisy
from dlas.process import Died
from dlas.study.building import Builder, Failure
from dlas.study.conduct import Conduct
from dlas.study.crew import Bench, Crew, Unserved
from dlas.study.elsewhere import gathered
from dlas.study.journal import CellRow, Journal
from dlas.study.lacking import Runs, lacking, wanted
from dlas.study.measuring import Measurer, Task
from dlas.study.plan import HERE, Cell, Plan, journal_path, names, plan
from dlas.study.progress import WARNING, Listen, Progress
from dlas.study.spec import Study

T = TypeVar("T")
_PEAK_BUDGET = 1.0  # s a cell from which a second for the host's peaks is little


def run(study: Study, store: Store, out: Path, conduct: Conduct) -> Plan:
    """Build and measure whatever a study lacks; returns its plan. The journal lies beside the cube, `out`."""
    with gathered(conduct.scheduler, study) as crew:
        planned = plan(study, host.probe(), {**remembered(study, out), **crew.hosts}, crew.absent)
        _make_place_for(out)
        store.prepare()
        with closing(Journal(journal_path(out))) as journal:
            tasks = _tasks(planned, journal, crew, conduct)
            if tasks:
                steps = planned.steps(cell for task in tasks for cell in task.todo)
                jobs, maker = conduct.jobs or crew.threads, crew.maker(store, _timed_at(tasks))
                failures = Builder(store, jobs, study.build_timeout, conduct.listen, maker).build(steps)
                tasks = [left for task in tasks if (left := _left(journal, task, failures, conduct.listen))]
        lost = _measure(tasks, store, out, crew, conduct.listen)
    return replace(planned, absent={**planned.absent, **lost})


def _tasks(planned: Plan, journal: Journal, crew: Crew, conduct: Conduct) -> list[Task]:
    """What is to be done, host by host; hosts where nothing is, or where nobody measures now, are left out."""
    tasks = []
    for part in planned.by_host():
        if conduct.retry:
            journal.forget_failures(part.host.fingerprint, [cell.key for cell in part.possible])
        want = wanted(part, journal, conduct.more, conduct.only)
        todo = _todo(part, journal, want)
        if todo and not part.why_absent:
            tasks.append(Task(part, want, todo, _open_session(journal, part, crew)))
    return tasks


def _timed_at(tasks: Sequence[Task]) -> dict[str, str]:
    """Where steps that time candidates shall do so, by key: on the first host where their cells are measured."""
    found: dict[str, str] = {}
    for task in tasks:
        for step in task.plan.steps(task.todo):
            if step.exclusive:
                found.setdefault(step.key, task.name)
    return found


def _measure(tasks: Sequence[Task], store: Store, out: Path, crew: Crew, listen: Listen) -> dict[str, str]:
    """Measure on all hosts at once; the names whose workers went meanwhile, with the reason."""
    telling = threading.Lock()

    def one(task: Task) -> str:
        def tell(progress: Progress) -> None:
            with telling:
                listen(replace(progress, what=f"{progress.what} (on {task.name})") if task.name else progress)

        bench = crew.bench(task.name, store)
        with closing(Journal(journal_path(out))) as journal:
            try:
                _look(task.plan, bench, journal, task.session, tell)
                Measurer(task, bench, store, journal, tell).measure()
            except Unserved as problem:
                return str(problem)
        return ""

    elsewhere = [task for task in tasks if task.name != HERE]
    with ThreadPoolExecutor(max(1, len(elsewhere))) as pool:
        try:
            running = {task.name: pool.submit(one, task) for task in elsewhere}
            for task in tasks:
                if task.name == HERE:
                    one(task)
            return {name: reason for name, future in running.items() if (reason := future.result())}
        except BaseException:
            crew.stop()  # the threads of the other hosts end with it
            raise


def _look(part: Plan, bench: Bench, journal: Journal, session: int, tell: Listen) -> None:
    """Say, before anything is measured, if the host is too noisy for what is asked, and keep what was seen."""
    seen, asked = _again(bench.glance), part.study.measure
    journal.add_to_environment(session, {"noise": asdict(seen)})
    if asked.budget >= _PEAK_BUDGET:
        journal.add_to_environment(session, {"peak": asdict(_again(bench.peak))})
    sentence = too_noisy(seen, asked.margin, asked.budget, asked.processes)
    if sentence:
        tell(Progress(WARNING, 0, 0, sentence))


def _again(look: Callable[[], T]) -> T:
    """What somebody sees; once more where somebody killed a child of theirs."""
    try:
        return look()
    except Died:
        return look()


def unfinished(planned: Plan, out: Path) -> list[Cell]:
    """What `run` would have to measure; without a journal everything."""
    if not journal_path(out).exists():
        return list(planned.possible)
    with closing(Journal(journal_path(out))) as journal:
        return [cell for part in planned.by_host() for cell in _todo(part, journal, wanted(part, journal))]


def remembered(study: Study, out: Path) -> dict[str, Host]:
    """Hosts that measured under the names that a study asks for, as the journal has them."""
    asked = names(study)
    if not asked or not journal_path(out).exists():
        return {}
    with closing(Journal(journal_path(out))) as journal:
        sessions = journal.sessions()
    at = ((session["environment"].get("at"), session["host_facts"]) for session in sessions)
    return {name: revive(facts) for name, facts in at if name in asked}


def _todo(planned: Plan, journal: Journal, want: Runs) -> list[Cell]:
    """Cells that lack runs, and the baseline, which every block needs."""
    missing = lacking(planned, journal, want)
    return [cell for cell in planned.possible if cell.key in missing or (missing and cell == planned.baseline)]


def _make_place_for(out: Path) -> None:
    if out.suffix != ".nc":
        raise CubeError(f"--out {out} must end in .nc; the journal is written beside it")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise CubeError(f"folder {out.parent} cannot be made ({os.strerror(problem.errno or 0).lower()})") from problem


def _open_session(journal: Journal, part: Plan, crew: Crew) -> int:
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    name = part.baseline.at
    environment = {**crew.environment(name), "at": name}
    return journal.open_session(started, part.host.fingerprint, asdict(part.host), environment, secrets.randbits(31))


def _left(journal: Journal, task: Task, failures: Mapping[str, Failure], listen: Listen) -> Task | None:
    """What of a task can be measured after building: all but the cells that failed, whose failure is noted.

    A cell that was measured before stays what it is, and that is told; where it is the baseline, nothing can be
    measured beside it.
    """
    host = task.plan.host.fingerprint
    statuses, measured = journal.statuses(host), journal.measured(host)
    for cell, failure in _failed(task, failures):
        if statuses.get(cell.key) != "ok" or cell.key not in measured:
            row = CellRow(cell.key, failure.status, failure.reason, None)
            journal.note_cell(task.session, host, cell.stack.as_dict(), row)
            continue
        listen(
            Progress(WARNING, 0, 0, f"{cell.label} keeps what was measured before, no runs are added: {failure.reason}")
        )
        if cell == task.plan.baseline:
            return None
        task = replace(task, want={key: runs for key, runs in task.want.items() if key != cell.key})
    return task


def _failed(task: Task, failures: Mapping[str, Failure]) -> Iterator[tuple[Cell, Failure]]:
    for cell in task.todo:
        steps = cell.realisation.steps if cell.realisation else ()
        failure = next((failures[step.key] for step in steps if step.key in failures), None)
        if failure:
            yield cell, failure
