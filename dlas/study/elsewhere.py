"""The workers of a Dask cluster as the crew of a study: they build, and measure on the hosts whose names they carry."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from dlas import host
from dlas.artifacts import Store
from dlas.host import Host
from dlas.measure.noise import Glance
from dlas.measure.peak import Peak
from dlas.process import Message, Report
from dlas.realise import Step, as_message
from dlas.study import tasks
from dlas.study.cluster import Cluster, Lost, Worker
from dlas.study.crew import Alone, Bench, Children, Crew, Here, Maker, Unserved, own_environment
from dlas.study.plan import HERE, names
from dlas.study.spec import Study
from dlas.study.timing import Notes, Order, Timed
from dlas.study.wire import read_timed, replay, write_order

APPEAR = 10.0  # s at the start for workers to appear that carry the names which a study asks for
RETURN = 30.0  # s for a worker to come, where the last one has gone
LOOK = 0.5  # s between two looks
TRIES = 5  # workers that may be lost over the same piece of work


@contextmanager
def gathered(scheduler: str | None, study: Study) -> Iterator[Crew]:
    """The crew of a study: the workers of a scheduler, or without one this process alone."""
    if scheduler is None:
        yield Alone(host.probe())
        return
    cluster = Cluster(scheduler, study)
    try:
        yield Team(cluster, names(study))
    finally:
        cluster.stop()


class Team:
    """A cluster's workers."""

    def __init__(self, cluster: Cluster, asked: tuple[str, ...]) -> None:
        """Wait some seconds for workers that carry the names; raises Unserved if there is no worker at all."""
        self._cluster = cluster
        deadline = time.monotonic() + APPEAR
        while True:
            workers = list(cluster.workers().values())
            carried = {name for worker in workers for name in worker.names}
            if (workers and carried >= set(asked)) or time.monotonic() > deadline:
                break
            time.sleep(LOOK)
        if not workers:
            raise Unserved(f"the cluster has no worker that can take part{_refused(cluster)}; start one")
        self.threads = sum(worker.threads for worker in workers)
        self._on = {name: [worker for worker in workers if name in worker.names] for name in asked}
        self.hosts: dict[str, Host] = {n: on[0].host for n, on in self._on.items() if len({w.host for w in on}) == 1}
        self.absent = {name: self._why(name, on) for name, on in self._on.items() if name not in self.hosts}

    def _why(self, name: str, on: list[Worker]) -> str:
        if on:
            models = ", ".join(sorted({worker.host.cpu for worker in on}))
            return f"workers on different hosts carry {name} ({models}); give each host a name of its own"
        return (
            f"no worker carries {name} within {APPEAR:.0f} s{_refused(self._cluster)}; "
            f"start one there with --resources {name}=1, then run again"
        )

    def maker(self, store: Store, timed_at: Mapping[str, str]) -> Maker:
        """Any of the workers, but for steps that time candidates."""
        return Makers(self._cluster, store, timed_at)

    def bench(self, name: str, store: Store) -> Bench:
        """The workers that carry the name, or this process."""
        return Elsewhere(self._cluster, name, self.hosts[name], store) if name != HERE else Here(store, host.probe())

    def environment(self, name: str) -> Mapping[str, Any]:
        """What those workers run with."""
        return self._on[name][0].environment if name != HERE else own_environment()

    def stop(self) -> None:
        """Let go of the cluster."""
        self._cluster.stop()


def _refused(cluster: Cluster) -> str:
    told = [f"{address} was refused: {why}" for address, why in cluster.refused.items()]
    return f" ({'; '.join(told)})" if told else ""


