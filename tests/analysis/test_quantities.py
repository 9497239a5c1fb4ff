"""Which figures are compared: only those of cells that ended well, paired where they may be."""

import numpy as np
import pytest
from golden import effect, golden

from dlas.analysis.quantities import QUANTITIES, change, estimates, percent
from dlas.errors import CubeError

LOGS = effect("codegen", 0, 0.5, 1.0)


@pytest.mark.parametrize("status", ["failed", "inapplicable", "timeout", "unstable", "missing", "unplanned"])
def test_a_cell_that_did_not_end_well_has_no_figure(status):
    cube = golden(LOGS, status=np.array(["ok", status, "ok"]).reshape(LOGS.shape))
    assert np.isfinite(cube["latency"].values).all()
    assert estimates(cube, "latency").known.tolist() == [True, False, True]


def test_paired_ratios_are_used_on_one_host_and_latencies_across_hosts():
    logs = LOGS + effect("hardware", 0, 0.3)
    cube = golden(logs, error=0.1)
    assert estimates(cube, "latency").values[0] == 0
    assert estimates(cube, "latency").errors == pytest.approx([0, *[0.1] * 5])
    hosts = cube.assign_coords(host=("hardware", ["one", "another"]))
    np.testing.assert_allclose(estimates(hosts, "latency").values, np.log(cube["latency"].values.ravel()))


def test_a_ratio_that_is_missing_somewhere_leaves_all_unpaired():
    cube = golden(LOGS)
    cube["relative_latency"][0, 0, 0, 0, 2, 0] = np.nan
    np.testing.assert_allclose(estimates(cube, "latency").values, np.log(cube["latency"].values.ravel()))


def test_accuracy_changes_are_used_on_the_data_of_the_baseline_and_own_scores_across_data():
    rights = effect("dataset", 0.9, 0.6) + effect("codegen", 0, 0.01, 0.02)
    cube = golden(rights, accuracy=rights, accuracy_error=0.01)
    own = cube["accuracy"].values.ravel()
    np.testing.assert_allclose(estimates(cube, "accuracy").values, own)
    np.testing.assert_allclose(estimates(cube.isel(dataset=[1]), "accuracy").values, own[3:])
    np.testing.assert_allclose(estimates(cube.isel(dataset=[0]), "accuracy").values, own[:3] - 0.9)


def test_data_of_which_no_cell_ended_well_leave_the_others_paired():
    rights = effect("dataset", 0.9, 0.6) + effect("codegen", 0, 0.01)
    failed = np.broadcast_to(effect("dataset", 0, 1), rights.shape).astype(bool)
    cube = golden(rights, accuracy=rights, status=np.where(failed, "failed", "ok").astype(object))
    assert estimates(cube, "accuracy").values[:2] == pytest.approx([0, 0.01])


def test_what_has_no_interval_is_exact_and_what_is_not_positive_has_no_logarithm():
    cube = golden(LOGS, size=np.array([1.0, 2.0, 0.0]).reshape(LOGS.shape))
    found = estimates(cube, "size")
    assert found.errors.tolist() == [0, 0, 0]
    assert found.known.tolist() == [True, True, False]


def test_less_is_better_but_for_accuracy():
    cube = golden(LOGS, accuracy=LOGS)
    assert estimates(cube, "latency").costs.argmin() == 0
    assert estimates(cube, "accuracy").costs.argmin() == 2


def test_what_is_no_figure_is_told():
    with pytest.raises(CubeError) as problem:
        estimates(golden(LOGS), "speed")
    assert str(problem.value).startswith("'speed' cannot be analysed; choose one of latency, accuracy, size, ")
    with pytest.raises(CubeError, match="the cube has no size; it was made by another version of dlas"):
        estimates(golden(LOGS), "size")


def test_the_words_for_figures():
    assert QUANTITIES["latency"].text(1.2e-3, 1.1e-3, 1.3e-3) == "1.20 [1.10, 1.30] ms"
    assert QUANTITIES["accuracy"].text(0.9, 0.88, 0.92) == "90.0 [88.0, 92.0] %"
    assert QUANTITIES["macs"].text(1.5e6, 1.5e6, 1.5e6) == "1.5 M"
    assert change(QUANTITIES["latency"], 2, 1.5, 2.6) == "2.0 [1.5, 2.6]×"
    assert change(QUANTITIES["accuracy"], -0.01, -0.02, 0.0) == "-1.0 [-2.0, 0.0] pp"
    assert percent(0.25, 0.25, 0.25) == "25 %"
