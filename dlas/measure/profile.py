"""What a profile of one cell is, made of what its child told in several windows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from dlas import network
from dlas.artifacts import Artifact
from dlas.errors import BuildFailed
from dlas.layers.codegen import Evidence
from dlas.layers.codegen.profiling import Step
from dlas.measure import proof

_DEVIATION = 1.4826  # median absolute deviation → standard deviation of a normal distribution
_UNIFORM = 12**-0.5  # standard deviation of a uniform distribution over its width
_MEDIAN = 1.2533  # standard error of a median over that of a mean, for many normal values


@dataclass(frozen=True)
class Operator:
    """A convolution or linear operator of the network; `shape` is that of its weights, () where it is not known."""

    name: str
    kind: str
    macs: int
    parameters: int
    nonzeros: int
    groups: int = 1
    shape: tuple[int, ...] = ()

    @property
    def depthwise(self) -> bool:
        """Whether each channel has a filter of its own."""
        return self.groups > 1 and len(self.shape) > 1 and self.shape[1] == 1

    @property
    def outputs(self) -> int:
        """Channels or features that it gives; 0 where they are not known."""
        return self.shape[0] if self.shape else 0


@dataclass(frozen=True)
class Profile:
    """Where the time of one inference goes.

    `whole` is the time without the profiler and `profiled` with it, in seconds of `clock` (`cpu`, or `wall` where more
    than one thread or another device computes); `steps` are medians over the windows, `errors` the standard errors of
    their seconds, in which the resolution of the runtime's clock counts, `whole_error` that of the whole. `operators`
    are the network's, in the order of its file.
    """

    label: str
    codegen: str
    precision: str  # that the network promises
    batch: int
    evidence: Evidence
    clock: str
    whole: float
    whole_error: float
    profiled: float
    steps: tuple[Step, ...]
    errors: tuple[float, ...]
    operators: tuple[Operator, ...]

    @property
    def outside(self) -> float:
        """Seconds of the whole that no kernel accounts for; below zero where the profiler slows the kernels."""
        return self.whole - sum(step.seconds for step in self.steps)


def summarised(
    windows: Sequence[Mapping[str, Any]],
    label: str,
    codegen: str,
    clock: str,
    loaded: Mapping[str, Any],
    net: Artifact,
) -> Profile:
    """The profile that windows come to; raises BuildFailed if they do not tell of the same kernels."""
    told = [[_step(step) for step in window["steps"]] for window in windows]
    if len({tuple(step.name for step in steps) for steps in told}) != 1:
        raise BuildFailed(f"{label}: the runtime ran other kernels when it was loaded again; nothing can be matched")
    seconds = np.array([[step.seconds for step in steps] for steps in told])
    wholes = np.array([window["plain"][clock] for window in windows])
    return Profile(
        label=label,
        codegen=codegen,
        precision=net.facts["precision"],
        batch=loaded["batch"],
        evidence=proof.revive(loaded["evidence"]),
        clock=clock,
        whole=float(np.median(wholes)),
        whole_error=float(_error(wholes)),
        profiled=median(window["profiled"][clock] for window in windows),
        steps=tuple(
            replace(step, seconds=float(value)) for step, value in zip(told[0], np.median(seconds, axis=0), strict=True)
        ),
        errors=tuple(
            math.hypot(error, step.resolution * _UNIFORM) for error, step in zip(_error(seconds), told[0], strict=True)
        ),
        operators=tuple(operators(net)),
    )


def _error(values: Any) -> Any:
    """Standard error of the median over windows, from their median absolute deviation."""
    deviation = np.median(np.abs(values - np.median(values, axis=0)), axis=0)
    return deviation * _DEVIATION * _MEDIAN / np.sqrt(len(values))


def _step(written: Mapping[str, Any]) -> Step:
    return Step(**{**written, "covers": tuple(written["covers"]), "weights": tuple(written["weights"])})


def operators(net: Artifact) -> list[Operator]:
    """The operators of a network, with the shapes that its ONNX file holds."""
    shapes = _shapes(net.file(network.ONNX))
    return [Operator(**fact, **shapes.get(fact["name"], {})) for fact in net.facts["operators"]]


def _shapes(path: Path) -> dict[str, dict[str, Any]]:
    """Shape of the weights and number of groups by node; of a quantised network behind what dequantises them."""
    import onnx

    graph = onnx.load(path).graph
    sizes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in sizes:
            sizes[node.output[0]] = sizes[node.input[0]]
    found: dict[str, dict[str, Any]] = {}
    for node in graph.node:
        if len(node.input) > 1 and node.input[1] in sizes:
            groups = next((int(attribute.i) for attribute in node.attribute if attribute.name == "group"), 1)
            found[node.name] = {"groups": groups, "shape": sizes[node.input[1]]}
    return found
