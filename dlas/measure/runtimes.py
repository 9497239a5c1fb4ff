"""How many threads each runtime says it uses when it is asked for one; each is asked in a child of its own."""

import sys
from dataclasses import dataclass

from dlas import process
from dlas.errors import BuildFailed
from dlas.fingerprint import package_version
from dlas.process import Child, Message, environment

NAMES = ("openvino", "onnxruntime", "torch", "tvm")
_PACKAGES = {"tvm": "apache-tvm"}

_TIMEOUT = 120.0  # s; a cold disk takes its time to import torch
_SIDE = 64  # of the product that is compiled for the question's sake


@dataclass(frozen=True)
class Runtime:
    """A runtime's version (None: not installed), and the threads it reports; `problem` says why it does not."""

    name: str
    version: str | None
    threads: int | None = None
    problem: str = ""


def ask_all() -> tuple[Runtime, ...]:
    """What each runtime of `NAMES` says."""
    return tuple(_ask(name) for name in NAMES)


def _ask(name: str) -> Runtime:
    version = package_version(_PACKAGES.get(name, name))
    if version is None:
        return Runtime(name, None)
    try:
        with Child((sys.executable, "-m", "dlas.measure.runtimes"), environment(1)) as child:
            return Runtime(name, version, child.ask({"runtime": name}, _TIMEOUT)["threads"])
    except BuildFailed as problem:
        return Runtime(name, version, problem=str(problem))


# --- the child's side -------------------------------------------------------------------------------------------


def _answer(request: Message, _: process.Report) -> Message:
    reports = {"openvino": _openvino, "onnxruntime": _onnxruntime, "torch": _torch, "tvm": _tvm}
    return {"threads": reports[request["runtime"]]()}


def _openvino() -> int:
    import numpy as np
    import openvino
    from openvino import opset13

    images = opset13.parameter([_SIDE, _SIDE], np.float32)
    product = opset13.matmul(images, images, False, False)
    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(openvino.Model([product], [images]), "CPU", settings)
    return int(compiled.get_property("INFERENCE_NUM_THREADS"))


def _onnxruntime() -> int:
    import onnxruntime
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [_SIDE, _SIDE]) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "x"], ["y"])], "question", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return int(session.get_session_options().intra_op_num_threads)


def _torch() -> int:
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    return torch.get_num_threads()


def _tvm() -> int:
    import tvm

    return int(tvm.get_global_func("runtime.NumThreads")())


if __name__ == "__main__":
    process.serve(_answer)
