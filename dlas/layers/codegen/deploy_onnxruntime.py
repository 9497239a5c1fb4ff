"""An executable of ONNX Runtime without dlas: the ONNX file with its fixed batch."""

import shutil
from pathlib import Path

from dlas.artifacts import Artifact
from dlas.host import Place
from dlas.layers.codegen.deploying import Deployment
from dlas.layers.codegen.onnxruntime import MODEL, provider

_CODE = """\
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = settings["threads"]
options.inter_op_num_threads = 1
options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, settings["level"])
provider, provider_options = settings["provider"], settings["provider_options"]
session = onnxruntime.InferenceSession(
    HERE / "model.onnx", options, providers=[provider], provider_options=[provider_options]
)
session.disable_fallback()
used = session.get_providers()[0]
if used != provider:
    raise SystemExit(f"ONNX Runtime could not use {provider} and took {used}; look for its CUDA and cuDNN")


def infer(images):
    return session.run(None, {session.get_inputs()[0].name: images})[0]
"""


def deploy(executable: Artifact, place: Place, level: str, out: Path) -> Deployment:
    """Copy the file; `level` is how far the runtime optimises its graph, by its own name."""
    shutil.copyfile(executable.file(MODEL), out / MODEL)
    name, options = provider(place)
    settings = {"threads": place.threads, "level": level, "provider": name, "provider_options": options}
    return Deployment(_CODE, settings, ("numpy", "onnxruntime" if place.device == "cpu" else "onnxruntime-gpu"))
