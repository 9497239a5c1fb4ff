"""The sparse primitives and Winograd against spatial-pack: single convolutions, then whole networks pruned at 90 %.

Of single convolutions: one process, one thread, thread CPU time, the two sides in turn; a figure is the median over
rounds of the ratio `spatial-pack` / primitive (above 1: the primitive is faster), its interval from a bootstrap over
rounds. Weights are random, and each (for bsr each block of 16 x 1) is zero with the stated probability. Of networks,
for images of 32 x 32: the same ratio by dlas's own protocol; the smallest 90 % of each operator's random weights are
zero. The instruction set is the widest of this host, and told.

`--quick` takes one sparsity, one network, and little time.
"""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from noise import named, noise, stack
from pairs import bootstrap, built, compare, flat, tell
from reporting import arguments, publish

from dlas import host
from dlas.layers.codegen.tvm import building, scheduling
from dlas.layers.codegen.tvm.walk import FUNCTION
from dlas.layers.primitive.tvm.bsr import Bsr
from dlas.layers.primitive.tvm.bsr_kernel import HEIGHT
from dlas.layers.primitive.tvm.csr import Csr, CsrDirect, CsrGemm, CsrSpatialPack
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.layers.primitive.tvm.winograd import Winograd
from dlas.measure.rounds import Limits
from dlas.measure.statistics import Interval
from dlas.tensorir.emitter import Emitter, OperatorLowering, Value
from dlas.tensorir.layout import PLAIN, stored
from dlas.tensorir.machine import Machine, machine
from dlas.tensorir.operators import Convolution

SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
BLOCK_SPARSITIES = (0.0, 0.2, 0.3, 0.5, 0.7, 0.9)
SPARSE: Mapping[str, Callable[..., OperatorLowering]] = {
    "csr-direct": CsrDirect,
    "csr-gemm": CsrGemm,
    "csr-spatial-pack": CsrSpatialPack,
}
TRANSFORMED = ((64, 28), (128, 28), (256, 14), (512, 7))  # channels, side
NETWORKS = ("resnet20", "vgg16", "mobilenetv2")
PRUNED = "weight-prune@0.9,scope=operator,finetune=0"
SIDE = 32
LEAST_ROUNDS = 10
Call = Callable[[], object]


