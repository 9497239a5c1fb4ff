"""Whether a loaded executable is what its label says; the limits are the design's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlas.host import ISAS, NATIVE
from dlas.layers.codegen import Evidence, Kernel

LEAST_AGREEMENT = 0.95
RELATIVE_ERROR = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 2e-2}
LOSSY = {"winograd": 1e-3, "mixed": 1e-3}  # primitives whose arithmetic loses digits


@dataclass(frozen=True)
class Proof:
    """What was proven; `reason` is empty unless the label is contradicted or not fulfilled at all."""

    status: str  # "ok", "failed" or "inapplicable"
    reason: str
    precision: str
    primitive_share: float


def revive(evidence: Mapping[str, Any]) -> Evidence:
    """Evidence from the JSON that a child sent."""
    kernels = tuple(Kernel(**kernel) for kernel in evidence["kernels"])
    return Evidence(kernels, evidence["threads"], evidence["isa"])


@dataclass(frozen=True)
class Promise:
    """What a label promises: the precision of the arithmetic, threads, a ceiling of the instruction set.

    `primitive` is the one that was asked for, empty where the choice was left to the code generator.
    """

    precision: str
    threads: int
    ceiling: str = NATIVE
    primitive: str = ""


def judge(evidence: Evidence, promise: Promise, macs: Sequence[int]) -> Proof:
    """Compare what a runtime says it runs with the label; `macs` are those of the network's operators, in order."""
    promised, primitive, threads = promise.precision, promise.primitive, promise.threads
    precision = evidence.precision
    share = _share(evidence, macs, lambda kernel: kernel.precision == promised)
    if not evidence.kernels:
        return Proof("failed", "the runtime names no convolution or linear operator that it ran", precision, share)
    if evidence.threads != threads:
        reason = f"{threads} threads asked for, the runtime uses {evidence.threads}"
        return Proof("failed", reason, precision, share)
    if not _below(evidence.isa, promise.ceiling):
        return Proof("failed", f"held to {promise.ceiling}, the runtime uses {evidence.isa}", precision, share)
    if promised == "float32" and share < 1:
        return Proof("failed", f"the network is float32, the runtime computes in {precision}", precision, share)
    if share == 0:
        return Proof("inapplicable", f"no operator ran in {promised}; all ran in {precision}", precision, share)
    if primitive:
        share = _share(evidence, macs, lambda k: k.precision == promised and k.primitive == primitive)
        if share == 0:
            return Proof("inapplicable", f"no operator ran under {primitive}", precision, share)
    return Proof("ok", "", precision, share)


def _below(isa: str, ceiling: str) -> bool:
    """Whether an instruction set is one that the ceiling allows; those below the ladder always are."""
    ladder = list(ISAS)
    return ceiling == NATIVE or isa not in ladder or ladder.index(isa) <= ladder.index(ceiling)


def _share(evidence: Evidence, macs: Sequence[int], fulfils: Callable[[Kernel], bool]) -> float:
    """Share of the multiply-adds (of the operators, where kernels and operators do not match) under the label."""
    matched = len(macs) == len(evidence.kernels) and any(macs)
    weights = macs if matched else [1] * len(evidence.kernels)
    right = sum(w for w, k in zip(weights, evidence.kernels, strict=True) if fulfils(k))
    return right / max(1, sum(weights))


def wrong_numbers(score: Mapping[str, Any], precision: str, storage: str = "float32", primitive: str = "") -> str:
    """Why outputs are not those of the reference, or nothing; `score` holds agreement and errors against it.

    What quantising cost is no error of the runtime's: int8 is held against the quantised network. `precision` is the
    arithmetic that was promised, `storage` how the weights are stored, `primitive` the one that was asked for: the
    coarsest sets the limit, since the reference is the last network neither rounded nor quantised.
    """
    if precision == "int8":
        found = score["quantised_agreement"]
        low = found < LEAST_AGREEMENT
        return f"top-1 agreement with the quantised network is {found:.3f}, below {LEAST_AGREEMENT}" if low else ""
    limit = max(RELATIVE_ERROR[precision], RELATIVE_ERROR.get(storage, 0.0), LOSSY.get(primitive, 0.0))
    if score["relative_error"] <= limit:
        return ""
    return f"wrong numbers: relative error {score['relative_error']:.2g} against the reference, above {limit:g}"
