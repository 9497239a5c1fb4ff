"""A CUDA device, by a fake probe where there is none."""

from dataclasses import replace
from pathlib import Path

import pytest

from dlas.artifacts import Artifact
from dlas.errors import Inapplicable
from dlas.host import Host, Place, Target
from dlas.layers.codegen.onnxruntime import OnnxRuntime
from dlas.layers.hardware.cuda import Cuda
from dlas.realise import obstacle
from dlas.stack import Stack

HOST = Host("A CPU", "x86_64", ("avx2",), (), 2, None, 2**34)
EXECUTABLE = Artifact("", Path(), {}, {"batch": 1, "shape": [1, 2, 2]}, {}, 0.0)


def test_without_a_device_it_is_inapplicable_and_says_so():
    assert Cuda().needs(Stack(), HOST) == "no such device on this host: it has no CUDA devices"


def test_an_index_beyond_the_devices_is_inapplicable():
    one = replace(HOST, gpus=("A GPU",))
    assert Cuda(index=0).needs(Stack(), one) is None
    assert Cuda(index=1).needs(Stack(), one) == "no such device on this host: it has 1 CUDA devices"


def test_it_is_timed_by_the_wall_in_one_thread():
    command = Cuda(index=1).start(HOST)
    assert command.clock == "wall"
    assert (command.place.device, command.place.index, command.place.threads) == ("cuda", 1, 1)
    assert Cuda(batch=4).target(HOST) == Target("x86_64", "native", 4, 1)


def test_code_generators_without_it_say_so():
    one = replace(HOST, gpus=("A GPU",))
    assert obstacle(Stack(codegen="openvino", hardware="cuda"), one) == "openvino does not run on cuda"
    assert obstacle(Stack(codegen="onnxruntime", hardware="cuda"), one) is None


def test_an_onnxruntime_without_the_provider_refuses_and_does_not_run_on_the_processor():
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has it")
    with pytest.raises(Inapplicable, match="has no CUDAExecutionProvider; install onnxruntime-gpu in its place"):
        OnnxRuntime().idle(EXECUTABLE, Place("cuda", 0, 1))
