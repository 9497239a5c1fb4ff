"""An Intel GPU, by a fake probe where there is none."""

from dataclasses import replace
from pathlib import Path

import pytest

from dlas.artifacts import Artifact
from dlas.errors import BuildFailed, Inapplicable
from dlas.host import Host, Place, Target
from dlas.layers.codegen.openvino import OpenVino, _Runner
from dlas.layers.hardware.intel_gpu import IntelGpu
from dlas.realise import obstacle
from dlas.stack import Stack

HOST = Host("A CPU", "x86_64", ("avx2",), (), 2, None, 2**34)
EXECUTABLE = Artifact("", Path(), {}, {"batch": 1, "shape": [1, 2, 2]}, {}, 0.0)
ONE = replace(HOST, intel_gpus=("intel 0x56a0",))
PLACE = Place("intel-gpu", 0, 1)


def test_without_a_device_it_is_inapplicable_and_says_so():
    assert IntelGpu().needs(Stack(), HOST) == "no such device on this host: it has no Intel GPUs"
    assert IntelGpu().needs(Stack(), ONE) is None
    assert IntelGpu(index=1).needs(Stack(), ONE) == "no such device on this host: it has 1 Intel GPUs"


def test_it_is_timed_by_the_wall_in_one_thread():
    command = IntelGpu(index=1).start(ONE)
    assert (command.clock, command.place) == ("wall", Place("intel-gpu", 1, 1))
    assert IntelGpu(batch=4).target(ONE) == Target("x86_64", "native", 4, 1)


def test_openvino_runs_there_and_others_say_that_they_do_not():
    assert obstacle(Stack(codegen="openvino", hardware="intel-gpu"), ONE) is None
    assert obstacle(Stack(codegen="onnxruntime", hardware="intel-gpu"), ONE) == "onnxruntime does not run on intel-gpu"


def test_openvino_without_the_plug_ins_device_refuses_and_does_not_run_on_the_processor():
    openvino = pytest.importorskip("openvino")
    if any(name.startswith("GPU") for name in openvino.Core().available_devices):
        pytest.skip("this host has one")
    with pytest.raises(Inapplicable, match="sees no Intel GPUs; install the compute runtime"):
        OpenVino().idle(EXECUTABLE, PLACE)


class FakeCore:
    """A runtime that sees one GPU; it compiles for the processor, whatever `runs_on` says that it did."""

    available_devices = ("CPU", "GPU")

    def __init__(self, runs_on):
        import openvino

        self._core, self._runs_on = openvino.Core(), runs_on

    def compile_model(self, model, device, settings):
        self.asked = device, settings
        compiled = self._core.compile_model(model, "CPU", {})
        return FakeCompiled(compiled, self._runs_on)


class FakeCompiled:
    def __init__(self, compiled, runs_on):
        self._compiled, self._runs_on = compiled, runs_on

    def __getattr__(self, name):
        return getattr(self._compiled, name)

    def get_property(self, name):
        return {"EXECUTION_DEVICES": self._runs_on}[name]


def runner(core):
    import numpy as np
    import openvino
    from openvino import opset13

    image = opset13.parameter([1, 1, 2, 2], np.float32)
    return _Runner(core, openvino.Model([opset13.result(image)], [image]), PLACE)


def test_it_is_held_to_float32_and_asked_for_by_its_number():
    pytest.importorskip("openvino")
    core = FakeCore(["GPU.0"])
    assert runner(core).evidence().isa == "GPU.0"
    device, settings = core.asked
    assert device == "GPU.0"
    assert settings["INFERENCE_PRECISION_HINT"] == "f32"
    assert "INFERENCE_NUM_THREADS" not in settings, "a property of the processor's plug-in alone"


def test_what_ran_elsewhere_is_a_failure():
    pytest.importorskip("openvino")
    with pytest.raises(BuildFailed, match=r"asked for GPU\.0, OpenVINO runs on CPU"):
        runner(FakeCore(["CPU"])).evidence()
