"""The sparse primitives and Winograd against spatial-pack: single convolutions, then whole networks pruned at 90 %.

One process, one thread, thread CPU time, the two sides in turn; a figure is the median over rounds of the ratio
`spatial-pack` / primitive (above 1: the primitive is faster), its interval from a bootstrap over rounds. Weights are
random: of single convolutions each (for bsr each block of 16 x 1) is zero with the stated probability, of networks the
smallest 90 % of each operator's are. Images of networks are 32 x 32. The instruction set is the widest
of this host, and told.

`--quick` takes one sparsity, no network, and little time.
"""

import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pairs import bootstrap, flat, tell
from reporting import arguments, publish

from dlas import host, network
from dlas.layers.codegen.tvm import building, importing, scheduling
from dlas.layers.codegen.tvm.walk import FUNCTION
from dlas.layers.primitive.tvm.bsr import Bsr
from dlas.layers.primitive.tvm.bsr_kernel import HEIGHT
from dlas.layers.primitive.tvm.csr import Csr, CsrDirect, CsrGemm, CsrSpatialPack
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.layers.primitive.tvm.winograd import Winograd
from dlas.measure.statistics import Interval
from dlas.registry import catalogue, parse
from dlas.tensorir.emitter import Emitter, OperatorLowering, Value
from dlas.tensorir.layout import PLAIN, stored
from dlas.tensorir.machine import Machine, machine
from dlas.tensorir.operators import Convolution

SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
BLOCK_SPARSITIES = (0.0, 0.2, 0.3, 0.5, 0.7, 0.9)
SPARSE: Mapping[str, Callable[..., OperatorLowering]] = {
    "csr": CsrDirect,
    "csr_gemm": CsrGemm,
    "csr_spatial_pack": CsrSpatialPack,
}
TRANSFORMED = ((64, 28), (128, 28), (256, 14), (512, 7))  # channels, side
NETWORKS = ("resnet20", "vgg16")
SHAPE = (3, 32, 32)
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


def whole(lowering: OperatorLowering, path: Path, target: Machine) -> Call:
    """A call of a whole network."""
    walked = building.lowered(importing.read(path, 1), lowering, target, "default")
    return _call(walked.module, (1, *SHAPE), target)


def _call(module: Any, shape: tuple[int, ...], target: Machine) -> Call:
    import tvm
    from tvm.runtime.vm import VirtualMachine

    scheduled = scheduling.scheduled(scheduling.fused(module), target)
    function = VirtualMachine(building.compiled(scheduled, target), tvm.cpu())[FUNCTION]
    images = tvm.runtime.tensor(np.random.default_rng(1).standard_normal(shape, dtype=np.float32))
    return lambda: function(images)


def pruned(name: str, folder: Path) -> Path:
    """A network with random weights, the smallest 90 % of each operator's zero, as ONNX."""
    import torch
    from torch.nn.utils import prune

    torch.manual_seed(0)
    (option,) = parse("model", f"{name}@weights=random")
    module = option.module(list(SHAPE), 10).eval()  # type: ignore[attr-defined]
    weighty = [(child, "weight") for child in module.modules() if isinstance(child, torch.nn.Conv2d | torch.nn.Linear)]
    for child, parameter in weighty:
        prune.l1_unstructured(child, parameter, amount=0.9)
        prune.remove(child, parameter)
    path = folder / f"{name}.onnx"
    network._export(module, list(SHAPE), path)
    return path


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
            said |= flat(f"{name}_over_dense_at_{round(100 * sparsity)}", found)
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


def networks(target: Machine, seconds: float) -> dict[str, float]:
    """Whole networks at 90 %."""
    said: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in (name for name in NETWORKS if name in catalogue("model")):
            path = pruned(name, Path(folder))
            dense = whole(SpatialPack(), path, target)
            for primitive, make in SPARSE.items():
                found = ratio(dense, whole(make(threshold=0.8), path, target), seconds)
                said |= flat(f"{primitive}_over_dense_{name}", found)
                tell(f"{name} under {primitive}: {found.value:.2f}")
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
        said |= transformed(target, seconds) | networks(target, seconds)
    publish(said, asked.json)


if __name__ == "__main__":
    main()
