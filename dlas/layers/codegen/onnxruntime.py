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
from dlas.errors import BuildFailed, Inapplicable
from dlas.host import Place, Target
from dlas.layers.codegen import PYTHON, Evidence, Kernel, Lowering, batch_shape
from dlas.network import Logits
from dlas.option import parameter

if TYPE_CHECKING:
    import onnxruntime

    from dlas.layers.codegen.deploying import Deployment
    from dlas.layers.codegen.profiling import Profiled

MODEL = "model.onnx"
_ERRORS_ONLY = 3
IR = 10  # of ONNX, that of opset 20
_KINDS = {
    **dict.fromkeys(("Conv", "FusedConv", "QLinearConv", "ConvInteger"), "convolution"),
    **dict.fromkeys(
        ("Gemm", "FusedGemm", "MatMul", "FusedMatMul", "QGemm", "QLinearMatMul", "MatMulInteger"), "linear"
    ),
}
_PROVIDERS: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "cpu": ("CPUExecutionProvider", {}),
    "cuda": ("CUDAExecutionProvider", {"use_tf32": 0}),
}
# Level → the runtime's own word for it, and domains of operators that only a wider level makes.
_LEVELS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "basic": ("ORT_ENABLE_BASIC", ("com.microsoft", "com.microsoft.nchwc")),
    "extended": ("ORT_ENABLE_EXTENDED", ("com.microsoft.nchwc",)),
    "all": ("ORT_ENABLE_ALL", ()),
}
_INTEGER = ("QLinearConv", "ConvInteger", "QGemm", "QLinearMatMul", "MatMulInteger")


@dataclass(frozen=True)
class OnnxRuntime:
    """ONNX Runtime's CPU or CUDA provider with its graph optimisations; TF32 off on CUDA."""

    name: ClassVar = "onnxruntime"
    suggested: ClassVar = ("onnxruntime",)
    packages: ClassVar = ("onnxruntime", "onnx")
    dialect: ClassVar = "onnxruntime"
    devices: ClassVar = ("cpu", "cuda")
    precisions: ClassVar = ("float32", "int8")
    takes_module: ClassVar = False
    depends_on: ClassVar = ()
    ceilings: ClassVar[Mapping[str, Mapping[str, str]]] = {}  # its kernels are chosen by the processor alone

    opt: str = parameter("how far the graph is optimised", "all", choices=tuple(_LEVELS))
    python: str = parameter(PYTHON, "", locator=True)

    def compile(self, network: Artifact, lowering: Lowering | None, target: Target, out: Path) -> dict[str, Any]:
        """Fix the batch; everything else happens when the file is loaded."""
        import onnx
        from onnx import numpy_helper

        model = onnx.load(network.file(networks.ONNX))
        networks.fix_batch(model, target.batch)
        onnx.save(model, out / MODEL)
        return {"weights_size": sum(numpy_helper.to_array(tensor).nbytes for tensor in model.graph.initializer)}

    def load(self, executable: Artifact, place: Place) -> "_Runner":
        """Optimise for the device and bind input and output once; raises Inapplicable without its provider."""
        return _Runner(executable.file(MODEL), place, self.opt)

    def profile(self, executable: Artifact, place: Place) -> "Profiled":
        """The same while the session writes down each of its nodes."""
        from dlas.layers.codegen import profile_onnxruntime

        def traced(model: Path | bytes, folder: str) -> profile_onnxruntime.Source:
            runner = _Runner(model, place, self.opt, str(Path(folder) / "trace"))
            return runner, runner.session

        return profile_onnxruntime.Traced(executable.file(MODEL), traced, _KINDS, _INTEGER)

    def deploy(self, executable: Artifact, place: Place, out: Path) -> "Deployment":
        """The ONNX file."""
        from dlas.layers.codegen import deploy_onnxruntime

        return deploy_onnxruntime.deploy(executable, place, _LEVELS[self.opt][0], out)

    def idle(self, executable: Artifact, place: Place) -> "_Runner":
        """A network that gives back its input."""
        return _Runner(_identity(batch_shape(executable)), place, self.opt)


