"""Claims: supported, refuted, inconclusive, not testable, each as planted and with its evidence."""

import numpy as np
import pytest
from golden import Z, effect, golden, pair_effect

from dlas.analysis.claims import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    UNTESTABLE,
    Claim,
    Comparison,
    claims,
    sentences,
)
from dlas.analysis.tails import degrees_of_freedom
from dlas.errors import CubeError
from dlas.measure.statistics import PRIOR_WEIGHT

PAIR = ["compression", "codegen"]
LOGS = np.log([[1.0, 2.0], [0.5, 2.2]])  # c1 halves latency on codegen c0 and is slower by a tenth on c1
HALVES = Comparison({"compression": "c1"}, {"compression": "c0"}, where={"codegen": "c0"})
EVERYWHERE = Comparison({"compression": "c1"}, {"compression": "c0"})


def planted(error=0.01, **named):
    return golden(pair_effect(PAIR, LOGS), error, **named)


def verdict(cube, comparison, direction, minimum=0.0):
    found = claims(cube, [Claim("it is so", "folklore", comparison, direction, minimum)])
    assert found["verdict"].nunique() == 1
    return found["verdict"].iloc[0]


@pytest.mark.parametrize(
    ("comparison", "direction", "minimum", "expected"),
    [
        (HALVES, "lower", 0.4, SUPPORTED),
        (HALVES, "lower", 0.6, REFUTED),
        (HALVES, "lower", 0.5, INCONCLUSIVE),
        (HALVES, "higher", 0.0, REFUTED),
        (HALVES, "the same", 0.1, REFUTED),
        (EVERYWHERE, "lower", 0.0, REFUTED),
        (EVERYWHERE, "higher", 0.0, REFUTED),
        (Comparison({"codegen": "c1"}, {"codegen": "c0"}), "higher", 0.8, SUPPORTED),
        (Comparison({"codegen": "c1"}, {"codegen": "c0"}), "higher", 3.0, REFUTED),
        (Comparison({"compression": "c7"}, {"compression": "c0"}), "lower", 0.0, UNTESTABLE),
    ],
)
def test_verdicts_are_as_planted(comparison, direction, minimum, expected):
    assert verdict(planted(), comparison, direction, minimum) == expected


def test_equal_things_are_the_same_within_the_minimum():
    cube = golden(effect("compression", 0, 0.001), 0.001)
    assert verdict(cube, EVERYWHERE, "the same", 0.02) == SUPPORTED
    assert verdict(golden(effect("compression", 0, 0.001), 0.05), EVERYWHERE, "the same", 0.02) == INCONCLUSIVE


def test_one_of_several_pairs_refutes_only_as_surely_as_its_processes_let_it_be_known():
    logs = effect("compression", 0, 0.0) + effect("codegen", *range(10))
    logs[0, 0, 1, 0, 0, 0] = 0.042  # three standard errors of a difference: of ten, sure by the tails of the normal
    cube = golden(logs, accuracy=logs)
    for end, sign in (("_low", -1), ("_high", 1)):
        cube[f"relative_latency{end}"] = cube["relative_latency"] * np.exp(sign * Z * 0.01)
    assert verdict(cube, EVERYWHERE, "the same", 1e-9) == REFUTED
    assert degrees_of_freedom(cube, "latency") == np.inf
    three = cube.assign(processes=cube["latency"] * 0 + 3)
    assert degrees_of_freedom(three, "latency") == 2 + PRIOR_WEIGHT
    assert verdict(three, EVERYWHERE, "the same", 1e-9) == INCONCLUSIVE
    held = three.assign(relative_latency_freedom=cube["latency"] * 0 + 60)
    assert (degrees_of_freedom(held, "latency"), degrees_of_freedom(held, "accuracy")) == (60, np.inf)
    assert verdict(held, EVERYWHERE, "the same", 1e-9) == REFUTED


def test_accuracy_is_compared_by_differences():
    accuracy = effect("compression", 0.9, 0.88)
    cube = golden(np.zeros(accuracy.shape), accuracy=accuracy, accuracy_error=0.001)
    comparison = Comparison({"compression": "c1"}, {"compression": "c0"}, quantity="accuracy")
    assert verdict(cube, comparison, "lower", 0.01) == SUPPORTED
    assert verdict(cube, comparison, "lower", 0.03) == REFUTED


def test_the_evidence_names_the_cells_with_the_ratio_of_each_pair():
    found = claims(planted(), [Claim("pruning pays", "folklore", EVERYWHERE, "lower")])
    assert found["cell"].tolist() == ["compression=c1", "compression=c1 codegen=c1"]
    assert found["against"].tolist() == ["baseline", "codegen=c1"]
    assert found["bears_out"].tolist() == [SUPPORTED, REFUTED]
    assert found["effect"].tolist() == pytest.approx([0.5, 1.1], rel=0.05)


def test_pairs_with_a_cell_that_failed_do_not_speak():
    cube = planted()
    cube["status"][0, 0, 1, 0, 1, 0] = "failed"
    assert verdict(cube, EVERYWHERE, "lower") == SUPPORTED
    cube["status"][0, 0, 1, 0, 0, 0] = "inapplicable"
    assert verdict(cube, EVERYWHERE, "lower") == UNTESTABLE


def test_the_words():
    declared = [
        Claim("pruning halves the time", "Someone (2020)", HALVES, "lower", 0.4),
        Claim("tvm is best", "a blog", Comparison({"codegen": "tvm"}, {"codegen": "c0"}), "lower"),
    ]
    said = sentences(planted(error=0.001).dlas.claims(declared))
    assert said[0].startswith(
        "Someone (2020): “pruning halves the time”: supported (one pair); compression=c1 against baseline: 0.50"
    )
    assert said[1] == "a blog: “tvm is best”: not testable here; the cube has no measured pair of cells for it."


@pytest.mark.parametrize(
    ("direction", "minimum", "said"),
    [
        ("faster", 0.0, "claim 'x': direction 'faster' is none of lower, higher, the same"),
        ("lower", 1.5, "claim 'x': minimum 1.5 must be at least 0, and below 1 for lower"),
        ("the same", 0.0, "claim 'x': how much may they differ and still be the same? give a minimum"),
    ],
)
def test_what_is_no_claim_is_told_in_a_sentence(direction, minimum, said):
    with pytest.raises(CubeError) as problem:
        Claim("x", "y", HALVES, direction, minimum)
    assert str(problem.value) == said


def test_a_claim_about_a_layer_that_does_not_exist_is_no_untestable_one():
    with pytest.raises(CubeError, match="a claim speaks of 'compiler'; the cube knows dataset, model, "):
        verdict(planted(), Comparison({"compiler": "c1"}, {"codegen": "c0"}), "lower")
    with pytest.raises(CubeError, match="a claim compares options of the same layers on both sides"):
        verdict(planted(), Comparison({"codegen": "c1"}, {"compression": "c0"}), "lower")


@pytest.mark.slow
def test_a_true_claim_is_seldom_refuted():
    generator = np.random.default_rng(8)
    logs = effect("compression", 0, -0.1) + effect("codegen", 0, 1, 2, 3) + effect("model", 0, 1, 2)
    claim = Claim("a tenth", "planted", EVERYWHERE, "lower", 1 - np.exp(-0.1))  # the truth is the very minimum
    refuted = sum(claims(golden(logs, 0.02, generator), [claim])["verdict"].iloc[0] == REFUTED for _ in range(1000))
    assert refuted <= 50
