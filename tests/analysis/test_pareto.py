"""The front: who is on it, ties and noise included, and how probable that is."""

import numpy as np
import pytest
from golden import Z, effect, golden, shape
from hypothesis import given
from hypothesis import strategies as st

from dlas.analysis.pareto import _on_front, pareto, sentences
from dlas.errors import CubeError

LOGS = effect("codegen", 0.0, -1.0, -0.5, -0.4, -2.0)
ACCURACY = effect("codegen", 0.9, 0.8, 0.85, 0.84, 0.5)


def planted(error=0.0, **named):
    named.setdefault("accuracy", ACCURACY)
    return golden(LOGS, error, accuracy_error=error / 10, **named)


def test_a_planted_front_is_found_from_the_fastest_to_the_most_accurate():
    found = pareto(planted())
    assert found["cell"].tolist() == ["codegen=c4", "codegen=c1", "codegen=c2", "baseline"]
    assert found["on_front"].all()
    assert found["probability"].tolist() == [1, 1, 1, 1]


def test_a_point_beside_the_front_is_on_it_with_the_probability_of_its_noise():
    """Two points of one accuracy: the slower is on the front whenever it is drawn faster."""
    cube = golden(effect("codegen", 0, 0.01), accuracy=0.9)
    for end, sign in (("low", -1), ("high", 1)):
        cube[f"relative_latency_{end}"][..., 1, 0] = np.exp(0.01 + sign * Z * 0.02)
    found = pareto(cube)
    by_cell = dict(zip(found["cell"], found["probability"], strict=True))
    assert by_cell["baseline"] == pytest.approx(0.69, abs=0.04)  # Φ(0.01 / 0.02): the baseline has no error
    assert sum(by_cell.values()) == pytest.approx(1, abs=0.001)


def test_points_that_no_draw_brings_back_are_not_listed():
    generator = np.random.default_rng(0)
    sizes = shape(model=5, compression=20, codegen=20)
    cube = golden(generator.normal(size=sizes), 0.01, accuracy=generator.normal(0.8, 0.05, sizes), accuracy_error=0.001)
    found = pareto(cube)
    assert found.attrs["cells"] == 2000
    assert len(found) < 50
    assert (found["on_front"] | (found["probability"] >= 0.005)).all()


def test_cells_that_failed_or_have_no_accuracy_are_not_on_it():
    cube = planted()
    cube["status"][..., 4, 0] = "failed"
    cube["accuracy_change"][..., 1, 0] = cube["accuracy"][..., 1, 0] = np.nan
    assert pareto(cube)["cell"].tolist() == ["codegen=c2", "baseline"]


def test_size_against_latency_has_another_front():
    cube = planted(size=effect("codegen", 1e5, 3e5, 2e5, 2.5e5, 4e5))
    assert pareto(cube, "size", "latency")["cell"].tolist() == ["baseline", "codegen=c2", "codegen=c1", "codegen=c4"]


def test_equal_points_are_on_it_together():
    cube = golden(effect("codegen", 0, 0), accuracy=0.9, size=1e5)
    assert pareto(cube, "size", "accuracy")["on_front"].tolist() == [True, True]
    assert pareto(cube, "size", "accuracy")["probability"].tolist() == [1, 1]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40))
def test_the_front_is_what_the_definition_says(points):
    costs = np.array(points, float).T
    x, y = costs
    beaten = [((x <= a) & (y <= b) & ((x < a) | (y < b))).any() for a, b in points]
    assert _on_front(costs).tolist() == [not lost for lost in beaten]


def test_the_words():
    assert sentences(pareto(planted())) == [
        "Front of latency and accuracy: 4 of 5 cells: codegen=c4 (123 µs, 50 %; on it with probability 1.00); "
        "codegen=c1 (335 µs, 80 %; on it with probability 1.00); codegen=c2 (553 µs, 85 %; on it with probability "
        "1.00); baseline (912 µs, 90 %; on it with probability 1.00)."
    ]


def test_what_cannot_be_asked_is_told_in_a_sentence():
    with pytest.raises(CubeError, match="a front needs two quantities; latency was named twice"):
        planted().dlas.pareto("latency", "latency")
    with pytest.raises(CubeError, match="no cell has both latency and accuracy; choose other quantities"):
        planted(accuracy=np.nan).dlas.pareto()


@pytest.mark.slow
def test_probabilities_are_what_repeated_draws_from_the_truth_show():
    """Noise is planted around a known front; the parametric bootstrap around it must agree with fresh noise."""
    generator = np.random.default_rng(6)
    logs, accuracy = LOGS + effect("codegen", 0, 0, 0, -0.11, 0), ACCURACY
    count = np.zeros(5)
    for _ in range(1000):
        seen = golden(logs, 0.05, generator, accuracy=accuracy, accuracy_error=0.005)
        count += _on_front(np.stack([seen["relative_latency"].values.ravel(), -seen["accuracy"].values.ravel()]))
    exact = golden(logs, 0.0, accuracy=accuracy)
    for name, half, scale in (("relative_latency", 0.098, np.exp), ("accuracy_change", 0.0098, None)):
        for end, sign in (("low", -1), ("high", 1)):
            value = exact[name] * scale(sign * half) if scale else exact[name] + sign * half
            exact[f"{name}_{end}"] = value
    exact["relative_latency_low"][0, 0, 0, 0, 0, 0] = exact["relative_latency_high"][0, 0, 0, 0, 0, 0] = 1
    found = pareto(exact).set_index("cell")["probability"]
    for cell, hits in zip(["baseline", *(f"codegen=c{i}" for i in range(1, 5))], count, strict=True):
        assert found.get(cell, 0.0) == pytest.approx(hits / 1000, abs=0.06)
