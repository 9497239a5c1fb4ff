"""Tails of Student's t behind errors that are read as normal ones: against scipy, and where they decide."""

import numpy as np
import pytest
from golden import effect, golden, pair_effect
from scipy import stats

from dlas.analysis.best import best
from dlas.analysis.flips import rank_flips
from dlas.analysis.interactions import interactions
from dlas.analysis.tails import one_sided, reach, surely


@pytest.mark.parametrize("freedom", [3.0, 6.0, 60.0, np.inf])
def test_an_interval_at_the_edge_is_five_per_cent_and_beyond_it_the_tails_are_those_of_t(freedom):
    student = stats.t(freedom)
    error = student.ppf(0.975) / stats.norm.ppf(0.975)  # of a figure whose standard error is one
    differences = np.array([0.0, student.ppf(0.975), 5.0, -5.0])
    assert one_sided(differences, np.full(4, error), freedom) == pytest.approx(student.sf(differences))
    assert reach(0.999, freedom) * error == pytest.approx(student.ppf(0.999))
    assert surely(5.0, error, freedom, 10) == (20 * student.sf(5.0) < 0.05)


def test_no_difference_between_exact_figures_is_a_half_and_any_is_sure():
    found = one_sided(np.array([0.0, 0.1, -0.1]), np.zeros(3), 6.0)
    assert found.tolist() == [0.5, 0.0, 1.0]


def of_few(cube, freedom):
    """The cube as if its latencies were known by so few processes."""
    return cube.assign(relative_latency_freedom=cube["latency"] * 0 + freedom)


def test_what_many_processes_prove_among_many_few_do_not():
    turned = np.zeros((2, 10))
    turned[1, 0] = -0.52  # the noise drawn adds as much again
    logs = (
        effect("codegen", *range(10)) + effect("compression", 0, 0.5) + pair_effect(["compression", "codegen"], turned)
    )
    cube = golden(logs, 0.01)
    many, few = (rank_flips(of_few(cube, freedom), "compression", "codegen") for freedom in (1000, 3))
    assert many["stands"].all()
    assert not few["stands"].any()
    many, few = (interactions(of_few(cube, freedom), "compression", "codegen") for freedom in (1000, 3))
    assert many["p_value"].max() < few["p_value"].min()
    near = golden(effect("model", *np.linspace(0.0, 0.5, 30)), 0.05)
    many, few = (best(of_few(near, freedom), subject_to=()) for freedom in (1000, 3))
    assert len(few) > len(many)
