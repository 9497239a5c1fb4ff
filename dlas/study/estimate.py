"""What a plan would take: which steps are missing, what changed since they were done, how long they take."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from dlas.artifacts import Artifact, Store
from dlas.option import split
from dlas.realise import Step
from dlas.study.measuring import BLOCK
from dlas.study.plan import Cell, Plan

COMPANIONS = 2  # of every block: the baseline and the reference kernel
LOADING = 1.5  # s a fresh process, beside the time it measures; what the demo study takes here

_WORDS = {
    "code": "its code",
    "content": "the data",
    "inputs": "what it is made from",
    "primitive_code": "the primitive's code",
}


@dataclass(frozen=True)
class Work:
    """A step that must be done; `seconds` is what its like took before, None if nothing comparable was built."""

    step: Step
    why: str
    seconds: float | None


def missing_work(steps: Sequence[Step], store: Store) -> list[Work]:
    """The steps whose artifacts are not in the store."""
    there = [artifact for artifact in store.artifacts() if not artifact.ruined]
    done = {artifact.key for artifact in there}
    return [Work(step, _why(step, there), _seconds(step, there)) for step in steps if step.key not in done]


def _why(step: Step, there: Sequence[Artifact]) -> str:
    """Which ingredients differ from the most similar artifact of the same option."""
    alike = [a.recipe for a in there if (a.recipe["layer"], a.recipe["option"]) == (step.layer, step.option)]
    if not alike:
        return "never built"
    fewest = min((_changed(step.recipe, recipe) for recipe in alike), key=len)
    return "changed since it was built: " + ", ".join(fewest)


def _changed(new: Mapping[str, object], old: Mapping[str, object]) -> list[str]:
    found: list[str] = []
    for key in sorted(new.keys() | old.keys()):
        one, other = new.get(key), old.get(key)
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            parts = [k for k in sorted(one.keys() | other.keys()) if one.get(k) != other.get(k)]
            found += [f"{key} {k} ({other.get(k)} → {one.get(k)})" for k in parts]
        else:
            found.append(_WORDS.get(key, key))
    return found


def _seconds(step: Step, there: Sequence[Artifact]) -> float | None:
    same_layer = [a for a in there if a.recipe["layer"] == step.layer]
    names = _names(step.option)
    alike = [a.seconds for a in same_layer if _names(a.recipe["option"]) == names]
    return median(alike) if alike else None


def _names(text: str) -> list[str]:
    return [name for name, _ in split(text)]


def measuring_seconds(plan: Plan, cells: Sequence[Cell]) -> float:
    """Seconds that measuring some cells may take: budget and loading for each, for the baseline and for the kernel.

    Those two are in every block. No bound: scoring comes on top, and beside a quick cell they are stepped more often;
    cells that meet their margin early take less.
    """
    asked = plan.study.measure
    others = sum(cell != plan.baseline for cell in cells)
    blocks = max(math.ceil(others / BLOCK), min(1, len(cells)))
    return (others + blocks * COMPANIONS) * (asked.budget + asked.processes * LOADING)
