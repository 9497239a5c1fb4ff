"""From a journal to figures: every variable of every cell of a plan, recomputed from raw samples, nothing measured."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlas.host import Host
from dlas.measure import proof
from dlas.measure.samples import Floats, latency_logs, paired_logs
from dlas.measure.statistics import (
    Interval,
    Spread,
    independent_difference,
    over_processes,
    paired_difference,
    spread_between,
    wilson,
)
from dlas.realise import hardware_of
from dlas.study.journal import KERNEL, CellRow, Journal, RunRow
from dlas.study.judging import add_verdicts, add_words
from dlas.study.plan import Cell, Plan

Values = dict[str, Any]


@dataclass(frozen=True)
class _Timed:
    """The runs of one cell, and its log-ratios to the baseline of the same processes."""

    runs: Sequence[RunRow]
    paired: Sequence[Floats]
    latencies: Sequence[Floats]
    clock: str

    @property
    def wall(self) -> bool:
        """Whether only the wall's clock sees all that it does."""
        return any(run.facts["wall"] for run in self.runs)


def results(plan: Plan, journal: Journal) -> dict[str, Values]:
    """Variables of each planned cell by its label; what was not measured is left out.

    Hosts are never paired: what is relative is so to the baseline as it is on the cell's own host.
    """
    values = {cell.label: _of_obstacle(cell) for cell in plan.cells if cell.obstacle}
    anchors: dict[str, Values] = {}
    for part in plan.by_host():
        found = _on_one_host(part, journal)
        own = {cell.label: found[cell.label] for cell in plan.cells if cell.label in found}
        values |= own
        anchors |= dict.fromkeys(own, found[part.baseline.label])
    add_verdicts(values, anchors, plan.study.measure.margin)
    return values


def _of_obstacle(cell: Cell) -> Values:
    return {"status": cell.status, "reason": cell.obstacle}


def _on_one_host(plan: Plan, journal: Journal) -> dict[str, Values]:
    host = plan.host.fingerprint
    rows = journal.cells(host)
    timed = _timed(journal.runs(host), journal.baselines(host), plan.baseline.key)
    shown = [timed[cell.key] for cell in plan.possible if cell.key in timed]
    lent = {wall: _lent([t for t in shown if t.wall == wall]) for wall in (False, True)}
    values = {c.label: _values(c, rows.get(c.key), timed.get(c.key), lent, plan, rows) for c in plan.cells}
    kernel = timed[KERNEL].runs if KERNEL in timed else []
    for cell in plan.possible:
        row = rows.get(cell.key)
        if cell.key in timed and row and row.status == "ok":
            runs = timed[cell.key].runs
            beside = {(run.block, run.process) for run in runs}
            same = [run for run in kernel if (run.block, run.process) in beside]
            add_words(cell, plan, values, row, runs, same)
    _part_from_the_others(plan, values)
    return values


def _lent(alike: Sequence[_Timed]) -> tuple[Spread, Spread]:
    """How ratios and latencies differ between processes; of one clock's cells, since by the wall threads wait too."""
    return spread_between([t.paired for t in alike if t.paired]), spread_between([t.latencies for t in alike])


def _part_from_the_others(plan: Plan, values: dict[str, Values]) -> None:
    """Say on a host that is not the baseline's what its cells are compared with, and of that one that it is not."""
    anchor = plan.baseline
    if anchor.label == "baseline":
        return
    for label, cell in values.items():
        if label == anchor.label:
            said = f"hosts are not compared; the others on {anchor.at} are compared with this one"
            for name in [name for name in cell if name.startswith("relative_latency")]:
                del cell[name]
        elif "relative_latency" in cell:
            said = f"compared with {anchor.label}"
        else:
            continue
        cell["remark"] = "; ".join(filter(None, [cell.get("remark", ""), said]))


def _timed(runs: Sequence[RunRow], baselines: Mapping[int, str], baseline: str) -> dict[str, _Timed]:
    """Runs by cell; only blocks with the plan's own baseline tell anything relative to it."""
    anchors = {(run.block, run.process): run for run in runs if run.cell == baseline == baselines[run.block]}
    grouped: defaultdict[str, list[RunRow]] = defaultdict(list)
    for run in runs:
        grouped[run.cell].append(run)
    return {key: _of_cell(own, anchors) for key, own in grouped.items()}


def _of_cell(runs: Sequence[RunRow], anchors: Mapping[tuple[int, int], RunRow]) -> _Timed:
    paired = []
    for run in runs:
        anchor = anchors.get((run.block, run.process))
        if anchor is not None and anchor.cell != run.cell:
            logs = paired_logs(run.samples, anchor.samples, run.facts["wall"] or anchor.facts["wall"])
            paired += [logs] if len(logs) else []
    latencies = [latency_logs(run.samples, run.facts["wall"]) for run in runs]
    clocks = sorted({clock for _, clock in latencies})
    return _Timed(runs, paired, [logs for logs, _ in latencies], " and ".join(clocks))


