import numpy as np
import pytest
from golden import effect, golden, pair_effect

from dlas.analysis.contenders import MOST, contenders
from dlas.errors import CubeError

LOGS = effect("codegen", 0, -0.5, -0.51, -0.2)


def cube(error, logs=LOGS, seed=2):
    return golden(logs, error, np.random.default_rng(seed), accuracy=0.9, accuracy_error=1e-4)


def test_the_best_hangs_on_those_that_are_as_fast():
    assert sorted(contenders(cube(0.02), "best")) == ["codegen=c1", "codegen=c2"]
    assert contenders(cube(0.0005), "best") == []


def test_the_front_hangs_on_points_that_are_neither_on_it_nor_off():
    assert set(contenders(cube(0.02), "front")) >= {"codegen=c1", "codegen=c2"}
    sure = golden(effect("codegen", 0, -1, -2), 1e-3, accuracy=effect("codegen", 0.9, 0.8, 0.7), accuracy_error=1e-4)
    assert contenders(sure, "front") == []


def test_flips_hang_on_the_four_cells_of_each_that_is_seen_but_not_proven():
    flip = pair_effect(["model", "primitive"], [[0, 0.04], [0.5, 0.46]])
    found = contenders(cube(0.02, flip), "flips")
    assert sorted(found) == ["baseline", "model=m1", "model=m1 primitive=p1", "primitive=p1"]
    assert contenders(cube(0.0005, flip), "flips") == []


def test_no_more_than_one_block_holds():
    assert len(contenders(cube(0.05, effect("codegen", *np.zeros(30))), "best")) == MOST


def test_another_question_is_refused_in_a_sentence():
    with pytest.raises(CubeError, match="--for fame is unknown; choose one of best, flips, front"):
        contenders(cube(0.02), "fame")
    with pytest.raises(CubeError, match="fewer than two layers vary among the cells with latency"):
        contenders(cube(0.02), "flips")
