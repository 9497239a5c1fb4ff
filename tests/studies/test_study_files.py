"""The three sizes of the study: what they ask for is what was intended, and can be."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from handmade import HOST

from dlas.layers.model import zoo
from dlas.study import reading
from dlas.study.plan import plan

AVX2 = replace(HOST, flags=("avx2", "fma"))
FOLDER = Path(__file__).parents[2] / "studies" / "across-stack"
ALSO = {"cifar10_jpeg", "fashion", "cifar", "imagenet", "resnet50", "densenet161", "efficientnet_b0", "mobilenet_v2"}


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """The plan of a file, as if all data were there and the zoo complete."""
    (tmp_path / "data").write_bytes(b"data")
    whole = zoo.entries()[:1]
    monkeypatch.setattr(zoo, "find", lambda model: list(whole))

    def of(name):
        return plan(reading.read(FOLDER / name, dict.fromkeys(ALSO, tmp_path / "data")), AVX2)

    return of


def test_the_smoke_study_is_small_and_everything_in_it_can_be(planned):
    found = planned("smoke.toml")
    assert 25 <= len(found.cells) <= 45
    assert not [cell.obstacle for cell in found.cells if cell.obstacle]
    assert {cell.stack.dataset for cell in found.cells} == {"digits"}
    assert {cell.stack.hardware for cell in found.cells} == {"cpu", "cpu@threads=2"}


def test_the_study_has_two_data_sets_by_seven_networks_and_at_least_600_cells(planned):
    found = planned("study.toml")
    assert len(found.possible) >= 600
    assert not [cell.obstacle for cell in found.cells if cell.obstacle]
    main = {(c.stack.dataset, c.stack.model) for c in found.cells if "seed=" not in c.stack.model}
    assert len(main) == 2 * 7
    everywhere = Counter((c.stack.dataset, c.stack.model) for c in found.cells)
    assert min(everywhere[pair] for pair in main) >= 40
    primitives = {c.stack.primitive.partition("@")[0] for c in found.cells}
    dense, sparse = {"direct", "gemm", "native", "winograd"}, {"csr-direct", "csr-gemm", "csr-spatial-pack", "bsr"}
    assert primitives == dense | sparse
    assert {c.stack.codegen for c in found.cells} == {"tvm", "openvino", "onnxruntime", "torch"}


def test_the_study_asks_for_networks_of_the_zoo_only(planned):
    toml = (FOLDER.parent / "zoo" / "zoo.toml").read_text(encoding="utf-8")
    models = {
        c.stack.model.replace("weights=zoo", "").replace(",,", ",").strip(",@") for c in planned("study.toml").cells
    }
    assert {model.replace("@,", "@").rstrip(",") for model in models} <= set(toml.split('"'))


def test_the_full_study_lacks_only_a_graphics_processor_here(planned):
    found = planned("full.toml")
    reasons = Counter(cell.obstacle for cell in found.cells if cell.obstacle)
    assert list(reasons) == ["no such device on this host: it has no CUDA devices"]
    assert len(found.possible) >= 600
