"""A tuned executable: searched, its records frozen, timed beside the default as a whole, the faster one kept."""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dlas import fingerprint
from dlas import network as networks
from dlas.artifacts import Artifact
from dlas.errors import Inapplicable
from dlas.host import Target
from dlas.layers.codegen import Lowering
from dlas.layers.codegen.tvm import building, importing
from dlas.layers.codegen.tvm.runner import LIBRARY
from dlas.layers.codegen.tvm.tuning.bench import Bench, Outcome
from dlas.layers.codegen.tvm.tuning.search import BOTH, GENERIC, TEMPLATE, Search, by_task, chosen
from dlas.layers.codegen.tvm.tuning.tasks import Source, Work, works
from dlas.records import OK, Record, Records
from dlas.tensorir.choices import Parameters, Picked
from dlas.tensorir.machine import machine

FROZEN = "tuning.json"


@dataclass(frozen=True)
class Asked:
    """What is searched, and with how many trials for each task on average."""

    trials: int
    space: str


def build(network: Artifact, lowering: Lowering, target: Target, asked: Asked, out: Path) -> dict[str, Any]:
    """Write the faster of tuned and default library into `out`, with the records; returns the executable's facts."""
    records = Records(network.folder.parents[1])  # those of the store that the network lies in
    source = _source(network, lowering, target)
    building.check_count(network.facts["operators"], source.operators())
    name = lowering.name.rpartition(".")[2]
    found, defaults = works(source, name, fingerprint.code_version(lowering.name.rpartition(".")[0]))
    if not found:
        raise Inapplicable(f"codegen tvm: {name} has no kernel here whose schedule is searched; use schedule=default")
    with tempfile.TemporaryDirectory() as work, Bench(target.isa, Path(work)) as bench:
        Search(source, found, defaults, records, bench).run(asked.space, asked.trials)
        known = by_task(records.all())
        frozen = {work.task.key: chosen(work, known.get(work.task.key, []), asked.space) for work in found}
        plan = _Plan(_picked(found, frozen), _traces(found, frozen), always=asked.space == GENERIC)
        facts, outcome = _faster(network, lowering, target, plan, out, bench)
    counted = {key: [r for r in tried if asked.space in (BOTH, r.space)] for key, tried in known.items()}
    return {**facts, **_told(found, counted, frozen, outcome, out)}


def _source(network: Artifact, lowering: Lowering, target: Target) -> Source:
    imported = importing.read(network.file(networks.ONNX), target.batch)
    return Source(imported, lowering.make(), machine(target.isa), building.stored(network))


def _picked(found: Sequence[Work], frozen: Mapping[str, Record | None]) -> dict[int, Parameters]:
    """Parameters of every site whose task's best record is one of the template's, the default among them."""
    taken = {work: frozen[work.task.key] for work in found}
    own = {work: record for work, record in taken.items() if record and record.space == TEMPLATE}
    return {site: dict(record.candidate) for work, record in own.items() for site in work.sites}


def _traces(found: Sequence[Work], frozen: Mapping[str, Record | None]) -> dict[str, str]:
    """Trace of every kernel, by structure, whose best record is MetaSchedule's."""
    taken = {work.task.workload: frozen[work.task.key] for work in found}
    return {key: str(record.candidate["trace"]) for key, record in taken.items() if record and record.space == GENERIC}


@dataclass(frozen=True)
class _Plan:
    """How the tuned library is built; `always` keeps it even where the default is faster."""

    picked: Mapping[int, Parameters]
    traces: Mapping[str, str]
    always: bool


def _faster(
    network: Artifact, lowering: Lowering, target: Target, plan: _Plan, out: Path, bench: Bench
) -> tuple[dict[str, Any], Outcome]:
    """Build both, time them beside each other, keep the faster in `out`."""

    def built(folder: Path, picked: Mapping[int, Parameters], traces: Mapping[str, str]) -> dict[str, Any]:
        folder.mkdir(exist_ok=True)
        return building.build(network, lowering.make(), target, "default", folder, Picked(picked), traces)

    default, tuned = out / "default", out / "tuned"
    facts = {default: built(default, {}, {}), tuned: built(tuned, plan.picked, plan.traces)}
    shape = [target.batch, *network.facts["shape"]]
    outcome = bench.duel(default / LIBRARY, tuned / LIBRARY, shape)
    kept = tuned if plan.always or _won(outcome) else default
    for path in kept.iterdir():
        path.rename(out / path.name)
    for folder in facts:
        shutil.rmtree(folder)
    return {**facts[kept], "kept": kept.name}, outcome


def _told(
    found: Sequence[Work],
    known: Mapping[str, Sequence[Record]],
    frozen: Mapping[str, Record | None],
    outcome: Outcome,
    out: Path,
) -> dict[str, Any]:
    """Write the frozen records and the curve; the facts that the cube shows."""
    own = {work.task.key: known.get(work.task.key, []) for work in found}
    tried = [record for records in own.values() for record in records]
    names = sorted(record.name for record in frozen.values() if record)
    cost, won = sum(record.cost for record in tried), _won(outcome)
    facts = {
        "tune_trials": len(tried),
        "tune_time": cost,
        "tune_ratio": outcome.ratio if outcome.status == OK else None,
        "tune_payoff": cost / (outcome.seconds / outcome.ratio - outcome.seconds) if won else None,
        "tune_curve": curve(found, own),
        "records": fingerprint.digest({"records": names}),
    }
    tasks = [
        {"task": asdict(work.task), "count": work.count, "record": asdict(record) if record else None}
        for work in found
        for record in (frozen[work.task.key],)
    ]
    written = {**facts, "tasks": tasks, "duel": vars(outcome)}
    (out / FROZEN).write_text(json.dumps(written, indent=1), encoding="utf-8")
    return facts


def _won(outcome: Outcome) -> bool:
    """Whether the tuned library is faster than that of the default schedules."""
    return outcome.status == OK and outcome.ratio < 1


def curve(found: Sequence[Work], known: Mapping[str, Sequence[Record]]) -> list[tuple[int, float]]:
    """After how many trials the network's tuned kernels took what share of their default time; each gain a point.

    Trials are counted as if every task had got its next one in turn.
    """
    counts = {work.task.key: work.count for work in found}
    seconds = {key: next((r.seconds / r.ratio for r in known[key] if r.status == OK), 0.0) for key in counts}
    ratios = dict.fromkeys(counts, 1.0)
    total = sum(counts[key] * seconds[key] for key in counts) or 1.0
    turns = [(turn, key, r) for key in counts for turn, r in enumerate(known[key]) if r.status == OK]
    points = [(0, 1.0)]
    for number, (_, key, record) in enumerate(sorted(turns, key=lambda item: item[0]), 1):
        if record.ratio < ratios[key]:
            ratios[key] = record.ratio
            points.append((number, sum(counts[k] * seconds[k] * ratios[k] for k in counts) / total))
    return points
