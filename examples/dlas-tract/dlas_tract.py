"""tract, an inference engine written in Rust, as a code generator: a whole plug-in in one module."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dlas import network
from dlas.layers.codegen import Evidence, Kernel, batch_shape

MODEL, IDLE = "model.onnx", "idle.onnx"
_PRODUCTS = ("OptMatMul", "DepthWise")  # how it names what convolutions and linear operators become
_TYPES = {"FMA(F32)": "float32", "FMA(F16)": "float16", "FMA(I32)": "int8"}


@dataclass(frozen=True)
class Tract:
    """tract, its default optimisations, one thread."""

    name: ClassVar = "tract"
    suggested: ClassVar = ("tract",)
    packages: ClassVar = ("tract", "onnx")
    dialect: ClassVar = "tract"
    devices: ClassVar = ("cpu",)
    precisions: ClassVar = ("float32",)
    takes_module: ClassVar = False
    depends_on: ClassVar = ()
    ceilings: ClassVar[Mapping[str, Mapping[str, str]]] = {}  # its kernels are chosen by the processor alone

    def needs(self, stack, host):
        """One thread: its bindings cannot be asked for more."""
        return "tract runs on one thread" if getattr(stack.options("hardware")[0], "threads", 1) > 1 else None

    def compile(self, source, lowering, target, out: Path) -> dict[str, Any]:
        """Fix the batch; everything else happens when the file is loaded."""
        import onnx
        from onnx import numpy_helper

        model = onnx.load(source.file(network.ONNX))
        network.fix_batch(model, target.batch)
        onnx.save(model, out / MODEL)
        _save_identity([target.batch, *source.facts["shape"]], out / IDLE)
        return {"weights_size": sum(numpy_helper.to_array(tensor).nbytes for tensor in model.graph.initializer)}

    def load(self, executable, place):
        """Optimise for this processor."""
        return _Runner(executable.file(MODEL), batch_shape(executable))

    def idle(self, executable, place):
        """A network that gives back its input."""
        return _Runner(executable.file(IDLE), batch_shape(executable))


def _save_identity(shape: list[int], path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in (network.INPUT, network.OUTPUT)]
    node = helper.make_node("Identity", [network.INPUT], [network.OUTPUT])
    graph = helper.make_graph([node], "idle", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", network.OPSET)]), path)


class _Runner:
    def __init__(self, path: Path, shape: list[int]) -> None:
        import tract

        self._tensor = tract.Tensor.from_numpy
        before = _threads()
        model = tract.onnx().load(path)
        model.set_input_fact(0, ",".join(map(str, [*shape, "f32"])))
        self._runnable = model.into_model().into_runnable()
        self._state = self._runnable.spawn_state()
        self.feed(np.zeros(shape, np.float32))
        self.infer()
        self._started = _threads() - before  # its bindings do not tell; the kernel does

    def feed(self, images) -> None:
        self._images = np.ascontiguousarray(images)
        self._input = [self._tensor(self._images)]

    def infer(self) -> None:
        (self._output,) = self._state.run(self._input)

    def output(self):
        return np.array(self._output.to_numpy(), np.float32)

    def evidence(self) -> Evidence:
        nodes = json.loads(self._runnable.profile_json([self._images]))["nodes"]
        nodes.sort(key=lambda node: node["qualified_id"][1])
        kernels = tuple(_kernel(node) for node in nodes if node["op_name"] in _PRODUCTS)
        return Evidence(kernels, 1 + self._started, "not told")


def _kernel(node: Mapping[str, Any]) -> Kernel:
    """What its profile says of a product; those of convolutions end in `matmatmul`."""
    convolves = node["op_name"] == "DepthWise" or node["node_name"].endswith("matmatmul")
    precision = next((_TYPES.get(unit, "unknown") for unit in node.get("cost", {})), "unknown")
    return Kernel(node["node_name"], "convolution" if convolves else "linear", node["op_name"], precision)


def _threads() -> int:
    """Threads of this process beside those of Python's own."""
    return len(list(Path("/proc/self/task").iterdir())) - threading.active_count()
