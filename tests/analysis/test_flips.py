"""Rank flips: those planted are found with their cells, and where nothing flips almost nothing is reported."""

import numpy as np
import pytest
from golden import effect, golden, pair_effect, shape

from dlas.analysis.flips import rank_flips, sentences
from dlas.errors import CubeError

PAIR = ["model", "primitive"]
FLIP = np.log([[1.0, 1.5, 3.0], [1.6, 1.2, 3.0], [1.0, 1.4, 3.0]])  # p1 is best on m1, p0 elsewhere


def planted(**named):
    return golden(pair_effect(PAIR, FLIP), **named)


def test_a_planted_flip_is_found_with_the_four_cells_that_prove_it():
    found = rank_flips(planted(error=0.01), "primitive", "model")
    assert found["stands"].tolist() == [True, True]
    row = found.iloc[0].to_dict()
    asked = {"where": "m0", "best": "p0", "otherwise": "m1", "best_otherwise": "p1"}
    assert {name: row[name] for name in asked} == asked
    assert row["gain_low"] < 1.5 < row["gain_high"]
    assert row["gain_otherwise_low"] < 1.6 / 1.2 < row["gain_otherwise_high"]
    assert (row["better"], row["worse"]) == ("baseline", "primitive=p1")
    assert (row["better_otherwise"], row["worse_otherwise"]) == ("model=m1 primitive=p1", "model=m1")
    assert found.attrs["compared"] == 3


def test_a_flip_within_noise_is_seen_but_does_not_stand():
    found = rank_flips(planted(error=0.3), "primitive", "model")
    assert len(found) > 0
    assert not found["stands"].any()
    assert sentences(found)[0].startswith("The best primitive by latency does not visibly change with model (")


def test_the_largest_accuracy_is_best_and_gains_are_differences():
    accuracy = pair_effect(["compression", "codegen"], [[0.9, 0.8], [0.7, 0.85]])
    found = rank_flips(golden(np.zeros(accuracy.shape), accuracy=accuracy), "compression", "codegen", of="accuracy")
    assert found["best"].tolist() == ["c0"]
    assert found["gain"].item() == pytest.approx(0.2)
    assert found["gain_otherwise"].item() == pytest.approx(0.05)


def test_only_options_measured_in_both_places_are_compared():
    cube = planted()
    cube["status"][0, 1, 0, 1, 0, 0] = "failed"  # p1 on m1
    found = rank_flips(cube, "primitive", "model")
    assert found.empty
    cube["status"][0, 1, 0, 2, 0, 0] = "failed"
    assert rank_flips(cube, "primitive", "model").attrs["compared"] == 1


def test_where_no_options_were_measured_beside_each_other_nothing_is_claimed():
    cube = planted()
    cube["status"][0, 1:, 0, 1:, 0, 0] = "failed"  # a star: each primitive on m0, each model with p0
    assert sentences(rank_flips(cube, "primitive", "model")) == [
        "Whether the best primitive by latency changes with model cannot be told: no two options of primitive were "
        "measured with the same two of model."
    ]


def test_each_combination_of_the_other_layers_is_its_own_comparison():
    logs = pair_effect(PAIR, FLIP) + effect("hardware", 0, 1, 2)
    found = rank_flips(golden(logs, error=0.01), "primitive", "model")
    assert found.attrs["compared"] == 9
    assert len(found) == 6
    assert found["stands"].all()
    assert "hardware=h2" in found["better"].str.cat()


def test_the_words():
    said = sentences(rank_flips(planted(error=0.001), "primitive", "model"))
    assert said[0] == "Best primitive by latency: p0 with model=m0, m2; p1 with model=m1."
    assert said[1].startswith("p0 beats p1 by 1.49")
    assert " with model=m0, but loses by 1.33" in said[1]
    assert said[1].endswith(" with model=m1.")


def test_the_clearest_of_several_combinations_is_told_with_their_number():
    logs = pair_effect(PAIR, FLIP[:2, :2]) + effect("hardware", 0, 1, 2)
    said = sentences(rank_flips(golden(logs, error=0.01), "primitive", "model"))
    assert said[1].endswith("(in 3 combinations of the other layers; the clearest).")


def test_exact_figures_flip_without_any_doubt_and_equal_ones_do_not():
    assert rank_flips(planted(), "primitive", "model")["p_value"].tolist() == [0, 0]
    level = golden(np.zeros(shape(model=2, primitive=2)))
    assert rank_flips(level, "primitive", "model").empty


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (("model", "model"), "the best option of model can change with another layer only; name two layers"),
        (("model", "codegen"), "codegen does not vary in this cube; choose model or primitive"),
    ],
)
def test_what_cannot_be_asked_is_told_in_a_sentence(layers, said):
    with pytest.raises(CubeError) as problem:
        planted().dlas.rank_flips(*layers)
    assert str(problem.value) == said


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.0, 0.02])
def test_where_nothing_flips_at_most_one_cube_in_twenty_reports_a_flip(gap):
    """Options that are all the same, and options of which one is a little better everywhere."""
    generator = np.random.default_rng(3)
    logs = effect("primitive", 0, *[gap] * 3) + effect("model", 0, 1, 2, 3) + effect("hardware", 0, 1)
    false = sum(rank_flips(golden(logs, 0.02, generator), "primitive", "model")["stands"].any() for _ in range(1000))
    assert false <= 50


@pytest.mark.slow
def test_the_gains_of_a_planted_flip_are_covered_by_their_intervals():
    generator = np.random.default_rng(4)
    logs = pair_effect(PAIR, FLIP[:2, :2])
    hits = np.zeros(2)
    for _ in range(1000):
        row = rank_flips(golden(logs, 0.03, generator), "primitive", "model").iloc[0]
        for i, (name, truth) in enumerate((("gain", 1.5), ("gain_otherwise", 1.6 / 1.2))):
            hits[i] += row[f"{name}_low"] <= truth <= row[f"{name}_high"]
    assert ((hits >= 930) & (hits <= 970)).all(), hits
