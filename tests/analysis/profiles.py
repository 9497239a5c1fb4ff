"""Profiles made by hand, so that what an explanation must say is known."""

from dlas.layers.codegen import Evidence, Kernel
from dlas.layers.codegen.profiling import Step
from dlas.measure.profile import Operator, Profile

US = 1e-6


def operator(name, outputs=16, inputs=16, zeros=0.0, groups=1, kind="convolution", side=3, macs=100_000):
    shape = (outputs, inputs // groups, side, side)[: 4 if kind == "convolution" else 2]
    count = outputs * (inputs // groups) * (side * side if kind == "convolution" else 1)
    return Operator(name, kind, macs, count, round(count * (1 - zeros)), groups, shape)


def step(name, microseconds, kind="convolution", kernel="brgconv_avx2_f32", precision="float32", **more):
    return Step(name, kind, microseconds * US, kernel, precision, **{"covers": (name,), "activations": 4096, **more})


def profile(label, steps, operators, whole=None, error=0.1, threads=1, precision="float32", **more):
    """A profile; its whole is what its kernels take unless it is given, in microseconds."""
    taken = sum(one.seconds for one in steps) if whole is None else whole * US
    kernels = tuple(Kernel(one.name, "convolution", one.implementation, one.precision) for one in steps)
    facts = {
        "codegen": "openvino",
        "batch": 1,
        "clock": "cpu" if threads == 1 else "wall",
        "profiled": taken * 1.1,
        "whole_error": error * US,
        **more,
    }
    return Profile(
        label=label,
        precision=precision,
        evidence=Evidence(kernels, threads, "avx2"),
        whole=taken,
        steps=tuple(steps),
        errors=(error * US,) * len(steps),
        operators=tuple(operators),
        **facts,
    )
