"""An executable of OpenVINO without dlas: the intermediate representation and the properties it is compiled with."""

import shutil
from pathlib import Path

from dlas.artifacts import Artifact
from dlas.host import Place
from dlas.layers.codegen.deploying import Deployment

_CODE = """\
import openvino

core = openvino.Core()
model = core.read_model(HERE / "model.xml", HERE / "model.bin")
compiled = core.compile_model(model, settings["device"], settings["properties"])


def infer(images):
    return compiled(images)[0]
"""


def deploy(executable: Artifact, place: Place, precision: str, out: Path) -> Deployment:
    """Copy both files; `precision` is what the plug-in is told to compute in."""
    for name in ("model.xml", "model.bin"):
        shutil.copyfile(executable.file(name), out / name)
    device = "CPU" if place.device == "cpu" else f"GPU.{place.index}"
    properties = {"NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    if device == "CPU":
        properties["INFERENCE_NUM_THREADS"] = place.threads
    return Deployment(_CODE, {"device": device, "properties": properties}, ("numpy", "openvino"))
