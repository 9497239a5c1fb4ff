"""The best cell within limits: a stack that can be run again, and honesty about who else it may be."""

import numpy as np
import pytest
from golden import effect, golden
from handmade import cube_of, interval, measured, stack

from dlas.analysis.best import best, sentences
from dlas.analysis.best import stack as as_stack
from dlas.analysis.constraint import read, read_all
from dlas.analysis.contenders import contenders
from dlas.errors import CubeError

LOGS = effect("codegen", *np.log([1.0, 0.5, 0.52, 0.8, 0.1]))
ACCURACY = effect("codegen", 0.90, 0.90, 0.90, 0.90, 0.70)  # the fastest is not accurate enough


def planted(error=0.001, accuracy_error=0.001, **named):
    named.setdefault("accuracy", ACCURACY)
    return golden(LOGS, error, accuracy_error=accuracy_error, **named)


def roles(found):
    return dict(zip(found["cell"], found["role"], strict=True))


def test_the_fastest_within_a_point_of_the_baselines_accuracy_is_found():
    found = best(planted())
    assert roles(found) == {"codegen=c1": "winner"}
    assert found["keeps"].tolist() == ["surely"]
    assert found["ratio"].tolist() == [1]


def test_without_limits_the_fastest_of_all_is_found_and_with_another_objective_another():
    assert roles(best(planted(), subject_to=())) == {"codegen=c4": "winner"}
    assert roles(best(planted(), subject_to="none")) == {"codegen=c4": "winner"}
    assert read_all(["none"]) == []
    assert best(planted(), "accuracy", ())["cell"].iloc[0] != "codegen=c4"


def test_those_that_cannot_be_told_apart_are_runners_up():
    found = best(planted(error=0.03))
    assert roles(found) == {"codegen=c1": "winner", "codegen=c2": "runner-up"}
    row = found.iloc[1]
    assert row["ratio_low"] < 1.04 < row["ratio_high"]


def test_a_cell_that_only_perhaps_keeps_the_limit_brings_the_best_that_surely_does():
    accuracy = effect("codegen", 0.90, 0.893, 0.90, 0.90, 0.70)
    cube = planted(accuracy=accuracy)
    cube["accuracy_change_low"][..., 1, 0] = -0.02
    cube["accuracy_change_high"][..., 1, 0] = 0.006
    found = best(cube)
    assert roles(found) == {"codegen=c1": "winner", "codegen=c2": "safe"}
    assert found["keeps"].tolist() == ["perhaps", "surely"]
    assert "the best that surely does: codegen=c2 (1.04" in " ".join(sentences(found))


def test_one_that_is_surely_faster_but_only_perhaps_keeps_the_limit_is_no_runner_up():
    cube = planted(accuracy=effect("codegen", 0.90, 0.90, 0.90, 0.90, 0.885))
    cube["accuracy_change_high"][..., 4, 0] = 0.002
    found = best(cube)
    assert roles(found) == {"codegen=c1": "winner", "codegen=c4": "better"}
    (said,) = sentences(found)[1:]
    assert said.startswith("Surely better, but perhaps beyond the limits: codegen=c4 (0.1999 [0.1994, 0.2005]×, ")
    assert contenders(cube, "best") == [], "no measuring of latencies decides it"


def test_a_failed_cell_is_never_best():
    cube = planted()
    cube["status"][..., 1, 0] = "failed"
    assert roles(best(cube)) == {"codegen=c2": "winner"}


def test_several_limits_are_all_kept():
    size = effect("codegen", 1e5, 9e5, 4e5, 1e5, 1e5)
    found = best(planted(size=size), subject_to=["accuracy_change >= -1pp", "size <= 500kB", "latency<=10ms"])
    assert roles(found) == {"codegen=c2": "winner"}


def test_the_winner_is_a_stack_that_can_be_run_again():
    sure = interval("accuracy_change", 0.0, -0.001, 0.001)
    cube = cube_of({stack(): measured(**sure), stack(codegen="torch", compression="int8"): measured(0.5, 1.01, **sure)})
    found = cube.dlas.best()
    assert as_stack(found) == stack(codegen="torch", compression="int8")
    assert sentences(found) == [
        "Best by latency with accuracy_change >= -1pp: compression=int8 codegen=torch, 1.000 [0.980, 1.020] ms. The "
        "whole stack: dataset=digits model=resnet8 compression=int8 primitive=native codegen=torch hardware=cpu.",
        "No other of 2 cells that may keep the limits is as good, at 95 % confidence.",
    ]


def test_the_words_name_the_runners_up():
    said = sentences(best(planted(error=0.03)))
    assert said[-1].startswith("The winner is not certain; it cannot be told apart from codegen=c2 (1.0")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("size <= 1", "no cell has a figure for size (size <= 1); give other limits, or `none`"),
        ("latency <= 1us", "no measured cell keeps all limits (latency <= 1us); give other limits, or `none`"),
    ],
)
def test_limits_that_nothing_keeps_are_told(limits, said):
    with pytest.raises(CubeError) as problem:
        best(planted(size=np.nan), subject_to=limits)
    assert str(problem.value) == said


@pytest.mark.parametrize(
    ("text", "variable", "at_least", "bound"),
    [
        ("accuracy_change >= -1pp", "accuracy_change", True, -0.01),
        ("latency<=5ms", "latency", False, 0.005),
        ("latency <= 5 us", "latency", False, 5e-6),
        ("size <= 300kB", "size", False, 3e5),
        ("relative_latency <= 0.5", "relative_latency", False, 0.5),
        ("accuracy >= 98%", "accuracy", True, 0.98),
    ],
)
def test_limits_as_people_write_them(text, variable, at_least, bound):
    found = read(text)
    assert (found.variable, found.at_least) == (variable, at_least)
    assert found.bound == pytest.approx(bound)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fast", "'fast' is no limit; write for example 'accuracy_change >= -1pp' or 'latency <= 5ms'"),
        ("latency < 5ms", "'latency < 5ms' is no limit; write for example "),
        ("latency <= 5parsec", "'latency <= 5parsec' is no limit; write for example "),
        ("latency <= 5pp", "'latency <= 5pp': latency is not in pp; its unit is s"),
        ("size <= 5ms", "'size <= 5ms': size is not in ms; its unit is byte"),
        ("speed >= 5", "'speed >= 5': the cube has no figure 'speed'; its figures are latency, "),
        ("latency <= 1.2.3", "'latency <= 1.2.3': 1.2.3 is no number; write for example 'latency <= 5ms'"),
    ],
)
def test_what_is_no_limit_is_told_in_a_sentence(text, said):
    with pytest.raises(CubeError) as problem:
        read(text)
    assert str(problem.value).startswith(said)


@pytest.mark.slow
def test_winner_and_runners_up_hold_the_truly_best():
    """At least 95 %: the bound is shared out over the rivals and is not exact."""
    generator = np.random.default_rng(5)
    logs = effect("codegen", 0.0, *generator.normal(-0.5, 0.03, 7))
    truly = f"codegen=c{logs.argmin()}"
    hits = sum(truly in best(golden(logs, 0.02, generator), subject_to=())["cell"].tolist() for _ in range(1000))
    assert hits >= 950
