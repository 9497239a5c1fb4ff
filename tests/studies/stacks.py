"""Cubes of the study's options with planted figures."""

from dataclasses import replace

import numpy as np
from handmade import HOST, interval

from dlas import accessor  # noqa: F401 - gives cubes their `.dlas`
from dlas.cube import build
from dlas.merge import merge
from dlas.realise import Realisation, Step
from dlas.stack import Stack
from dlas.study.plan import Cell, Plan
from dlas.study.spec import Measure, Part, Study

_DONE = Step("codegen", "tvm", (), {})
BASELINE = Stack(model="resnet18@width=0.2", codegen="tvm")


def planted(values, host, baseline=BASELINE):
    """A cube from stacks (as changes of the baseline) with their figures."""
    stacks = {baseline.perturb(**dict(changes)): figures for changes, figures in values}
    stacks = {baseline: stacks.get(baseline, figures_of(0.0)), **stacks}
    labels = {stack: stack.difference(baseline) for stack in stacks}
    cells = tuple(Cell(s, labels[s], labels[s], Realisation(_DONE, (_DONE,), _DONE)) for s in stacks)
    plan = Plan(Study("planted", baseline, (Part({"compression": ("none",)}),), Measure()), host, cells)
    return build(plan, {labels[stack]: figures for stack, figures in stacks.items()}, [])


def two_hosts(here, there, model="Big CPU"):
    """A merged cube of hosts `one` and `two`, the latter of a processor model, from stacks with their figures."""
    other = replace(HOST, cpu=model, memory=2 * HOST.memory)
    return merge({"one": [planted(here, HOST)], "two": [planted(there, other)]})


def figures_of(log_latency, accuracy=0.9, error=0.01, accuracy_error=0.002, **more):
    """Figures of a cell that ended well, its latency as a logarithm; errors are standard errors."""
    z, ratio = 1.96, float(np.exp(log_latency))
    factor = float(np.exp(z * error))
    return {
        "status": "ok",
        "reason": "",
        **interval("latency", 1e-3 * ratio, 1e-3 * ratio / factor, 1e-3 * ratio * factor),
        **interval("relative_latency", ratio, ratio / factor, ratio * factor),
        **interval("accuracy", accuracy, accuracy - z * accuracy_error, accuracy + z * accuracy_error),
        **interval(
            "accuracy_change", accuracy - 0.9, accuracy - 0.9 - z * accuracy_error, accuracy - 0.9 + z * accuracy_error
        ),
        "size": 1000.0,
        "macs": 1e6,
        **more,
    }