class Makers:
    """Has steps done by whichever worker has the least to do; where the user's data are needed, by this process.

    What times candidates does so on a host where its cells are measured: `timed_at` has the host's name by key.
    """

    def __init__(self, cluster: Cluster, store: Store, timed_at: Mapping[str, str]) -> None:
        self._cluster = cluster
        self._store = store
        self._timed_at = timed_at
        self._children = Children(store)
        self._busy: Counter[str] = Counter()
        self._choosing = threading.Lock()

    def make(self, step: Step, timeout: float, report: Report) -> None:
        """Do a step, again on another worker if one is lost."""
        place = self._timed_at.get(step.key)
        if step.sources or place == HERE:
            self._children.make(step, timeout, report)
            return
        for _ in range(TRIES):
            with self._chosen(place) as worker:
                try:
                    self._cluster.ship(worker, self._store, step.inputs)
                    task = (tasks.build, as_message(step), timeout)
                    self._cluster.call(worker, *task, name=place or "", hear=report)
                    self._cluster.fetch(worker, self._store, step.key)
                except Lost:
                    continue
                return
        raise Unserved(f"{TRIES} workers were lost while they built {step.layer} {step.option}; look at their logs")

    def stop(self) -> None:
        """Let go of the children and the cluster."""
        self._children.stop()
        self._cluster.stop()

    @contextmanager
    def _chosen(self, place: str | None) -> Iterator[Worker]:
        """The least busy worker, of those that carry a name if it has to be there."""
        nobody = f"no worker of {place} is left in the cluster" if place else "no worker is left in the cluster"
        workers = _awaited(self._cluster, lambda worker: not place or place in worker.names, nobody)
        with self._choosing:
            worker = min(workers, key=lambda worker: self._busy[worker.address] / worker.threads)
            self._busy[worker.address] += 1
        try:
            yield worker
        finally:
            with self._choosing:
                self._busy[worker.address] -= 1


class Elsewhere:
    """The host of a name as a bench: one set of fresh processes is one task of a worker there."""

    def __init__(self, cluster: Cluster, name: str, host: Host, store: Store) -> None:
        self._cluster = cluster
        self._name = name
        self._host = host
        self._store = store

    def alone(self) -> AbstractContextManager[None]:
        """The measuring lock is taken there."""
        return nullcontext()

    def time(self, order: Order, notes: Notes) -> list[Timed]:
        """Time there; a set whose worker is lost is done again."""
        message = write_order(order)
        steps = [cell.realisation for cell in order.cells if cell.realisation]
        keys = [key for r in steps for key in (r.data.key, r.networks[-1].key, r.executable.key)]
        for _ in range(TRIES):
            worker = self._worker()
            try:
                self._cluster.ship(worker, self._store, keys)
                answer = self._cluster.call(worker, tasks.measure, message, name=self._name, hear=notes.tell)
            except Lost:
                notes.tell("its worker was lost; what it was timing is done again")
                continue
            replay(answer["events"], notes)
            return [read_timed(one) for one in answer["timed"]]
        raise Unserved(self._too_often())

    def glance(self) -> Glance:
        """Look there."""
        return Glance(**self._asked(tasks.glance))

    def peak(self) -> Peak:
        """Measure there."""
        return Peak(**self._asked(tasks.peak))

    def _asked(self, task: Callable[[], Message]) -> Message:
        for _ in range(TRIES):
            try:
                return self._cluster.call(self._worker(), task, name=self._name)
            except Lost:
                continue
        raise Unserved(self._too_often())

    def _too_often(self) -> str:
        return f"{TRIES} workers of {self._name} were lost while they measured; look at their logs, run again"

    def _worker(self) -> Worker:
        def fits(worker: Worker) -> bool:
            return self._name in worker.names and worker.host == self._host

        lost = f"the worker of {self._name} went away and none came within {RETURN:.0f} s; start it, then run again"
        return _awaited(self._cluster, fits, lost)[0]


def _awaited(cluster: Cluster, fits: Any, otherwise: str) -> list[Worker]:
    """The workers that fit, as soon as there are any; raises Unserved if none comes."""
    deadline = time.monotonic() + RETURN
    while True:
        found = [worker for worker in cluster.workers().values() if fits(worker)]
        if found:
            return found
        if time.monotonic() > deadline:
            raise Unserved(otherwise)
        time.sleep(LOOK)
