"""The three sizes of the study: what they ask for is what was intended, and can be."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import bars2018
import claims
import pytest
import seeds
from handmade import HOST
from stacks import figures_of

from dlas.analysis.claims import UNTESTABLE
from dlas.cube import build
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
    obstacles = {cell.obstacle for cell in found.cells} - {""}
    assert obstacles == {"codegen tvm: integer kernels need VNNI, which is not there; use another code generator"}
    assert {c.stack.codegen for c in found.cells if c.obstacle} == {"tvm"}
    assert all("int8" in c.stack.compression for c in found.cells if c.obstacle)
    main = {(c.stack.dataset, c.stack.model) for c in found.cells if "seed=" not in c.stack.model}
    assert len(main) == 2 * 7
    everywhere = Counter((c.stack.dataset, c.stack.model) for c in found.cells)
    assert min(everywhere[pair] for pair in main) >= 40
    primitives = {c.stack.primitive.partition("@")[0] for c in found.cells}
    dense, sparse = {"direct", "gemm", "native", "winograd"}, {"csr-direct", "csr-gemm", "csr-spatial-pack", "bsr"}
    assert primitives == dense | sparse
    assert {c.stack.codegen for c in found.cells} == {"tvm", "tvm@schedule=tuned", "openvino", "onnxruntime", "torch"}


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
    told = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"{len(found.cells)} cells, {reasons.total()} of them inapplicable" in told
    assert f"to measure: {len(found.possible)} of {len(found.possible)} cells" in told


@pytest.mark.slow
def test_the_study_has_cells_for_every_claim_that_one_processor_can_test(planned):
    plan_of_all = planned("study.toml")
    networks = sorted({seeds.unseeded(cell.stack.model) for cell in plan_of_all.cells})
    accuracy = {network: 0.5 + 0.05 * i for i, network in enumerate(networks)}  # but for chance
    figures = {
        cell.label: figures_of(
            0.01 * (i % 7), accuracy[seeds.unseeded(cell.stack.model)] + 4e-4 * (i % 5), size=1000.0 + i, macs=1e6 + i
        )
        for i, cell in enumerate(plan_of_all.cells)
    }
    cube = build(plan_of_all, figures, [])
    untestable = {found.claim.number for found in claims.verdicts(cube) if found.verdict == UNTESTABLE}
    assert untestable == {"2", "11", "12"}
    assert len(bars2018.bars(cube)) == 2 * 3 * 3 * 3  # data sets, networks, techniques; one thread, two, the best
    usually = {found.claim.number: found for found in claims.verdicts(cube) if found.claim.rule == "usually"}
    few = {number for number, found in usually.items() if 0 < len(found.pieces) < 4}  # they cannot support such a claim
    assert few == {"10"}  # two networks are tuned
    known = seeds.spreads(cube)
    assert {"int8@bits=7", "ternary", "fp16", "channel-prune@0.5", "weight-prune@0.95"} <= known.keys()
    assert min(spread.freedom for spread in known.values()) == 2 * 2 * 2  # two networks, two data sets, three seeds
