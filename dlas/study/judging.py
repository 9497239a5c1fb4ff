"""What is said of cells beside their figures: verdict, remark, warning, and whether they are too unstable to count."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dlas.measure import proof
from dlas.measure.statistics import Interval, StudentInterval
from dlas.measure.verdict import DIFFERENT, verdicts
from dlas.study.journal import CellRow, RunRow
from dlas.study.plan import Cell, Plan
from dlas.study.remarks import remark
from dlas.study.warnings import warnings

Values = dict[str, Any]
UNSTABLE = 0.15  # relative half-interval from which a ratio says nothing worth keeping
SHORT = 1e-3  # s; what a call costs beside computing is looked at below


def add_verdicts(values: Mapping[str, Values], anchors: Mapping[str, Values], margin: float) -> None:
    """Set `verdict` of every cell, by label, that was compared with its anchor, the baseline on its host.

    The cells are one family over the whole cube. A difference between latencies of which one is below a millisecond
    must stand without what a call costs that computes nothing; else it is `inconclusive`, and the remark says why.
    """
    compared = [label for label, cell in values.items() if "relative_latency" in cell and label != "baseline"]
    found = verdicts([_logs(values[label]) for label in compared], margin)
    for label, verdict in zip(compared, found, strict=True):
        own, anchor = values[label], anchors[label]
        if verdict in DIFFERENT and not _stands_without_calls(own, anchor):
            costs = " against ".join(f"{1e6 * cell['call_overhead']:.3g} µs" for cell in (own, anchor))
            said = f"not surely {verdict} without what a mere call costs ({costs})"
            own["remark"] = "; ".join(filter(None, [own.get("remark", ""), said]))
            verdict = "inconclusive"
        own["verdict"] = verdict


def _stands_without_calls(own: Values, anchor: Values) -> bool:
    """Whether the ratio's interval stays on its side of one when no call costs more than its computing."""
    base = anchor["latency"]
    if min(own["latency"], base) >= SHORT:
        return True
    side, end = (-1, "high") if own["relative_latency"] < 1 else (1, "low")
    computing = own[f"relative_latency_{end}"] * base - own["call_overhead"]
    return bool(side * (computing - (base - anchor["call_overhead"])) > 0)


def _logs(cell: Values) -> StudentInterval:
    value, low, high = (math.log(cell[f"relative_latency{end}"]) for end in ("", "_low", "_high"))
    return StudentInterval(value, low, high, cell["relative_latency_freedom"])


def add_words(
    cell: Cell, plan: Plan, values: Mapping[str, Values], row: CellRow, runs: Sequence[RunRow], kernel: Sequence[RunRow]
) -> None:
    """Set `remark`, `warning` and, where the figures are worth nothing, the status `unstable` of a timed cell."""
    own = values[cell.label]
    evidence = proof.revive(runs[-1].facts["evidence"])
    own["remark"] = remark(row.record or {}, evidence, _gain(cell, plan, values))
    relative = _relative(own) if cell != plan.baseline else None
    margin = plan.study.measure.margin
    own["warning"] = "\n".join(warnings(runs, kernel, relative, margin))
    if relative and (relative.high - relative.low) / 2 > max(UNSTABLE, 2 * margin) * relative.value:
        half = (relative.high - relative.low) / 2 / relative.value
        own["status"] = "unstable"
        own["reason"] = f"the ratio is known to ±{half:.0%} only; see `dlas doctor`, then `dlas remeasure`"


def _relative(own: Values) -> Interval | None:
    if "relative_latency" not in own:
        return None
    return Interval(*(own[f"relative_latency{end}"] for end in ("", "_low", "_high")))


def _gain(cell: Cell, plan: Plan, values: Mapping[str, Values]) -> float | None:
    """Latency over that of the same stack with the baseline's compression; None for that one itself."""
    baseline = plan.study.baseline
    plain = cell.stack.perturb(compression=baseline.compression).difference(baseline)
    own, other = (values.get(label, {}).get("relative_latency") for label in (cell.label, plain))
    return own / other if plain != cell.label and own and other else None
