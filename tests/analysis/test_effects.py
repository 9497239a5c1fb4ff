"""What matters: the planted shares come out, statsmodels and a published table agree, a star tells what it cannot."""

import numpy as np
import pandas
import pytest
from golden import effect, golden, missing, pair_effect, shape
from handmade import cube_of, interval, measured, stack

from dlas.analysis.effects import HIGHER, NOISE, effects, sentences
from dlas.errors import CubeError
from dlas.option import LAYERS

# Box and Cox (1964), An analysis of transformations, J. R. Statist. Soc. B 26, table 1: survival times of animals in
# units of ten hours; three poisons, four treatments, four animals each.
SURVIVAL = [
    [[0.31, 0.45, 0.46, 0.43], [0.82, 1.10, 0.88, 0.72], [0.43, 0.45, 0.63, 0.76], [0.45, 0.71, 0.66, 0.62]],
    [[0.36, 0.29, 0.40, 0.23], [0.92, 0.61, 0.49, 1.24], [0.44, 0.35, 0.31, 0.40], [0.56, 1.02, 0.71, 0.38]],
    [[0.22, 0.21, 0.18, 0.23], [0.30, 0.37, 0.38, 0.29], [0.23, 0.25, 0.24, 0.22], [0.30, 0.36, 0.31, 0.33]],
]


def column(cube, name="relative_latency"):
    """The cells that ended well as a table of factors and the logarithm."""
    table = cube.to_dataframe().reset_index()
    table = table[table["status"] == "ok"]
    return table.assign(y=np.log(table[name]))


def oracle(cube, layers):
    """Type II sums of squares by statsmodels, by the names that `effects` gives the terms."""
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    table = anova_lm(ols(f"y ~ ({' + '.join(layers)})**2", column(cube)).fit(), typ=2)
    return {
        name.replace(":", " × "): (row["sum_sq"], row["df"]) for name, row in table.iterrows() if name != "Residual"
    }


def by_term(result, quantity="latency"):
    return result[result["quantity"] == quantity].set_index("term")


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_sums_of_squares_are_those_of_statsmodels(share, seed):
    generator = np.random.default_rng(seed)
    sizes = shape(model=3, compression=4, codegen=3, hardware=2)
    cube = golden(generator.normal(size=sizes), status=missing(generator, sizes, share))
    found = by_term(effects(cube, ["latency"]))
    for term, (squares, degrees) in oracle(cube, ["model", "compression", "codegen", "hardware"]).items():
        assert found.loc[term, "sum_of_squares"] == pytest.approx(squares, rel=1e-6, abs=1e-9), term
        assert found.loc[term, "degrees"] == degrees


def test_all_six_layers_at_once_are_those_of_statsmodels():
    generator = np.random.default_rng(9)
    cube = golden(generator.normal(size=(2, 3, 2, 2, 3, 2)), status=missing(generator, (2, 3, 2, 2, 3, 2), 0.25))
    found = by_term(effects(cube, ["latency"]))
    for term, (squares, _) in oracle(cube, LAYERS).items():
        assert found.loc[term, "sum_of_squares"] == pytest.approx(squares, rel=1e-6), term


def test_a_published_table_comes_out():
    survival = np.asarray(SURVIVAL)
    cube = golden(survival.reshape(shape(model=3, compression=4, hardware=4)))
    found = by_term(effects(cube, ["latency"]))
    # The paper's table of variances, mean squares times 1,000: 516.5, 307.1 and 41.7.
    published = {"model": (0.5165, 2), "compression": (0.3071, 3), "model × compression": (0.0417, 6)}
    for term, (mean, degrees) in published.items():
        assert found.loc[term, "degrees"] == degrees
        assert found.loc[term, "sum_of_squares"] / degrees == pytest.approx(mean, abs=5e-5)
    for term, (squares, _) in oracle(cube, ["model", "compression", "hardware"]).items():
        assert found.loc[term, "sum_of_squares"] == pytest.approx(squares, rel=1e-6)


def test_planted_shares_come_out_the_largest_first():
    codegen, compression = effect("codegen", -1, 1), effect("compression", 0, 0.3, -0.3)
    both = pair_effect(["compression", "codegen"], [[0.1, -0.1], [-0.2, 0.2], [0.1, -0.1]])
    found = effects(golden(codegen + compression + both), ["latency"])
    squares = {"codegen": 6.0, "compression": 0.36, "compression × codegen": 0.12}
    assert found["term"].tolist() == [*squares, NOISE]
    for term, own in squares.items():
        assert by_term(found).loc[term, "share"] == pytest.approx(own / 6.48)
    assert by_term(found).loc[NOISE, "share"] == 0


def test_three_layers_together_are_more_than_pairs_explain():
    one = np.array([-1.0, 1.0])
    triple = np.einsum("i,j,k->ijk", one, one, one)
    cube = golden(triple.reshape(shape(model=2, compression=2, codegen=2)))
    found = by_term(effects(cube, ["latency"]))
    assert found.loc[HIGHER, "share"] == pytest.approx(1)
    assert found["share"].drop(HIGHER).max() == pytest.approx(0, abs=1e-12)


def test_noise_has_the_share_that_the_intervals_imply():
    logs = effect("codegen", -1, 1) + effect("model", *np.zeros(50))
    found = by_term(effects(golden(logs, error=0.2), ["latency"]))
    assert found.loc[NOISE, "share"] == pytest.approx(0.04 / 1.04, rel=0.1)
    assert found.loc["model", "share_low"] == 0


