"""A phrase for the table where the evidence explains a disappointed expectation."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from dlas.layers.codegen import Evidence, Kernel

MANY_ZEROS = 0.1  # share of zero weights from which one would expect speed
SHORT = ("float16", "bfloat16", "ternary")  # how networks store weights that runtimes compute with in float32
WIDER = 1.25  # times the network's own bytes from which the weights are stored in another form
LITTLE = 0.9  # latency over that of the same stack as the baseline compresses it; above, the gain disappoints


def remark(record: Mapping[str, Any], evidence: Evidence, ratio: float | None) -> str:
    """Why a cell is not faster than one would expect; empty where the evidence does not tell.

    `ratio` is its latency over that of the same stack without the cell's compression, None if unknown.
    """
    tuning = _about_tuning(record.get("tuning", {}))
    if not record["trained"]:
        return "; ".join(filter(None, ["random weights: no accuracy", tuning]))
    said = [_about_storage(record), _about_speed(record, evidence, ratio), tuning]
    return "; ".join(filter(None, said))


def _about_tuning(tuning: Mapping[str, Any]) -> str:
    """Whether the search was in vain."""
    kept_default = tuning and tuning["tune_payoff"] is None
    return (
        f"{tuning['tune_trials']} trials found nothing faster: the default schedules were kept" if kept_default else ""
    )


def _about_storage(record: Mapping[str, Any]) -> str:
    """Whether the executable stores the weights in more bytes than the network does."""
    kind, size = record.get("stored", ("float32", None))
    if kind not in SHORT or record["weights_size"] < WIDER * size:
        return ""
    return f"this runtime stores the {kind} weights in float32"


def _about_speed(record: Mapping[str, Any], evidence: Evidence, ratio: float | None) -> str:
    if ratio is None or ratio < LITTLE:
        return ""
    zeros = 1 - record["nonzeros"] / record["parameters"]
    if zeros >= MANY_ZEROS and not any(kernel.sparse for kernel in evidence.kernels):
        return f"{_all_of(evidence.kernels)} ran dense: zeros bring no speed"
    if record["precision"] == "int8":
        return _about_int8(evidence)
    return ""


def _about_int8(evidence: Evidence) -> str:
    floating = sum(kernel.precision != "int8" for kernel in evidence.kernels)
    if floating:
        return f"{floating} of {len(evidence.kernels)} operators ran in floating point"
    if evidence.isa in ("avx2", "avx", "sse42", "sse41"):
        return f"{_all_of(evidence.kernels)} ran in integers, but on {evidence.isa} without VNNI: little to gain"
    return ""


def _all_of(kernels: tuple[Kernel, ...]) -> str:
    kind, count = Counter(kernel.kind for kernel in kernels).most_common(1)[0]
    noun = {"convolution": "convolutions", "linear": "linear operators"}[kind]
    return f"all {count} {noun}" if count > 1 else f"the only {kind} operator"
