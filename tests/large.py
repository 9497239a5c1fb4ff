"""A cube of a thousand cells with figures by formula: what a page must stay quick with."""

import itertools

import numpy as np
from handmade import BASELINE, build, interval, plan_of

COMPRESSIONS = (
    "none",
    "int8",
    *(f"weight-prune@{i / 100:g}" for i in range(40, 98, 6)),
    *(f"channel-prune@{i / 100:g}" for i in range(8, 98, 7)),
)
CODEGENS = ("openvino", "onnxruntime")
HARDWARE = tuple(f"cpu@threads={threads},batch={batch}" for threads in (1, 2) for batch in range(1, 11))


def thousand(compressions=COMPRESSIONS, codegens=CODEGENS, hardware=HARDWARE):
    """A factorial over three layers."""
    stacks = [
        BASELINE.perturb(compression=c, codegen=g, hardware=h)
        for c, g, h in itertools.product(compressions, codegens, hardware)
    ]
    plan = plan_of(*stacks)
    return build(plan, {cell.label: _values(i, cell.stack) for i, cell in enumerate(plan.cells)}, [])


def _values(i, stack):
    generator = np.random.default_rng(i)
    level = float(stack.compression.partition("@")[2] or 0)
    speed = {"openvino": 1.0, "onnxruntime": 1.4}[stack.codegen]
    gain = 1 - 0.7 * level if "channel" in stack.compression else 1.0
    ratio = 1.0 if i == 0 else speed * gain * float(np.exp(generator.normal(0, 0.05)))
    factor = 1.0 if i == 0 else float(np.exp(generator.uniform(0.005, 0.04)))
    right = 0.985 - 0.2 * max(0.0, level - 0.5) ** 2
    change = right - 0.985
    return {
        "status": "ok",
        **interval("latency", 5e-4 * ratio, 4.8e-4 * ratio, 5.2e-4 * ratio),
        **interval("relative_latency", ratio, ratio / factor, ratio * factor),
        **interval("accuracy", right, right - 0.008, right + 0.006),
        **interval("accuracy_change", change, change - 0.005, change + 0.005),
        "size": 3e5 * (1 - 0.6 * level),
        "weights_size": 2.9e5 * (1 - 0.6 * level),
        "macs": 1e7 * gain,
        "parameters": 8e4 * gain,
        "nonzeros": 8e4 * (1 - level),
        "processes": 3,
        "verdict": "faster" if ratio * factor < 1 else "slower" if ratio / factor > 1 else "inconclusive",
        "remark": "all 9 convolutions ran dense: zeros bring no speed" if "weight" in stack.compression else "",
        "warning": "margin not reached: ±2.4% instead of ±2.0%; raise --budget" if factor > 1.02 else "",
        "clock": "cpu, clean repetitions",
        "isa_used": "avx2",
        "compute_precision": "float32",
        "stopped_by": "margin",
    }
