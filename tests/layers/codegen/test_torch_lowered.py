"""Whole networks of torch under `gemm` and `csr-gemm`: their numbers, what is stored, what the profile shows."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import save_file  # noqa: E402

from dlas import artifacts, host, network  # noqa: E402
from dlas.errors import Inapplicable  # noqa: E402
from dlas.fingerprint import file_digest  # noqa: E402
from dlas.host import Place, Target  # noqa: E402
from dlas.layers.codegen.torch import Torch  # noqa: E402
from dlas.realise import lowering_of, obstacle  # noqa: E402
from dlas.registry import parse  # noqa: E402
from dlas.stack import Stack  # noqa: E402

SHAPE = (1, 8, 8)
PLACE = Place("cpu", 0, torch.get_num_threads())
IMAGES = np.random.default_rng(0).standard_normal((2, *SHAPE), dtype=np.float32)


def artifact(folder, **facts):
    return artifacts.Artifact("", folder, {}, facts, {p.name: file_digest(p) for p in folder.iterdir()}, 0.0)


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    """ResNet-8 whose operators are zero but for a tenth."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("network")
    (model,) = parse("model", "resnet8@weights=random")
    module = model.module(SHAPE, 10).eval()
    for child in module.modules():
        if isinstance(child, torch.nn.Conv2d | torch.nn.Linear):
            child.weight.data *= torch.rand_like(child.weight) < 0.1
    (folder / network.SHAPES).write_text("{}")
    save_file(module.state_dict(), folder / network.WEIGHTS)
    facts = {"model": "resnet8@weights=random", "shape": SHAPE, "classes": 10, "module": True, "precision": "float32"}
    return artifact(folder, **facts), module


def compiled(source, primitive, out):
    (option,) = parse("primitive", primitive)
    facts = Torch().compile(source, lowering_of(option, Torch()), Target("x86_64", "avx2", 2, 1), out)
    return artifact(out, **source.facts, **facts, batch=len(IMAGES))


def wanted(module):
    """What the network without any primitive gives."""
    return module(torch.from_numpy(IMAGES)).detach().numpy()


def runner(executable, request):
    found = Torch().load(executable, PLACE)
    request.addfinalizer(lambda: found._mode.__exit__(None, None, None))  # a child of its own would not need it
    found.feed(IMAGES)
    found.infer()
    return found


@pytest.mark.parametrize(("primitive", "sparse"), [("gemm", False), ("csr-gemm", True)])
def test_a_lowered_network_is_torchs_and_shows_it(primitive, sparse, pruned, tmp_path, request):
    source, module = pruned
    found = runner(compiled(source, primitive, tmp_path), request)
    np.testing.assert_allclose(found.output(), wanted(module), rtol=1e-4, atol=1e-5)
    kernels = found.evidence().kernels
    names = [n for n, c in module.named_modules() if isinstance(c, torch.nn.Conv2d | torch.nn.Linear)]
    assert sorted(kernel.operator for kernel in kernels) == sorted(names)
    assert {kernel.primitive for kernel in kernels} == {primitive}
    assert {kernel.sparse for kernel in kernels} == {sparse}
    assert {kernel.precision for kernel in kernels} == {"float32"}
    assert [kernel.kind for kernel in kernels].count("linear") == 1


def test_what_is_below_the_threshold_is_torchs_own(pruned, tmp_path, request):
    source, _ = pruned
    found = runner(compiled(source, "csr-gemm@threshold=1", tmp_path), request)
    kernels = found.evidence().kernels
    assert not any(kernel.sparse for kernel in kernels)
    assert {kernel.primitive for kernel in kernels if kernel.kind == "convolution"} == {""}


def test_compressed_rows_are_what_is_stored_and_in_the_networks_type(pruned, tmp_path):
    source, module = pruned
    weights = [c.weight for c in module.modules() if isinstance(c, torch.nn.Conv2d | torch.nn.Linear)]
    kept, rows = sum(int(w.count_nonzero()) for w in weights), sum(len(w) + 1 for w in weights)
    rest = sum(v.nbytes for n, v in module.state_dict().items()) - sum(w.nbytes for w in weights)
    (tmp_path / "single").mkdir()
    (tmp_path / "half").mkdir()
    single = compiled(source, "csr-gemm", tmp_path / "single")
    assert single.facts["weights_size"] == 8 * kept + 4 * rows + rest
    half = compiled(replace(source, facts={**source.facts, "storage": "float16"}), "csr-gemm", tmp_path / "half")
    assert half.facts["weights_size"] == 6 * kept + 4 * rows + rest
    assert len(json.loads(half.file("lowered.json").read_text())["operators"]) == len(weights)


@pytest.mark.parametrize(("primitive", "sparse"), [("gemm", False), ("csr-gemm", True)])
def test_a_profile_tells_each_operator_that_was_lowered_with_its_matrix_of_patches(
    primitive, sparse, pruned, tmp_path, request
):
    source, module = pruned
    profiled = Torch().profile(compiled(source, primitive, tmp_path), PLACE)
    request.addfinalizer(lambda: profiled._runner._mode.__exit__(None, None, None))
    profiled.feed(IMAGES)
    for _ in range(3):
        profiled.infer()
    heavy = [step for step in profiled.steps() if step.kind in ("convolution", "linear")]
    operators = {n: c for n, c in module.named_modules() if isinstance(c, torch.nn.Conv2d | torch.nn.Linear)}
    kinds = {n: "convolution" if isinstance(c, torch.nn.Conv2d) else "linear" for n, c in operators.items()}
    assert {step.name: step.kind for step in heavy} == kinds
    assert len(heavy) == len(kinds)
    assert {step.sparse for step in heavy} == {sparse}
    assert all(step.seconds > 0 and step.activations > 0 and step.precision == "float32" for step in heavy)
    product = "aten::_sparse_mm" if sparse else "aten::bmm"
    convolutions = {step.implementation for step in heavy if step.kind == "convolution"}
    assert convolutions == {f"aten::im2col + {product}"}


@pytest.mark.parametrize("primitive", ["native", "gemm", "csr-gemm@threshold=1"])
def test_an_export_computes_what_the_network_does_by_the_products_of_its_primitive(primitive, pruned, tmp_path):
    source, module = pruned
    (tmp_path / "executable").mkdir()
    deployment = Torch().deploy(compiled(source, primitive, tmp_path / "executable"), PLACE, tmp_path)
    seen = {"settings": json.loads(json.dumps(deployment.settings)), "HERE": tmp_path}
    exec(deployment.code, seen)
    np.testing.assert_allclose(seen["infer"](IMAGES), wanted(module), rtol=1e-4, atol=1e-5)
    called = [str(node.target) for node in torch.export.load(tmp_path / "network.pt2").graph.nodes]
    assert ("aten.im2col.default" in called) is (primitive == "gemm")


def test_products_of_compressed_rows_cannot_be_exported_and_it_says_so(pruned, tmp_path):
    source, _ = pruned
    (tmp_path / "executable").mkdir()
    executable = compiled(source, "csr-gemm", tmp_path / "executable")
    with pytest.raises(Inapplicable, match=r"^codegen torch: torch\.export cannot write products of compressed rows; "):
        Torch().deploy(executable, PLACE, tmp_path)


def test_runtimes_without_primitives_refuse_them():
    for codegen, primitive in (("onnxruntime", "gemm"), ("openvino", "csr-gemm"), ("torch", "direct")):
        reason = f"{codegen} chooses its own kernels; {primitive} cannot be asked of it"
        assert obstacle(Stack(codegen=codegen, primitive=primitive), host.probe()) == reason