class _Runner:
    def __init__(self, model: Path | bytes, place: Place, opt: str, trace: str = "") -> None:
        """Optimise the model; write a trace to files that begin so."""
        self._model = model
        self._place = place
        self._opt = opt
        options = _options(place, opt)
        if trace:
            options.enable_profiling = True
            options.profile_file_prefix = trace
        self.session = _session(model, options, place)
        self._binding = self.session.io_binding()
        self._binding.bind_output(self.session.get_outputs()[0].name, place.device, place.index)
        self._input = self.session.get_inputs()[0].name

    def feed(self, images: Images) -> None:
        if self._place.device == "cpu":
            self._binding.bind_cpu_input(self._input, images)
            return
        import onnxruntime

        value = onnxruntime.OrtValue.ortvalue_from_numpy(images, self._place.device, self._place.index)
        self._binding.bind_ortvalue_input(self._input, value)

    def infer(self) -> None:
        # On CUDA it returns when the device has finished: the run synchronises its stream unless told otherwise.
        self.session.run_with_iobinding(self._binding)

    def output(self) -> Logits:
        (logits,) = self._binding.copy_outputs_to_cpu()
        return np.asarray(logits, np.float32)

    def evidence(self) -> Evidence:
        with tempfile.TemporaryDirectory() as folder:
            kernels = tuple(_kernels(self._model, self._place, self._opt, Path(folder) / MODEL))
        options = self.session.get_session_options()
        _check_level(self._opt, options.graph_optimization_level, [kernel.implementation for kernel in kernels])
        threads = options.intra_op_num_threads
        return Evidence(
            kernels, threads, "not told" if self._place.device == "cpu" else self.session.get_providers()[0]
        )


def _options(place: Place, opt: str) -> "onnxruntime.SessionOptions":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = place.threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, _LEVELS[opt][0])
    options.log_severity_level = _ERRORS_ONLY
    if place.device == "cuda":
        # What the provider cannot run is refused, never put onto the processor.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


def _identity(shape: Sequence[int]) -> bytes:
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in (networks.INPUT, networks.OUTPUT)]
    node = helper.make_node("Identity", [networks.INPUT], [networks.OUTPUT])
    graph = helper.make_graph([node], "idle", ends[:1], ends[1:])
    opset = helper.make_opsetid("", networks.OPSET)
    written: bytes = helper.make_model(graph, opset_imports=[opset], ir_version=IR).SerializeToString()
    return written


def _session(
    model: Path | bytes, options: "onnxruntime.SessionOptions", place: Place
) -> "onnxruntime.InferenceSession":
    import onnxruntime

    name, settings = provider(place)
    if name not in onnxruntime.get_available_providers():
        raise Inapplicable(
            f"this ONNX Runtime ({onnxruntime.__version__}) has no {name}; install onnxruntime-gpu in its place"
        )
    session = onnxruntime.InferenceSession(model, options, providers=[(name, settings)])
    used = session.get_providers()
    if used[0] != name:
        raise Inapplicable(f"ONNX Runtime could not use {name} and took {used[0]}; look for its CUDA and cuDNN")
    return session


def provider(place: Place) -> tuple[str, dict[str, int]]:
    """The execution provider of a device, and its options."""
    name, settings = _PROVIDERS[place.device]
    return name, {**settings, "device_id": place.index} if place.device == "cuda" else dict(settings)


def _check_level(opt: str, told: "onnxruntime.GraphOptimizationLevel", implementations: Sequence[str]) -> None:
    """Raise BuildFailed where the runtime optimised otherwise than its label says."""
    level, beyond = _LEVELS[opt]
    if told.name != level:
        raise BuildFailed(f"opt={opt} asked for, ONNX Runtime says that it used {told.name}")
    floating = (name for name in implementations if name.partition(":")[2] not in _INTEGER)
    wider = next((name for name in floating if name.partition(":")[0] in beyond), None)
    if wider:
        raise BuildFailed(f"opt={opt} asked for, ONNX Runtime's graph has {wider}, which a wider level makes")


def _kernels(model: Path | bytes, place: Place, opt: str, optimised: Path) -> Iterator[Kernel]:
    """The operators of the graph that the runtime made for itself."""
    import onnx

    options = _options(place, opt)
    options.optimized_model_filepath = str(optimised)
    _session(model, options, place)
    for node in onnx.load(optimised).graph.node:
        if node.op_type in _KINDS:
            implementation = f"{node.domain or 'ai.onnx'}:{node.op_type}"
            precision = "int8" if node.op_type in _INTEGER else "float32"
            yield Kernel(node.name, _KINDS[node.op_type], implementation, precision)
