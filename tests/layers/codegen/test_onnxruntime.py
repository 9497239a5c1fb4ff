"""ONNX Runtime: levels of optimisation give the same numbers by other operators, and each is read back."""

import json

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from dlas.artifacts import Artifact
from dlas.errors import BuildFailed
from dlas.fingerprint import file_digest
from dlas.host import Place, Target
from dlas.layers.codegen.onnxruntime import OnnxRuntime, _check_level
from dlas.network import ONNX
from dlas.registry import canonical, parse

IMAGES = np.random.default_rng(0).standard_normal((1, 16, 8, 8), dtype=np.float32)
PLACE = Place("cpu", 0, 1)


@pytest.fixture
def network(tmp_path):
    """A convolution of 16 channels and what the wider levels fuse behind it."""
    weights = np.random.default_rng(1).standard_normal((16, 16, 3, 3), dtype=np.float32)
    nodes = [
        helper.make_node("Conv", ["input", "weights"], ["sums"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["sums"], ["logits"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, IMAGES.shape) for name in ("input", "logits")]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], [numpy_helper.from_array(weights, "weights")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), tmp_path / ONNX)
    return artifact(tmp_path, {"shape": [16, 8, 8]})


def artifact(folder, facts):
    return Artifact("", folder, {}, facts, {path.name: file_digest(path) for path in folder.iterdir()}, 0.0)


def compiled(network, out, opt):
    out.mkdir()
    facts = OnnxRuntime(opt).compile(network, None, Target("x86_64", "avx2", 1, 1), out)
    return artifact(out, {**facts, **network.facts, "batch": 1})


def loaded(network, out, opt):
    runner = OnnxRuntime(opt).load(compiled(network, out, opt), PLACE)
    runner.feed(IMAGES)
    runner.infer()
    return runner


def test_each_level_gives_the_same_numbers_by_the_operators_of_its_own(network, tmp_path):
    runners = {opt: loaded(network, tmp_path / opt, opt) for opt in ("basic", "extended", "all")}
    ran = {opt: runner.evidence().kernels[0].implementation for opt, runner in runners.items()}
    assert ran["basic"] == "ai.onnx:Conv"
    assert ran["extended"] == "com.microsoft:FusedConv"
    assert ran["all"] in ("com.microsoft.nchwc:Conv", "com.microsoft:FusedConv"), "narrow processors have no NCHWc"
    for runner in runners.values():
        assert np.abs(runner.output() - runners["basic"].output()).max() < 1e-4


def test_an_operator_of_the_runtimes_own_domain_that_the_network_brought_contradicts_no_level(network, tmp_path):
    model = onnx.load(network.file(ONNX))
    model.graph.node[1].CopyFrom(helper.make_node("Gelu", ["sums"], ["logits"], domain="com.microsoft"))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, tmp_path / ONNX)
    changed = artifact(tmp_path, network.facts)
    kernels = loaded(changed, tmp_path / "basic", "basic").evidence().kernels
    assert [kernel.implementation for kernel in kernels] == ["ai.onnx:Conv"]


def test_a_level_that_the_runtime_did_not_keep_is_told():
    from onnxruntime import GraphOptimizationLevel as Level

    _check_level("basic", Level.ORT_ENABLE_BASIC, ["ai.onnx:Conv", "com.microsoft:QLinearConv"])
    with pytest.raises(BuildFailed, match=r"^opt=basic asked for, ONNX Runtime says that it used ORT_ENABLE_ALL$"):
        _check_level("basic", Level.ORT_ENABLE_ALL, [])
    with pytest.raises(BuildFailed, match=r"graph has com\.microsoft\.nchwc:Conv, which a wider level makes"):
        _check_level("extended", Level.ORT_ENABLE_EXTENDED, ["com.microsoft.nchwc:Conv"])


def deployed(network, folder, place):
    """The deployment of an executable, and what its code sees: settings as the exported file has them."""
    out = folder / "deployed"
    out.mkdir()
    deployment = OnnxRuntime().deploy(compiled(network, folder / "executable", "all"), place, out)
    return deployment, {"settings": json.loads(json.dumps(deployment.settings)), "HERE": out, "np": np}


def test_a_deployment_gives_the_numbers_of_the_executable(network, tmp_path):
    deployment, seen = deployed(network, tmp_path, PLACE)
    exec(deployment.code, seen)
    assert np.array_equal(seen["infer"](IMAGES), loaded(network, tmp_path / "all", "all").output())
    assert deployment.packages == ("numpy", "onnxruntime")


@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider':UserWarning")
@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this host has CUDA")
def test_a_deployment_for_cuda_says_in_a_sentence_that_there_is_none(network, tmp_path):
    deployment, seen = deployed(network, tmp_path, Place("cuda", 0, 1))
    with pytest.raises(SystemExit) as told:
        exec(deployment.code, seen)
    why = "ONNX Runtime could not use CUDAExecutionProvider and took CPUExecutionProvider; look for its CUDA and cuDNN"
    assert str(told.value) == why


def test_a_deployment_asks_for_the_device_that_was_measured_without_a_way_back(network, tmp_path, monkeypatch):
    from onnxruntime.capi import onnxruntime_inference_collection as theirs

    asked = []

    class Session:
        def __init__(self, model, options, providers, provider_options):
            available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
            asked.append(theirs.check_and_normalize_provider_args(providers, provider_options, available))

        def disable_fallback(self):
            asked.append("no fallback")

        def get_providers(self):
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    deployment, seen = deployed(network, tmp_path, Place("cuda", 1, 1))
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    exec(deployment.code, seen)
    assert asked == [(["CUDAExecutionProvider"], [{"use_tf32": "0", "device_id": "1"}]), "no fallback"]
    assert deployment.packages == ("numpy", "onnxruntime-gpu")


def test_all_optimisations_are_the_default():
    assert canonical("codegen", "onnxruntime@opt=all") == "onnxruntime"
    assert parse("codegen", "onnxruntime@opt=basic") == (OnnxRuntime("basic"),)