def test_cells_that_did_not_end_well_are_no_numbers():
    logs = effect("codegen", 0, 1, 2) + effect("compression", 0, 0.5, 5.0)
    status = np.where(effect("compression", 0, 0, 1) > 0, "unstable", "ok")
    cube = golden(logs, status=np.broadcast_to(status, logs.shape))
    found = by_term(effects(cube, ["latency"]))
    assert found.loc["codegen", "sum_of_squares"] == pytest.approx(2 * 2)
    assert found.loc["compression", "sum_of_squares"] == pytest.approx(6 * 0.25**2)


def test_from_a_star_no_interaction_can_be_estimated():
    logs = effect("compression", 0, 0.3, 0.5) + effect("codegen", 0, 1)
    status = np.full(logs.shape, "unplanned", object)
    status[0, 0, :, 0, 0, 0] = status[0, 0, 0, 0, :, 0] = "ok"
    found = effects(golden(logs, status=status), ["latency"])
    pair = by_term(found).loc["compression × codegen"]
    assert not pair["estimable"]
    assert np.isnan(pair["share"])
    assert by_term(found).loc[["compression", "codegen"], "estimable"].all()
    assert sentences(found)[-1] == (
        "No interaction can be estimated: each cell departs from the baseline in one layer only (a star); "
        "vary two layers together to see one."
    )


def test_a_pair_that_never_varies_together_is_told_beside_those_that_do():
    logs = effect("model", 0, 1) + effect("compression", 0, 1) + effect("codegen", 0, 1)
    status = np.full(logs.shape, "unplanned", object)
    status[0, :, :, 0, 0, 0] = status[0, 0, 0, 0, :, 0] = "ok"
    found = effects(golden(logs, status=status), ["latency"])
    assert sentences(found)[-1] == "Cannot be estimated from these cells: model × codegen, compression × codegen."


def test_what_is_the_same_everywhere_has_no_rows_and_a_cube_without_variation_is_told():
    cube = golden(effect("codegen", 0, 1), size=5.0)
    assert set(effects(cube, ["latency", "size"])["quantity"]) == {"latency"}
    with pytest.raises(CubeError) as problem:
        effects(golden(np.zeros(shape())), ["latency"])
    assert str(problem.value) == ("no layer varies among the cells that ended well; effects need two options or more")


def test_sizes_are_logarithms_and_accuracies_are_not():
    cube = golden(effect("codegen", 0, 1), accuracy=effect("codegen", 0.9, 0.8), size=effect("codegen", 1, np.e))
    found = effects(cube)
    squares = {row["quantity"]: row["sum_of_squares"] for row in found[found["term"] == "codegen"].to_dict("records")}
    assert squares == pytest.approx({"latency": 0.5, "accuracy": 0.005, "size": 0.5})


def test_too_many_options_for_their_pairs_are_refused_in_a_sentence():
    cube = golden(np.random.default_rng(0).normal(size=shape(model=60, compression=60, codegen=60)))
    with pytest.raises(
        CubeError, match="the pairs of options make 7200 unknowns, more than 6000; select fewer options"
    ):
        effects(cube, ["latency"])


def test_the_words():
    logs = effect("codegen", -1, 1) + effect("model", *np.linspace(-0.1, 0.1, 6))
    assert sentences(effects(golden(logs, error=0.01), ["latency"])) == [
        "Of what varies in latency, codegen explains 99.56 [99.49, 99.62] %; model explains 0.44 [0.37, 0.51] % "
        "(noise 0.0084 %)."
    ]


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_the_intervals_of_shares_cover_the_truth(share):
    """The truth is the share of what the noiseless cells show, over the variance that is expected with noise."""
    generator = np.random.default_rng(1)
    sizes, error = shape(model=4, compression=5, codegen=3), 0.1
    logs = (
        effect("model", *generator.normal(0, 0.3, 4))
        + effect("compression", *generator.normal(0, 0.4, 5))
        + pair_effect(["compression", "codegen"], generator.normal(0, 0.2, (5, 3)))
    )
    logs = np.broadcast_to(logs, sizes)
    status = missing(generator, sizes, share)
    exact = by_term(effects(golden(logs, status=status), ["latency"]))
    count = int((status == "ok").sum())
    noise = error**2 * (count - 1) / count  # the baseline is exactly one
    total = exact.loc["model", "sum_of_squares"] / exact.loc["model", "share"] + (count - 1) * noise
    planted = ["model", "compression", "codegen", "compression × codegen"]
    hits = dict.fromkeys(planted, 0)
    for _ in range(1000):
        found = by_term(effects(golden(logs, error, generator, status), ["latency"]))
        for term in planted:
            truth = exact.loc[term, "sum_of_squares"] / total
            hits[term] += found.loc[term, "share_low"] <= truth <= found.loc[term, "share_high"]
    assert all(930 <= hit <= 970 for hit in hits.values()), hits


def test_the_result_is_a_tidy_table():
    found = golden(effect("codegen", 0, 1)).dlas.effects(["latency"])
    assert isinstance(found, pandas.DataFrame)
    assert list(found.columns) == [
        *("quantity", "term", "degrees", "sum_of_squares", "share", "share_low", "share_high", "estimable")
    ]


def test_a_difference_within_the_errors_does_not_stand_out():
    options = [{"codegen": c, "compression": k} for c in ("openvino", "torch") for k in ("none", "int8")]
    accuracy = {"none": 0.984, "int8": 0.981}
    values = {
        stack(**one): {**measured(), **interval("accuracy", (a := accuracy[one["compression"]]), a - 0.01, a + 0.01)}
        for one in options
    }
    found = effects(cube_of(values), ["accuracy"])
    told = found[found["term"] == "compression"].iloc[0]
    assert told["share_low"] == 0
    assert sentences(found)[0] == "Of what varies in accuracy, nothing stands out from the noise."
