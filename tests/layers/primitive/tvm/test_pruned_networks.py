"""Whole networks under the sparse primitives and Winograd, built as a stack builds them, against ONNX Runtime."""

import json

import numpy as np
import pytest

pytest.importorskip("tvm")
pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from dlas import artifacts, network
from dlas.fingerprint import file_digest
from dlas.host import Place, Target
from dlas.layers.codegen.tvm import Tvm
from dlas.measure import proof
from dlas.realise import lowering_of
from dlas.registry import parse

SHAPE = [3, 32, 32]


def pruned(name, folder, prunable, together):
    """A network with random weights, the smallest 90 % zero (of all together, or of each operator), as an artifact."""
    import torch
    from torch import nn
    from torch.nn.utils import prune

    torch.manual_seed(0)
    (model,) = parse("model", f"{name}@weights=random")
    module = model.module(SHAPE, 10).eval()
    weighty = [(child, "weight") for child in module.modules() if prunable(child)]
    if together:
        prune.global_unstructured(weighty, prune.L1Unstructured, amount=0.9)
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.running_var.uniform_(0.02, 0.1)  # else so few weights leave nothing of the image
    for child, weight in weighty:
        if not together:
            prune.l1_unstructured(child, weight, amount=0.9)
        prune.remove(child, weight)
    network._export(module, SHAPE, folder / network.ONNX)
    operators = [vars(operator) for operator in network.read_operators(folder / network.ONNX)]
    return artifact(folder, {"operators": operators, "shape": SHAPE})


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    from torch import nn

    return pruned("resnet20", tmp_path_factory.mktemp("network"), lambda c: isinstance(c, nn.Conv2d | nn.Linear), True)


def agrees(source, executable):
    """Evidence of an executable whose logits, which depend on the image, are those of ONNX Runtime."""
    images = np.random.default_rng(0).standard_normal((2, *SHAPE), dtype=np.float32)
    wanted = network.run(source.file(network.ONNX), images, optimise=False)
    assert np.ptp(wanted, axis=0).max() > 0.05 * np.abs(wanted).max()
    found, evidence = logits(executable, images)
    assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()
    return evidence


def artifact(folder, facts):
    return artifacts.Artifact("", folder, {}, facts, {p.name: file_digest(p) for p in folder.iterdir()}, 0.0)


def compiled(source, primitive, out):
    (option,) = parse("primitive", primitive)
    facts = Tvm().compile(source, lowering_of(option, Tvm()), Target("x86_64", "avx2", 2, 1), out)
    return artifact(out, {**source.facts, **facts})


def logits(executable, images):
    runner = Tvm().load(executable, Place("cpu", 0, 1))
    runner.feed(images)
    runner.infer()
    return runner.output(), runner.evidence()


@pytest.mark.slow
@pytest.mark.parametrize("primitive", ["csr-direct", "csr-gemm", "csr-spatial-pack", "winograd"])
def test_a_pruned_resnet_is_onnx_runtimes(primitive, source, tmp_path):
    executable = compiled(source, primitive, tmp_path)
    evidence = agrees(source, executable)
    macs = [operator["macs"] for operator in source.facts["operators"]]
    judged = proof.judge(evidence, proof.Promise("float32", evidence.threads, primitive=primitive), macs)
    assert judged.status == "ok"
    assert judged.primitive_share > 0.25, "csr-gemm leaves all below 80 % dense"
    assert any(kernel.sparse for kernel in evidence.kernels) == primitive.startswith("csr")


@pytest.mark.slow
def test_what_a_sparse_executable_stores_is_values_offsets_and_pointers(source, tmp_path):
    executable = compiled(source, "csr-direct@threshold=0", tmp_path)
    listed = json.loads(executable.file("kernels.json").read_text())
    assert all(kernel["sparse"] for kernel in listed["kernels"])
    kept = sum(operator["nonzeros"] for operator in source.facts["operators"])
    assert executable.facts["weights_size"] >= 8 * kept
    assert executable.facts["weights_size"] <= 8 * kept + 8 * 4 * 2000, "pointers and biases of a thousand channels"
    assert (listed["copies"], listed["copied_bytes"]) == (2, 4 * 2 * (64 + 10)), "the rows of the linear operator"


@pytest.mark.slow
def test_depthwise_convolutions_between_sparse_ones_need_no_copy(tmp_path_factory, tmp_path):
    from torch import nn

    def pointwise(child):
        return isinstance(child, nn.Conv2d) and child.kernel_size == (1, 1)

    source = pruned("mobilenetv1", tmp_path_factory.mktemp("mobile"), pointwise, False)
    executable = compiled(source, "csr-direct", tmp_path)
    evidence = agrees(source, executable)
    planar = [kernel for kernel in evidence.kernels if kernel.implementation.startswith("direct planes")]
    assert len(planar) > 10
    assert not any(kernel.sparse for kernel in planar)
    assert executable.facts["copies"] <= 2