def operator(channels: int, side: int, sparsity: float = 0.0, block: int = 1) -> Convolution:
    """A 3x3 convolution that keeps channels and size; so many output channels share their zeros."""
    generator = np.random.default_rng(0)
    weights = generator.standard_normal((channels, channels, 3, 3), dtype=np.float32)
    zero = generator.random((channels // block, channels, 3, 3)) < sparsity
    weights[zero.repeat(block, 0)] = 0
    return Convolution(weights, (1, channels, side, side), padding=(1, 1, 1, 1))


def single(lowering: OperatorLowering, convolution: Convolution, target: Machine) -> Call:
    """A call of one convolution and a ReLU, its input and output in the primitive's own layout."""
    from tvm import relax

    builder = relax.BlockBuilder()
    emitter = Emitter(builder, target, "default")
    block = PLAIN if isinstance(lowering, Csr) else target.lanes
    shape = stored(convolution.image, block)
    images = relax.Var("images", relax.TensorType(shape, "float32"))
    with builder.function(FUNCTION, [images]):
        with builder.dataflow():
            done = lowering.convolution(emitter, convolution, Value(images, convolution.image, block))
            output = builder.emit_output(builder.emit(relax.op.nn.relu(done.value.var)))
        builder.emit_func_output(output)
    return _call(builder.get(), shape, target)


def _call(module: Any, shape: tuple[int, ...], target: Machine) -> Call:
    import tvm
    from tvm.runtime.vm import VirtualMachine

    scheduled = scheduling.scheduled(scheduling.fused(module), target)
    function = VirtualMachine(building.compiled(scheduled, target), tvm.cpu())[FUNCTION]
    images = tvm.runtime.tensor(np.random.default_rng(1).standard_normal(shape, dtype=np.float32))
    return lambda: function(images)


def ratio(dense: Call, other: Call, seconds: float) -> Interval:
    """Time of the first over that of the second, in turn."""
    logs = []
    until = time.monotonic() + seconds
    while time.monotonic() < until or len(logs) < LEAST_ROUNDS:
        logs.append(math.log(_seconds(dense) / _seconds(other)))
    return bootstrap(logs, lambda values: float(np.median(values))).exp()


def _seconds(call: Call) -> float:
    """CPU time of a few calls, after one that refills the caches."""
    call()
    begin = time.thread_time()
    for _ in range(5):
        call()
    return time.thread_time() - begin


def curve(sparsities: tuple[float, ...], target: Machine, seconds: float) -> dict[str, float]:
    """64 -> 64 3x3 on 28 x 28 over sparsities; every sparse primitive."""
    dense = single(SpatialPack(), operator(64, 28), target)
    said: dict[str, float] = {}
    for sparsity in sparsities:
        for name, make in SPARSE.items():
            found = ratio(dense, single(make(threshold=0.0), operator(64, 28, sparsity), target), seconds)
            said |= flat(f"{name.replace('-', '_')}_over_dense_at_{round(100 * sparsity)}", found)
            tell(f"{name} at {sparsity:.0%}: {found.value:.2f}")
    return said


def by_blocks(sparsities: tuple[float, ...], target: Machine, seconds: float) -> dict[str, float]:
    """The same convolution, its zeros in blocks of 16 x 1."""
    dense = single(SpatialPack(), operator(64, 28), target)
    said: dict[str, float] = {}
    for sparsity in sparsities:
        found = ratio(dense, single(Bsr(0.0), operator(64, 28, sparsity, HEIGHT), target), seconds)
        said |= flat(f"bsr_over_dense_at_{round(100 * sparsity)}", found)
        tell(f"bsr at {sparsity:.0%}: {found.value:.2f}")
    return said


def transformed(target: Machine, seconds: float) -> dict[str, float]:
    """Winograd where it pays."""
    said: dict[str, float] = {}
    for channels, side in TRANSFORMED:
        convolution = operator(channels, side)
        pair = single(SpatialPack(), convolution, target), single(Winograd("auto"), convolution, target)
        found = ratio(*pair, seconds)
        said |= flat(f"winograd_over_dense_{channels}at{side}", found)
        tell(f"winograd {channels} channels at {side}: {found.value:.2f}")
    return said


def networks(models: Sequence[str], seconds: float) -> dict[str, float]:
    """Whole networks at 90 %, by dlas's own protocol."""
    said: dict[str, float] = {}
    with noise([SIDE]) as places:
        for seed, model in enumerate(models):
            stacks = [stack(model, SIDE, "tvm", primitive, PRUNED) for primitive in ("spatial-pack", *SPARSE)]
            with built(stacks, places) as subjects:
                ratios = compare(subjects, Limits(0.0, seconds), seed)
            for primitive, found in zip(SPARSE, ratios, strict=True):
                gain = Interval(1 / found.value, 1 / found.high, 1 / found.low)
                said |= flat(f"{primitive.replace('-', '_')}_over_dense_{named(model, SIDE)}", gain)
                tell(f"{model} under {primitive}: {gain.value:.2f}")
    return said


def main() -> None:
    """Measure and publish."""
    asked = arguments(__doc__ or "")
    os.environ["TVM_NUM_THREADS"] = "1"
    widest = host.probe().isas[-1]
    tell(f"instruction set: {widest}")
    target, seconds = machine(widest), 0.3 if asked.quick else 1.5
    said = curve((0.9,) if asked.quick else SPARSITIES, target, seconds)
    said |= by_blocks((0.9,) if asked.quick else BLOCK_SPARSITIES, target, seconds)
    if not asked.quick:
        said |= transformed(target, seconds)
    said |= networks(NETWORKS[:1] if asked.quick else NETWORKS, seconds)
    publish(said, asked.json)


if __name__ == "__main__":
    main()
