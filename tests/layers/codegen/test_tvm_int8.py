"""Quantised networks in tvm: the same bytes as ONNX Runtime's between all operators, where both have VNNI."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tvm")
pytest.importorskip("torch")

import onnx

from dlas import host, network, realise
from dlas.artifacts import Artifact
from dlas.fingerprint import file_digest
from dlas.host import Target
from dlas.layers.codegen import Lowering
from dlas.layers.codegen.tvm import Tvm, building, importing, machinecode, scheduling
from dlas.layers.codegen.tvm.runner import KERNELS
from dlas.layers.codegen.tvm.tuning import tuned
from dlas.layers.codegen.tvm.walk import walk
from dlas.layers.primitive.tvm import integer_tiles
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.stack import Stack
from dlas.tensorir.choices import DEFAULTS
from dlas.tensorir.machine import machine

VNNI = "avx512-vnni"
EXACT = ["resnet20", "mobilenetv1@width=0.25", "mobilenetv2@width=0.25", "vgg16@width=0.2"]
# ONNX Runtime's logistic function errs by 1e-7, which decides where the exact one lies within that of a half.
NEARLY = ["resnet8", "efficientnet-b0@width=0.25"]


@pytest.fixture
def quantised(store):
    """Quantises a network of random weights on digits; returns its artifact."""

    def make(model):
        arguments = ",".join(filter(None, [model.partition("@")[2], "weights=random"]))
        stack = Stack(model=f"{model.partition('@')[0]}@{arguments}", compression="int8", codegen="onnxruntime")
        steps = realise.realisation(stack, (), host.probe())
        for step in (steps.data, *steps.networks):
            found = realise.perform(step, store, lambda _: None)
        return found

    return make


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(0.5, 1, (5, 1, 1, 8, 8)).astype(np.float32)


def telling(path, folder) -> tuple[Path, list[tuple[float, int]]]:
    """The network with every tensor of bytes as an output too; what the bytes of each stand for."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    shapes = {value.name: value for value in model.graph.value_info}
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    rounded = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    del model.graph.output[:]
    model.graph.output.extend(shapes[node.output[0]] for node in rounded)
    onnx.save(model, folder / "telling.onnx")
    return folder / "telling.onnx", [(stored[n.input[1]].item(), stored[n.input[2]].item()) for n in rounded]


def reference(path, images):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [session.run(None, {session.get_inputs()[0].name: image}) for image in images]


@pytest.mark.slow
@pytest.mark.skipif(VNNI not in host.probe().isas, reason="this processor has no VNNI: ONNX Runtime's sums saturate")
@pytest.mark.parametrize("model", EXACT)
@pytest.mark.parametrize("tiles", [False, True], ids=["", "tiles in memory"])
def test_all_bytes_between_operators_are_onnx_runtimes(quantised, images, tmp_path, monkeypatch, model, tiles):
    import tvm
    from tvm.runtime.vm import VirtualMachine

    if tiles:
        monkeypatch.setattr(integer_tiles, "fits", lambda _, operator: operator.groups == 1)
    path, meanings = telling(quantised(model).file(network.ONNX), tmp_path)
    emitter = building.emitter_for(machine(VNNI), "default", "float32", DEFAULTS)
    walked = walk(importing.read(path, 1), emitter, SpatialPack())
    kernels = scheduling.kernels(walked.module, machine(VNNI), "default")
    call = VirtualMachine(machinecode.compiled(kernels, machine(VNNI)), tvm.cpu())["main"]
    assert {found.precision for found in walked.lowered} == {"int8"}
    for image, wanted in zip(images, reference(path, images), strict=True):
        for found, bytes_, (scale, zero) in zip(call(tvm.runtime.tensor(image)), wanted, meanings, strict=True):
            same = (bytes_.astype(np.float32) - np.float32(zero)) * np.float32(scale)
            np.testing.assert_array_equal(found.numpy(), same)


ISA = VNNI if VNNI in host.probe().isas else "avx2"


@pytest.fixture
def built(tmp_path):
    """Builds an executable of a network for this processor; returns its artifact."""

    def build(source):
        out = tmp_path / "executable"
        out.mkdir()
        facts = building.build(source, SpatialPack(), Target("x86_64", ISA, 1, 1), "default", out)
        return Artifact("", out, {}, facts, {path.name: file_digest(path) for path in out.iterdir()}, 0.0)

    return build


@pytest.mark.parametrize("model", NEARLY)
def test_an_executable_tells_its_integer_kernels(quantised, built, images, model):
    source = quantised(model)
    executable = built(source)
    runner = Tvm().load(executable, host.Place("cpu", 0, 1))
    assert {kernel.precision for kernel in runner.evidence().kernels} == {"int8"}
    if model == "resnet8":  # the other's operators have few channels: most of a vector is filled up
        assert executable.facts["weights_size"] < 2 * source.facts["parameters"], (
            "a byte a weight, few numbers beside them"
        )
    outputs = []
    for image in images:
        runner.feed(image)
        runner.infer()
        outputs.append(np.array(runner.output()))
    exact = network.run(source.file(network.ONNX), np.concatenate(images), optimise=False)
    step = np.ptp(exact) / 255
    assert np.abs(np.concatenate(outputs) - exact).max() <= 3 * step


def test_an_executable_for_amx_is_told_to_be_one_and_asks_for_its_tiles_when_it_is_loaded(quantised, tmp_path, images):
    out = tmp_path / "executable"
    out.mkdir()
    building.build(quantised("resnet20"), SpatialPack(), Target("x86_64", "amx", 1, 1), "default", out)
    listed = json.loads((out / KERNELS).read_text(encoding="utf-8"))
    assert listed["isa"] == "amx"
    assert sum("amx" in kernel["implementation"] for kernel in listed["kernels"]) == 5  # of 64 input channels
    executable = Artifact("", out, {}, {}, {path.name: file_digest(path) for path in out.iterdir()}, 0.0)
    idle = Tvm().idle(executable, host.Place("cpu", 0, 1))  # the system's answer is for those who compute with tiles
    idle.feed(images[0])
    idle.infer()
    np.testing.assert_array_equal(idle.output(), images[0])


@pytest.mark.skipif(VNNI not in host.probe().isas, reason="this processor has no VNNI: nothing is searched without")
def test_the_tiles_of_a_whole_network_are_searched(quantised, tmp_path):
    out = tmp_path / "executable"
    out.mkdir()
    own = Lowering("dlas.layers.primitive.tvm.spatial_pack.SpatialPack", {})
    facts = tuned.build(quantised("resnet8"), own, Target("x86_64", VNNI, 1, 1), tuned.Asked(2, "template"), out)
    listed = json.loads((out / KERNELS).read_text(encoding="utf-8"))
    assert {kernel["precision"] for kernel in listed["kernels"]} == {"int8"}
    told = json.loads((out / tuned.FROZEN).read_text(encoding="utf-8"))
    assert facts["tune_trials"] > len(told["tasks"]) > 0


def test_a_profile_tells_which_kernels_are_of_integers(quantised, built, images):
    source = quantised("mobilenetv1@width=0.25")
    profiled = Tvm().profile(built(source), host.Place("cpu", 0, 1))
    profiled.feed(images[0])
    for _ in range(2):
        profiled.infer()
    steps = [step for step in profiled.steps() if step.kind in ("convolution", "linear")]
    assert len(steps) == len(source.facts["operators"])
    assert {step.precision for step in steps} == {"int8"}
