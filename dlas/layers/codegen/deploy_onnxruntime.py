"""An executable of ONNX Runtime without dlas: the ONNX file with its fixed batch."""

import shutil
from pathlib import Path

from dlas.artifacts import Artifact
from dlas.host import Place
from dlas.layers.codegen.deploying import Deployment

_CODE = """\
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = settings["threads"]
options.inter_op_num_threads = 1
options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, settings["level"])
session = onnxruntime.InferenceSession(HERE / "model.onnx", options, providers=settings["providers"])


def infer(images):
    return session.run(None, {session.get_inputs()[0].name: images})[0]
"""


def deploy(executable: Artifact, place: Place, level: str, out: Path) -> Deployment:
    """Copy the file; `level` is how far the runtime optimises its graph, by its own name."""
    shutil.copyfile(executable.file("model.onnx"), out / "model.onnx")
    on_cpu = place.device == "cpu"
    options = {"device_id": place.index, "use_tf32": 0}
    providers = ["CPUExecutionProvider"] if on_cpu else [["CUDAExecutionProvider", options]]
    package = "onnxruntime" if on_cpu else "onnxruntime-gpu"
    settings = {"threads": place.threads, "level": level, "providers": providers}
    return Deployment(_CODE, settings, ("numpy", package))
