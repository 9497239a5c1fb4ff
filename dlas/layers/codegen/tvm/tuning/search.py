"""Searching the tasks of a network: trials go where time is spent, by what the default of each task takes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from dlas.errors import BuildFailed
from dlas.host import probe
from dlas.layers.codegen.tvm.tuning.bench import Bench
from dlas.layers.codegen.tvm.tuning.proposals import following, spelled
from dlas.layers.codegen.tvm.tuning.tasks import Kernel, Source, Work
from dlas.records import OK, Record, Records, Settled, best
from dlas.tensorir.choices import Parameters

TEMPLATE, GENERIC, BOTH = "template", "generic", "both"
_LEAST, _MOST = 0.25, 3.0  # of the trials asked for a task on average: the fewest and the most that one gets


@dataclass(frozen=True, eq=False)
class Search:
    """A network's tasks, where candidates are tried, and the records that it reads and writes."""

    source: Source
    works: Sequence[Work]
    defaults: Mapping[int, Kernel]
    records: Records
    bench: Bench

    def run(self, space: str, trials: int) -> None:
        """Search a space, or both with half of the trials each."""
        if space == BOTH:
            self.run(TEMPLATE, trials - trials // 2)
            self.run(GENERIC, trials // 2)
        elif trials:
            self._run(space, trials)

    def _run(self, space: str, trials: int) -> None:
        """Give the tasks that no search of at least so many trials has settled their trials."""
        settled = self.records.settled()
        todo = [work for work in self.works if settled.get((work.task.key, space), 0) < trials]
        known = by_task(self.records.all())
        found = {work.task.key: list(known.get(work.task.key, [])) for work in todo}
        for work in todo:
            if not found[work.task.key]:
                self._attempt(work, work.site.candidates[0], self.defaults[work.sites[0]], found)
        quotas = shares([(work.count, _seconds(found[work.task.key])) for work in todo], trials)
        mine = {key: [record for record in records if record.space == space] for key, records in found.items()}
        if space == TEMPLATE:
            self._template(todo, quotas, mine)
        else:
            for work, quota in zip(todo, quotas, strict=True):
                self._generic(work, quota, mine[work.task.key])
        self.records.settle([Settled(work.task.key, space, trials) for work in todo])

    def _template(self, todo: Sequence[Work], quotas: Sequence[int], mine: Mapping[str, list[Record]]) -> None:
        while batch := self._batch(todo, quotas, mine):
            # The network is lowered once with one candidate for each task of the batch.
            kernels, _ = self.source.kernels({work.sites[0]: candidate for work, candidate in batch})
            for work, candidate in batch:
                self._attempt(work, candidate, kernels[work.sites[0]], mine)

    def _generic(self, work: Work, quota: int, mine: list[Record]) -> None:
        """MetaSchedule proposes; what has a record already is not tried again."""
        default, known = self.defaults[work.sites[0]], {str(r.candidate["trace"]): r for r in mine}
        try:
            with self.bench.proposer(work.task.key, default, quota) as proposer:
                while len(known) < quota and (traces := proposer.proposals()):
                    for trace in traces:
                        if trace not in known and len(known) < quota:
                            kernel = replace(default, trace=trace)
                            known[trace] = self._tried(work, GENERIC, {"trace": trace}, kernel)
                    ran = [known.get(trace) for trace in traces]
                    proposer.tell([r.seconds if r and r.status == OK else None for r in ran])
            if not known:  # so with sparse kernels, whose loops it cannot analyse
                self._refused(work, "MetaSchedule proposes nothing for it")
        except BuildFailed as problem:
            self._refused(work, str(problem))

    def _refused(self, work: Work, reason: str) -> None:
        """Note that MetaSchedule cannot search a kernel."""
        self.records.add(Record(asdict(work.task), GENERIC, {"trace": ""}, "refused", reason=reason))

    def _batch(
        self, todo: Sequence[Work], quotas: Sequence[int], mine: Mapping[str, list[Record]]
    ) -> list[tuple[Work, Parameters]]:
        """The next candidate of every task that has trials left."""
        found = []
        for work, quota in zip(todo, quotas, strict=True):
            done = mine[work.task.key]
            candidate = following(work.site.candidates, done, work.task.key) if len(done) < quota else None
            if candidate:
                found.append((work, candidate))
        return found

    def _attempt(self, work: Work, candidate: Parameters, kernel: Kernel, mine: Mapping[str, list[Record]]) -> None:
        """Try a candidate of the template."""
        mine[work.task.key].append(self._tried(work, TEMPLATE, dict(candidate), kernel))

    def _tried(self, work: Work, space: str, candidate: Mapping[str, Any], kernel: Kernel) -> Record:
        """The record of a candidate, on disk."""
        outcome = self.bench.attempt(work.task.key, self.defaults[work.sites[0]], kernel)
        record = Record(asdict(work.task), space, candidate, **vars(outcome), host=probe().fingerprint)
        self.records.add(record)
        return record


def by_task(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Records of each task, the oldest first."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.key, []).append(record)
    return found


def shares(works: Sequence[tuple[int, float]], trials: int) -> list[int]:
    """Trials of each task, from how often it is called and the seconds of a call; about `trials` on average."""
    spent = [count * seconds for count, seconds in works]
    total = sum(spent) or 1.0
    wanted = [trials * len(works) * part / total for part in spent]
    return [max(1, round(min(max(want, _LEAST * trials), _MOST * trials))) for want in wanted]


def _seconds(records: Sequence[Record]) -> float:
    """Seconds of the default; of nothing that ran, none."""
    return next((record.seconds / record.ratio for record in records if record.status == OK), 0.0)


def chosen(work: Work, records: Sequence[Record], space: str) -> Record | None:
    """The fastest record of a space whose candidate the task still offers; the default where nothing is faster.

    Under `generic` a record of MetaSchedule's is taken even if the default is faster: that is what it is asked for.
    """
    offered = {spelled(candidate) for candidate in work.site.candidates}
    ran = [record for record in records if record.status == OK]
    template = [r for r in ran if r.space == TEMPLATE and spelled(r.candidate) in offered]
    default = next((r for r in template if spelled(r.candidate) == spelled(work.site.candidates[0])), None)
    generic = [record for record in ran if record.space == GENERIC]
    found = best({TEMPLATE: template, GENERIC: generic, BOTH: template + generic}[space])
    return found if found and (found.ratio < 1 or space == GENERIC) else default
