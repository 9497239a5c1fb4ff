"""Speed-ups: what was planted comes out, over whatever it is asked for, with the interval that follows."""

import numpy as np
import pytest
from handmade import cube_of, measured, stack

from dlas.analysis.speedup import sentences, speedup
from dlas.errors import CubeError
from dlas.option import LAYERS

# Latency over the baseline's, and the factor of its interval, by compression and code generator.
PLANTED = {
    ("none", "openvino"): (1.0, 1.0),
    ("none", "torch"): (2.0, 1.03),
    ("int8", "openvino"): (0.5, 1.02),
    ("int8", "torch"): (1.6, 1.04),
}


@pytest.fixture
def cube():
    values = {stack(compression=c, codegen=g): measured(*planted) for (c, g), planted in PLANTED.items()}
    return cube_of(values)


def figures(found, compression, codegen):
    """Value, low and high of one cell."""
    cell = found.sel(compression=compression, codegen=codegen).squeeze()
    return tuple(cell[name].item() for name in ("speedup", "speedup_low", "speedup_high"))


@pytest.mark.parametrize("place", PLANTED)
def test_over_the_baseline_it_is_one_over_the_relative_latency(cube, place):
    ratio, factor = PLANTED[place]
    assert figures(speedup(cube), *place) == pytest.approx((1 / ratio, 1 / ratio / factor, 1 / ratio * factor))


def test_the_baseline_over_itself_is_exactly_one(cube):
    assert figures(speedup(cube), "none", "openvino") == (1, 1, 1)


def test_over_another_option_each_cell_is_compared_with_its_own_neighbour(cube):
    found = speedup(cube, "codegen=torch")
    assert figures(found, "none", "openvino")[0] == pytest.approx(2.0)
    assert figures(found, "int8", "openvino")[0] == pytest.approx(1.6 / 0.5)


@pytest.mark.parametrize("compression", ["none", "int8"])
def test_a_cell_over_itself_is_exactly_one(cube, compression):
    assert figures(speedup(cube, "codegen=torch"), compression, "torch") == (1, 1, 1)


def test_variances_of_logs_add(cube):
    value, low, high = figures(speedup(cube, "codegen=torch"), "int8", "openvino")
    half = np.hypot(np.log(1.02), np.log(1.04))
    assert np.log(high / value) == pytest.approx(half)
    assert np.log(value / low) == pytest.approx(half)


def test_over_the_baselines_option_nothing_is_added_to_cells_compared_with_the_baseline(cube):
    over_option, over_baseline = speedup(cube, "codegen=openvino"), speedup(cube)
    assert figures(over_option, "none", "torch") == pytest.approx(figures(over_baseline, "none", "torch"))


def test_the_six_dimensions_and_their_order_are_kept(cube):
    for over in (None, "codegen=torch", "dataset=digits"):
        found = speedup(cube, over)
        assert all(found[name].dims == LAYERS for name in ("speedup", "speedup_low", "speedup_high"))
        assert dict(found.sizes) == dict(cube.sizes)


def test_what_was_not_measured_has_no_speed_up():
    cube = cube_of({stack(): measured(), stack(codegen="torch"): {"status": "failed", "reason": "it crashed"}})
    found = speedup(cube, "codegen=torch")
    assert np.isnan(figures(found, "none", "openvino")).all()
    assert np.isnan(figures(found, "none", "torch")).all()


@pytest.mark.parametrize("unstable", [("int8", "openvino"), ("int8", "torch")])
def test_a_cell_that_did_not_end_well_has_no_speed_up_and_gives_none(cube, unstable):
    cube["status"].loc[{"compression": unstable[0], "codegen": unstable[1]}] = "unstable"
    found = speedup(cube, "codegen=torch")
    assert np.isnan(figures(found, "int8", "openvino")).all()
    assert figures(found, "none", "openvino")[0] == pytest.approx(2.0)
    assert np.isnan(figures(speedup(cube), *unstable)).all()


def test_every_figure_says_what_it_is_over(cube):
    found = cube.dlas.speedup(over="codegen=torch")
    assert found["speedup"].attrs == {"units": "1", "long_name": "speedup over codegen=torch"}
    assert cube.dlas.speedup()["speedup_low"].attrs["long_name"] == "speedup, low over the baseline"


@pytest.mark.parametrize("over", ["torch", "compiler=torch", "codegen", "", "=torch"])
def test_what_is_no_layer_and_option_is_told_so(cube, over):
    with pytest.raises(CubeError) as problem:
        speedup(cube, over)
    assert str(problem.value) == f'over={over!r} is no layer=option; write for example over="codegen=openvino"'


def test_an_option_that_the_cube_does_not_have_is_told_with_those_it_has(cube):
    with pytest.raises(CubeError) as problem:
        speedup(cube, "codegen=tvm")
    assert str(problem.value) == "codegen=tvm is not in the cube; it has openvino, torch"


def test_the_option_may_be_written_in_another_way_than_the_cube_does():
    cube = cube_of({stack(): measured(), stack(compression="weight-prune@0.9"): measured(0.5, 1.03)})
    found = speedup(cube, "compression=weight-prune@0.90")
    assert figures(found, "none", "openvino")[0] == pytest.approx(0.5)
    assert figures(found, "weight-prune@0.9", "openvino") == (1, 1, 1)


def test_the_words_name_the_fastest_and_the_slowest(cube):
    assert sentences(speedup(cube)) == [
        "Speed-up over the baseline, fastest: compression=int8, 2.00 [1.96, 2.04]×; "
        "slowest: codegen=torch, 0.500 [0.485, 0.515]×."
    ]
    assert sentences(speedup(cube, "codegen=torch"))[0].startswith("Speed-up over codegen=torch, fastest: ")


def test_the_words_pass_over_cells_that_did_not_end_well():
    values = {stack(): measured(), stack(codegen="torch"): measured(0.1, 2.0, status="unstable")}
    assert sentences(speedup(cube_of(values))) == [
        "Speed-up over the baseline, fastest: baseline, 1×; slowest: baseline, 1×."
    ]
    assert sentences(speedup(cube_of({stack(): {"status": "missing", "reason": ""}}))) == [
        "No speed-up is known: no cell was measured beside its counterpart."
    ]
