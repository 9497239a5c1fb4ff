"""Proxies: the correlations that scipy gives, groups in which a proxy lies, intervals that cover."""

import numpy as np
import pytest
from golden import effect, golden, shape
from scipy.stats import kendalltau, spearmanr

from dlas.analysis.proxies import proxies, sentences
from dlas.errors import CubeError

MACS = effect("model", *np.arange(1.0, 11))


def planted():
    """On code generator c0 latency follows the multiply-adds, on c1 it falls with them."""
    logs = np.concatenate([0.1 * MACS, 5 - 0.1 * MACS], axis=4)
    return golden(logs, 0.001, macs=np.broadcast_to(MACS, logs.shape))


def row(found, proxy, group):
    (only,) = found[(found["proxy"] == proxy) & (found["group"] == group)].to_dict("records")
    return only


def test_a_proxy_that_holds_in_one_group_and_lies_in_another_is_found():
    found = proxies(planted(), by=["macs"])
    assert row(found, "macs", "codegen=c0")["spearman"] == pytest.approx(1)
    assert row(found, "macs", "codegen=c1")["kendall"] == pytest.approx(-1)
    assert row(found, "macs", "all cells")["cells"] == 20
    assert "it misleads" not in sentences(found)[0]
    assert "within codegen=c1 Spearman -1.00 from 10 cells, exactly reversed, which has no" in sentences(found)[0]


def test_within_a_group_that_is_surely_out_of_order_a_proxy_misleads():
    logs = np.concatenate([0.1 * MACS, 5 - 0.1 * MACS], axis=4)
    logs[0, [0, 1], 0, 0, 1, 0] = logs[0, [1, 0], 0, 0, 1, 0]
    found = proxies(golden(logs, macs=np.broadcast_to(MACS, logs.shape)), by=["macs"])
    assert "it misleads within codegen=c1, Spearman -0.99" in sentences(found)[0]


def test_a_perfect_order_has_no_interval_and_is_told_as_such():
    macs = effect("model", 1, 2, 3, 4, 5)
    found = proxies(golden(macs, macs=macs), by=["macs"])
    assert np.isnan(found[["spearman_low", "spearman_high", "kendall_low", "kendall_high"]]).all(axis=None)
    assert sentences(found) == [
        "macs against latency: Spearman 1.00 from 5 cells, exactly in order, which has no interval."
    ]


def test_the_multiply_adds_of_the_whole_batch_predict_its_latency_and_those_of_an_image_its_size():
    batches = effect("hardware", 1, 8, 64)
    logs = np.log(MACS * batches)
    cube = golden(logs, macs=np.broadcast_to(MACS, logs.shape), size=np.broadcast_to(MACS, logs.shape))
    cube = cube.assign_coords(batch=("hardware", [1, 8, 64]))
    for of in ("latency", "size"):
        assert row(proxies(cube, of, by=["macs"]), "macs", "all cells")["kendall"] == pytest.approx(1)


def test_the_coefficients_are_those_of_scipy():
    generator = np.random.default_rng(0)
    sizes = shape(model=6, codegen=5)
    logs, macs = generator.normal(size=sizes), generator.integers(1, 9, sizes).astype(float)
    found = row(proxies(golden(logs, macs=macs), by=["macs"]), "macs", "all cells")
    relative = (logs - logs.flat[0]).ravel()
    assert found["spearman"] == pytest.approx(spearmanr(macs.ravel(), relative).statistic)
    assert found["kendall"] == pytest.approx(kendalltau(macs.ravel(), relative).statistic)
    assert found["spearman_low"] < found["spearman"] < found["spearman_high"]


def test_cells_that_failed_do_not_count_and_few_cells_have_no_interval():
    cube = planted()
    cube["status"][0, 4:, ...] = "failed"
    found = row(proxies(cube, by=["macs"]), "macs", "codegen=c0")
    assert found["cells"] == 4
    assert np.isnan(found["spearman_low"])


def test_groups_in_which_nothing_differs_have_no_row():
    found = proxies(planted(), by=["macs"])
    assert not found["group"].str.startswith("model=").any()  # one network has one count of multiply-adds


def test_without_anything_to_predict_it_says_so():
    with pytest.raises(CubeError) as problem:
        golden(effect("codegen", 0, 1), macs=5.0).dlas.proxies(by=["macs"])
    assert str(problem.value) == (
        "neither latency nor a proxy differs between the measured cells; there is nothing to predict"
    )


def test_the_words():
    logs = effect("model", 0, 1, 2, 5, 3, 4)
    found = proxies(golden(logs, macs=effect("model", 1, 2, 3, 4, 5, 6)), by=["macs"])
    assert sentences(found) == ["macs against latency: Spearman 0.8 [-0.1, 1.0], Kendall 0.7 [0.0, 1.0]."]


@pytest.mark.slow
@pytest.mark.parametrize(("correlation", "count"), [(0.0, 30), (0.6, 40), (0.8, 100)])
def test_intervals_cover_the_coefficients_of_the_population(correlation, count):
    """Of a bivariate normal one: Spearman's is 6/π asin(r/2), Kendall's 2/π asin(r)."""
    generator = np.random.default_rng(7)
    truths = {"spearman": 6 / np.pi * np.arcsin(correlation / 2), "kendall": 2 / np.pi * np.arcsin(correlation)}
    hits = dict.fromkeys(truths, 0)
    for _ in range(1000):
        drawn = generator.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], count)
        logs, macs = (np.reshape(values, shape(hardware=count)) for values in drawn.T)
        found = proxies(golden(logs, macs=np.exp(macs)), by=["macs"]).iloc[0]
        for name, truth in truths.items():
            hits[name] += found[f"{name}_low"] <= truth <= found[f"{name}_high"]
    assert all(930 <= hit <= 970 for hit in hits.values()), hits
