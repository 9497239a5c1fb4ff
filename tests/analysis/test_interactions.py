"""Interactions: ratios of ratios as planted, as statsmodels estimates them, with intervals that cover."""

import numpy as np
import pytest
from golden import effect, golden, missing, pair_effect, shape
from test_effects import column

from dlas.analysis.interactions import interactions, sentences
from dlas.errors import CubeError

PAIR = ["compression", "codegen"]
PLANTED = np.log([[1, 1, 1], [1, 1.5, 0.8]])  # the second compression, by code generator


def planted(**named):
    logs = effect("compression", 0, np.log(0.5)) + effect("codegen", 0, 0.2, 0.4) + pair_effect(PAIR, PLANTED)
    return golden(logs, **named)


def figures(result, option, where, name="ratio"):
    row = result[(result["option"] == option) & (result["where"] == where)]
    return tuple(row[f"{name}{end}"].item() for end in ("", "_low", "_high"))


def test_planted_ratios_of_ratios_come_out_with_the_variances_of_four_cells_added():
    found = interactions(planted(), *PAIR)
    assert figures(found, "c1", "c1")[0] == pytest.approx(1.5)
    assert figures(found, "c1", "c2")[0] == pytest.approx(0.8)
    assert figures(found, "c1", "c2", "effect")[0] == pytest.approx(0.4)
    assert figures(found, "c1", "c2", "effect_otherwise")[0] == pytest.approx(0.5)
    noisy = interactions(planted(error=0.01), *PAIR)
    value, low, high = np.log(figures(noisy, "c1", "c1"))
    assert (high - low) / 2 == pytest.approx(1.959964 * 0.01 * np.sqrt(3))  # the baseline itself has no error
    assert value == pytest.approx((low + high) / 2)


@pytest.mark.parametrize("share", [0.0, 0.15, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_estimates_and_errors_are_those_of_statsmodels(share, seed):
    from statsmodels.formula.api import ols

    generator = np.random.default_rng(seed)
    sizes = shape(model=3, compression=3, codegen=3, hardware=2)
    cube = golden(generator.normal(size=sizes), status=missing(generator, sizes, share))
    for end, sign in (("low", -1), ("high", 1)):  # every cell with the same error
        cube[f"relative_latency_{end}"] = cube["relative_latency"] * np.exp(sign * 1.959964 * 0.1)
    fit = ols("y ~ (model + compression + codegen + hardware)**2", column(cube)).fit()
    unscaled = fit.normalized_cov_params
    found = interactions(cube, *PAIR)
    for option in ("c1", "c2"):
        for where in ("c1", "c2"):
            name = f"compression[T.{option}]:codegen[T.{where}]"
            value, low, high = np.log(figures(found, option, where))
            assert value == pytest.approx(fit.params[name], rel=1e-6)
            assert (high - low) / 2 == pytest.approx(1.959964 * 0.1 * np.sqrt(unscaled.loc[name, name]), rel=1e-6)


def test_effects_are_averaged_over_the_options_of_other_layers():
    logs = pair_effect(["model", "compression"], [[0, 1.0], [0, 2.0]]) + pair_effect(PAIR, [[0, 0], [0, 0.5]])
    found = interactions(golden(logs), *PAIR)
    assert np.log(figures(found, "c1", "c1", "effect")[0]) == pytest.approx(2.0)
    assert np.log(figures(found, "c1", "c1", "effect_otherwise")[0]) == pytest.approx(1.5)


def test_differences_of_accuracy_are_not_ratios():
    accuracy = pair_effect(PAIR, [[0.9, 0.9], [0.8, 0.85]])
    found = interactions(golden(np.zeros(accuracy.shape), accuracy=accuracy), *PAIR, of="accuracy")
    assert figures(found, "c1", "c1")[0] == pytest.approx(0.05)


def test_what_cells_do_not_determine_is_no_number():
    cube = planted()
    cube["status"][0, 0, 1, 0, 2, 0] = "failed"
    found = interactions(cube, *PAIR)
    assert np.isnan(figures(found, "c1", "c2")).all()
    assert figures(found, "c1", "c1")[0] == pytest.approx(1.5)
    assert not found["stands"][found["where"] == "c2"].any()


def test_a_star_determines_nothing_and_says_so():
    cube = planted()
    cube["status"][0, 0, 1, 0, 1:, 0] = "unplanned"
    found = interactions(cube, *PAIR)
    assert found["ratio"].isna().all()
    assert sentences(found) == ["How codegen changes the effect of compression cannot be told: no cells vary both."]


def test_the_words():
    said = sentences(interactions(planted(error=0.005), *PAIR))
    assert len(said) == 2
    assert said[0] == (
        "compression=c1 multiplies latency by 0.500 [0.495, 0.505]× with codegen=c0 "
        "but 0.748 [0.738, 0.759]× with codegen=c1."
    )
    flat = golden(effect("compression", 0, 1) + effect("codegen", 0, 1))
    assert sentences(interactions(flat, *PAIR)) == [
        "codegen does not visibly change what compression does to latency: "
        "no interaction stands at a false discovery rate of 5 %."
    ]


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (("codegen", "codegen"), "an interaction is one of two layers; codegen was named twice"),
        (("codegen", "compiler"), "'compiler' is no layer; choose one of dataset, model, compression, primitive, "),
        (("codegen", "model"), "model does not vary in this cube; choose compression or codegen"),
    ],
)
def test_what_cannot_be_asked_is_told_in_a_sentence(layers, said):
    with pytest.raises(CubeError) as problem:
        planted().dlas.interactions(*layers)
    assert str(problem.value).startswith(said)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_intervals_cover_the_truth_and_nulls_seldom_stand(share):
    generator = np.random.default_rng(2)
    logs = effect("compression", 0, 0.5, 0.2) + effect("codegen", 0, 0.3, 0.1) + effect("model", 0, 1, 2)
    truth = np.zeros((3, 3))
    truth[1, 1] = 0.3
    logs = logs + pair_effect(PAIR, truth)
    status = missing(generator, logs.shape, share)
    hits, false = np.zeros((3, 3)), 0
    for _ in range(1000):
        found = interactions(golden(logs, 0.05, generator, status), *PAIR)
        for row in found.to_dict("records"):
            place = int(row["option"][1]), int(row["where"][1])
            hits[place] += np.log(row["ratio_low"]) <= truth[place] <= np.log(row["ratio_high"])
        null = interactions(golden(logs, 0.05, generator, status), "model", "codegen")
        false += bool(null["stands"].any())
    assert ((hits[1:, 1:] >= 930) & (hits[1:, 1:] <= 970)).all(), hits
    assert false <= 65  # 5 % of 1,000, and twice its own standard error


def test_where_effects_cannot_be_averaged_the_ratio_is_told():
    sizes = shape(model=2, compression=2, codegen=2)
    status = np.full(sizes, "ok", object)
    status[0, 1, 1] = "missing"  # of the second model with the second compression nothing is known
    logs = effect("model", 0, 0.1) + effect("compression", 0, np.log(0.5)) + effect("codegen", 0, 0.3)
    logs = logs + pair_effect(PAIR, np.log([[1, 1], [1, 1.5]]))
    found = interactions(golden(logs, status=status), *PAIR)
    assert figures(found, "c1", "c1", "effect")[0] == pytest.approx(0.75), "over the models that both met"
    told = sentences(found.assign(stands=True, effect=np.nan))
    assert told == ["compression=c1 multiplies latency by 1.5× as much with codegen=c1 as with codegen=c0."]
