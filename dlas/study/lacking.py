"""How many runs each cell of a plan still lacks on this host."""

from collections.abc import Collection, Mapping

from dlas.measure.rounds import Limits
from dlas.study.journal import Journal
from dlas.study.plan import Plan

Runs = Mapping[str, int]  # key of a cell → number of runs


def limits(plan: Plan) -> Limits:
    """What is asked of one process: the study's margin, and its share of the budget."""
    asked = plan.study.measure
    return Limits(asked.margin, asked.budget / asked.processes)


def there(plan: Plan, journal: Journal) -> Runs:
    """Runs of each cell that meet what the study asks for, with the baseline beside them unless that cannot be."""
    asked, host, baseline = limits(plan), plan.host.fingerprint, plan.baseline.key
    hopeless = journal.statuses(host).get(baseline, "ok") != "ok"
    return journal.enough(host, baseline, asked.margin, asked.budget, alone=hopeless)


def wanted(plan: Plan, journal: Journal, more: int = 0, only: Collection[str] = ()) -> Runs:
    """Runs that each cell shall have: those the study asks for, or `more` than there are; of all, or of those named."""
    found = there(plan, journal)
    chosen = [cell for cell in plan.possible if not only or cell.label in only]
    return {c.key: found.get(c.key, 0) + more if more else plan.study.measure.processes for c in chosen}


def lacking(plan: Plan, journal: Journal, want: Runs) -> dict[str, int]:
    """Runs that each cell lacks; cells that ended otherwise than well, or lack none, are left out."""
    ended = {key for key, status in journal.statuses(plan.host.fingerprint).items() if status != "ok"}
    found = there(plan, journal)
    missing = {key: number - found.get(key, 0) for key, number in want.items() if key not in ended}
    return {key: number for key, number in missing.items() if number > 0}
