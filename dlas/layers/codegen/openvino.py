"""OpenVINO: the network as its intermediate representation, compiled by a device's plug-in when it is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dlas import network as networks
from dlas.artifacts import Artifact
from dlas.data import Images
from dlas.errors import BuildFailed, Inapplicable
from dlas.host import Place, Target
from dlas.layers.codegen import PYTHON, Evidence, Kernel, Lowering, batch_shape, precision_named, widest_isa
from dlas.network import Logits
from dlas.option import parameter

if TYPE_CHECKING:
    import openvino

    from dlas.layers.codegen.deploying import Deployment
    from dlas.layers.codegen.profiling import Profiled

MODEL = "model.xml"
_HINTS = {"float16": "f16", "bfloat16": "bf16"}  # promised arithmetic → what the plug-in is told
_KINDS = {"Convolution": "convolution", "FullyConnected": "linear", "MatMul": "linear", "Gemm": "linear"}
_INTEL_GPU = "intel-gpu"


@dataclass(frozen=True)
class OpenVino:
    """OpenVINO, latency mode, one stream, float32 unless the network is quantised."""

    name: ClassVar = "openvino"
    suggested: ClassVar = ("openvino",)
    packages: ClassVar = ("openvino",)
    dialect: ClassVar = "openvino"
    devices: ClassVar = ("cpu", _INTEL_GPU)
    precisions: ClassVar = ("float32", "int8", "float16", "bfloat16")
    takes_module: ClassVar = False
    depends_on: ClassVar = ()
    ceilings: ClassVar = {
        "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
        "avx512": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
        "avx512-vnni": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"},
        "amx": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_AMX"},
    }

    python: str = parameter(PYTHON, "", locator=True)

    def compile(self, network: Artifact, lowering: Lowering | None, target: Target, out: Path) -> dict[str, Any]:
        """Convert the ONNX, fix the batch, save the weights in float16 if they are stored so, else as they are."""
        import openvino

        # read_model on the ONNX itself segfaults on some quantised networks; the converter does not.
        model = openvino.convert_model(network.file(networks.ONNX))
        model.reshape([target.batch, *network.facts["shape"]])
        # The converter makes float32 of weights that are stored in fewer bits; only float16 can be undone.
        openvino.save_model(model, out / MODEL, compress_to_fp16=network.facts.get("storage") == "float16")
        return {"weights_size": (out / MODEL).with_suffix(".bin").stat().st_size}

    def load(self, executable: Artifact, place: Place) -> "_Runner":
        """Compile for this processor or its GPU; raises Inapplicable if the plug-in does not see that."""
        import openvino

        return self._load(openvino.Core(), executable, place)

    def _load(self, core: "openvino.Core", executable: Artifact, place: Place) -> "_Runner":
        model = core.read_model(executable.file(MODEL), executable.file("model.bin"))
        return _Runner(core, model, place, _HINTS.get(executable.facts["precision"], "f32"))

    def profile(self, executable: Artifact, place: Place) -> "Profiled":
        """The same with the plug-in's counters on."""
        import openvino

        from dlas.layers.codegen import profile_openvino

        core = openvino.Core()
        core.set_property(_device(core, place).partition(".")[0], {"PERF_COUNT": True})
        runner = self._load(core, executable, place)
        return profile_openvino.Counted(runner, runner.compiled, runner.request, _KINDS)

    def deploy(self, executable: Artifact, place: Place, out: Path) -> "Deployment":
        """The intermediate representation, and the properties that it is compiled with."""
        from dlas.layers.codegen import deploy_openvino

        return deploy_openvino.deploy(executable, place, _HINTS.get(executable.facts["precision"], "f32"), out)

    def idle(self, executable: Artifact, place: Place) -> "_Runner":
        """A network that gives back its input."""
        import openvino
        from openvino import opset13

        image = opset13.parameter(batch_shape(executable), np.float32)
        return _Runner(openvino.Core(), openvino.Model([opset13.result(image)], [image]), place)


class _Runner:
    def __init__(self, core: "openvino.Core", model: "openvino.Model", place: Place, precision: str = "f32") -> None:
        self._place = place
        self._device = _device(core, place)
        settings = {
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # The default is bfloat16 on a processor with AMX, and float16 on a GPU.
            "INFERENCE_PRECISION_HINT": precision,
        }
        if self._device == "CPU":
            settings["INFERENCE_NUM_THREADS"] = place.threads
        self.compiled = core.compile_model(model, self._device, settings)
        self.request = self.compiled.create_infer_request()
        self._input = self.request.get_input_tensor()
        # The request's own infer wraps this one in Python that sorts inputs and copies outputs, 10 µs a call.
        self._infer = super(type(self.request), self.request).infer  # type: ignore[misc]

    def feed(self, images: Images) -> None:
        self._input.data[:] = images

    def infer(self) -> None:
        self._infer({}, True, False)

    def output(self) -> Logits:
        return np.array(self.request.get_output_tensor(0).data)

    def evidence(self) -> Evidence:
        described = [_describe(node) for node in self.compiled.get_runtime_model().get_ordered_ops()]
        kernels = tuple(
            Kernel(name, _KINDS[kind], kernel, precision_named(kernel), sparse="sparse" in kernel)
            for name, kind, kernel in described
            if kind in _KINDS
        )
        if self._device == "CPU":
            threads = self.compiled.get_property("INFERENCE_NUM_THREADS")
            return Evidence(kernels, threads, widest_isa(kernel.implementation for kernel in kernels))
        used = list(self.compiled.get_property("EXECUTION_DEVICES"))
        if used != [self._device]:
            raise BuildFailed(f"asked for {self._device}, OpenVINO runs on {', '.join(used)}")
        return Evidence(kernels, self._place.threads, self._device)  # the thread that waits is the only one


def _device(core: "openvino.Core", place: Place) -> str:
    """The device by OpenVINO's name; raises Inapplicable if its GPU plug-in does not see it."""
    if place.device != _INTEL_GPU:
        return "CPU"
    seen = [name for name in core.available_devices if name.partition(".")[0] == "GPU"]
    if place.index >= len(seen):
        raise Inapplicable(
            f"OpenVINO's GPU plug-in sees {len(seen) or 'no'} Intel GPUs; "
            "install the compute runtime (intel-opencl-icd)"
        )
    return f"GPU.{place.index}"


def _describe(node: Any) -> tuple[str, str, str]:
    """Name, type and kernel of a node of the runtime's graph; `runtimePrecision` is no proof, the kernel is."""
    info = node.get_rt_info()
    return (node.get_friendly_name(), info["layerType"].astype(str), info["primitiveType"].astype(str))
