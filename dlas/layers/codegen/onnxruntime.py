"""ONNX Runtime: the network as ONNX with a fixed batch, optimised when it is loaded."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dlas import network as networks
from dlas.artifacts import Artifact
from dlas.data import Images
from dlas.host import Place, Target
from dlas.layers.codegen import Evidence, Kernel, Lowering, batch_shape
from dlas.network import Logits

if TYPE_CHECKING:
    import onnxruntime

MODEL = "model.onnx"
_ERRORS_ONLY = 3
_IR = 10  # of ONNX, that of opset 20
_KINDS = {
    **dict.fromkeys(("Conv", "FusedConv", "QLinearConv", "ConvInteger"), "convolution"),
    **dict.fromkeys(
        ("Gemm", "FusedGemm", "MatMul", "FusedMatMul", "QGemm", "QLinearMatMul", "MatMulInteger"), "linear"
    ),
}
_INTEGER = ("QLinearConv", "ConvInteger", "QGemm", "QLinearMatMul", "MatMulInteger")


@dataclass(frozen=True)
class OnnxRuntime:
    """ONNX Runtime's CPU provider with all graph optimisations."""

    name: ClassVar = "onnxruntime"
    suggested: ClassVar = ("onnxruntime",)
    packages: ClassVar = ("onnxruntime", "onnx")
    dialect: ClassVar = "onnxruntime"
    devices: ClassVar = ("cpu",)
    precisions: ClassVar = ("float32", "int8")
    takes_module: ClassVar = False
    depends_on: ClassVar = ()
    ceilings: ClassVar[Mapping[str, Mapping[str, str]]] = {}  # its kernels are chosen by the processor alone

    def compile(self, network: Artifact, lowering: Lowering | None, target: Target, out: Path) -> dict[str, Any]:
        """Fix the batch; everything else happens when the file is loaded."""
        import onnx
        from onnx import numpy_helper

        model = onnx.load(network.file(networks.ONNX))
        networks.fix_batch(model, target.batch)
        onnx.save(model, out / MODEL)
        return {"weights_size": sum(numpy_helper.to_array(tensor).nbytes for tensor in model.graph.initializer)}

    def load(self, executable: Artifact, place: Place) -> "_Runner":
        """Optimise for this processor and bind input and output once."""
        return _Runner(executable.file(MODEL), place.threads)

    def idle(self, executable: Artifact, place: Place) -> "_Runner":
        """A network that gives back its input."""
        return _Runner(_identity(batch_shape(executable)), place.threads)


class _Runner:
    def __init__(self, model: Path | bytes, threads: int) -> None:
        self._model = model
        self._threads = threads
        self._session = _session(model, _options(threads))
        self._binding = self._session.io_binding()
        self._binding.bind_output(self._session.get_outputs()[0].name)

    def feed(self, images: Images) -> None:
        self._binding.bind_cpu_input(self._session.get_inputs()[0].name, images)

    def infer(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def output(self) -> Logits:
        (logits,) = self._binding.copy_outputs_to_cpu()
        return np.asarray(logits, np.float32)

    def evidence(self) -> Evidence:
        with tempfile.TemporaryDirectory() as folder:
            kernels = tuple(_kernels(self._model, self._threads, Path(folder) / MODEL))
        threads = self._session.get_session_options().intra_op_num_threads
        return Evidence(kernels, threads, "not told")


def _options(threads: int) -> "onnxruntime.SessionOptions":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    return options


def _identity(shape: Sequence[int]) -> bytes:
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in (networks.INPUT, networks.OUTPUT)]
    node = helper.make_node("Identity", [networks.INPUT], [networks.OUTPUT])
    graph = helper.make_graph([node], "idle", ends[:1], ends[1:])
    opset = helper.make_opsetid("", networks.OPSET)
    written: bytes = helper.make_model(graph, opset_imports=[opset], ir_version=_IR).SerializeToString()
    return written


def _session(model: Path | bytes, options: "onnxruntime.SessionOptions") -> "onnxruntime.InferenceSession":
    import onnxruntime

    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _kernels(model: Path | bytes, threads: int, optimised: Path) -> Iterator[Kernel]:
    """The operators of the graph that the runtime made for itself."""
    import onnx

    options = _options(threads)
    options.optimized_model_filepath = str(optimised)
    _session(model, options)
    for node in onnx.load(optimised).graph.node:
        if node.op_type in _KINDS:
            implementation = f"{node.domain or 'ai.onnx'}:{node.op_type}"
            precision = "int8" if node.op_type in _INTEGER else "float32"
            yield Kernel(node.name, _KINDS[node.op_type], implementation, precision)
