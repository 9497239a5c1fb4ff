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
session = onnxruntime.InferenceSession(HERE / "model.onnx", options, providers=settings["providers"])


def infer(images):
    return session.run(None, {session.get_inputs()[0].name: images})[0]
"""


def deploy(executable: Artifact, place: Place, out: Path) -> Deployment:
    """Copy the file."""
    shutil.copyfile(executable.file("model.onnx"), out / "model.onnx")
    on_cpu = place.device == "cpu"
    options = {"device_id": place.index, "use_tf32": 0}
    providers = ["CPUExecutionProvider"] if on_cpu else [["CUDAExecutionProvider", options]]
    package = "onnxruntime" if on_cpu else "onnxruntime-gpu"
    return Deployment(_CODE, {"threads": place.threads, "providers": providers}, ("numpy", package))