def _values(
    cell: Cell,
    row: CellRow | None,
    timed: _Timed | None,
    lent: Mapping[bool, tuple[Spread, Spread]],
    plan: Plan,
    rows: Mapping[str, CellRow],
) -> Values:
    if cell.obstacle:
        return _of_obstacle(cell)
    missing = {"status": "missing", "reason": plan.why_absent or "not measured yet"}
    if row is None:
        return missing
    values: Values = {"status": row.status, "reason": row.reason}
    if row.record:
        values |= _of_artifacts(row.record)
        values |= _of_score(row.record, rows.get(plan.baseline.key), _same_data(cell, plan.baseline))
    if row.status == "ok" and timed is None:
        return {**values, **missing}
    if row.status == "ok" and timed and row.record:
        values |= _of_runs(timed, cell == plan.baseline, cell, lent[timed.wall])
    return values


def _of_artifacts(record: Mapping[str, Any]) -> Values:
    names = ("parameters", "nonzeros", "macs", "size", "weights_size", "train_time", "build_time", "network_accuracy")
    tuning = dict(record.get("tuning", {}))
    if "tune_curve" in tuning:
        tuning["tune_curve"] = json.dumps(tuning["tune_curve"])
    return {name: record[name] for name in (*names, "compute_precision", "primitive_share")} | tuning


def _same_data(cell: Cell, other: Cell) -> bool:
    """Whether an image's number is the same image in both."""
    one, two = cell.realisation, other.realisation
    return one is not None and two is not None and one.data.key == two.data.key


def _of_score(record: Mapping[str, Any], baseline: CellRow | None, same_data: bool) -> Values:
    score = record["score"]
    if not score:
        return {}
    values: Values = {name: score[name] for name in ("agreement", "max_abs_error")}
    values["quantised_agreement"] = score.get("quantised_agreement")  # older journals have none
    if record["trained"]:
        right = _right(score)
        values |= _interval("accuracy", wilson(sum(right), len(right)))
        if baseline and baseline.record and baseline.record["score"] and baseline.record["trained"]:
            values |= _interval("accuracy_change", _change(score, baseline.record["score"], same_data))
    return values


def _right(score: Mapping[str, Any]) -> list[bool]:
    return [p == label for p, label in zip(score["predicted"], score["labels"], strict=True)]


def _change(score: Mapping[str, Any], other: Mapping[str, Any], same_data: bool) -> Interval:
    """Accuracy minus the baseline's: paired on the images that both classified; unpaired where they share none."""
    mine, theirs = (dict(zip(s["images"], _right(s), strict=True)) for s in (score, other))
    shared = mine.keys() & theirs.keys() if same_data else ()
    if not shared:
        return independent_difference(*(wilson(sum(s.values()), len(s)) for s in (mine, theirs)))
    pairs = [(mine[image], theirs[image]) for image in shared]
    return paired_difference(
        pairs.count((True, True)), pairs.count((True, False)), pairs.count((False, True)), pairs.count((False, False))
    )


def _of_runs(timed: _Timed, baseline: bool, cell: Cell, lent: tuple[Spread, Spread]) -> Values:
    walls = np.concatenate([run.samples.wall for run in timed.runs])
    relative = over_processes(timed.paired, lent[0]) if timed.paired else None
    latency = over_processes(timed.latencies, lent[1]).exp()
    evidence = proof.revive(timed.runs[-1].facts["evidence"])
    values = {
        **_interval("latency", latency),
        "latency_p90": float(np.quantile(walls, 0.9)),
        "latency_p99": float(np.quantile(walls, 0.99)),
        "cpu_time": float(np.median(np.concatenate([run.samples.cpu for run in timed.runs]))),
        "clock": timed.clock,
        "throughput": hardware_of(cell.stack).batch / latency.value,
        "call_overhead": float(np.median([run.facts["call_overhead"] for run in timed.runs])),
        "cold_start": float(np.median([run.facts["cold_start"] for run in timed.runs])),
        "peak_memory": max(run.facts["peak_memory"] for run in timed.runs),
        "isa_used": evidence.isa,
        "runtime": ", ".join(f"{name} {version}" for name, version in timed.runs[-1].facts.get("runtime", {}).items()),
        "processes": len(timed.runs),
        "stopped_by": " and ".join(sorted({run.outcome for run in timed.runs})),
    }
    if baseline:  # it is itself: its ratio is one, with nothing to estimate
        return values | _interval("relative_latency", Interval(1.0, 1.0, 1.0))
    if relative:
        values |= {**_interval("relative_latency", relative.exp()), "relative_latency_freedom": relative.freedom}
    return values


def _interval(name: str, interval: Interval) -> Values:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def hosts(sessions: Sequence[Mapping[str, Any]], shown: Sequence[Host]) -> list[str]:
    """CPU models of other hosts that measured into the same journal; their figures are not in the cube."""
    known = {host.fingerprint for host in shown}
    others = {s["host"]: s["host_facts"]["cpu"] for s in sessions if s["host"] not in known}
    return sorted(others.values())
