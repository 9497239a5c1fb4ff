"""Verdicts over a whole cube, and when figures are worth nothing."""

import pytest
from handmade import interval

from dlas.study.judging import add_verdicts


def cell(ratio, half, base=1.0, call=0.0):
    """Relative to an anchor of `base` seconds; `call` seconds of its own go to calling."""
    relative = interval("relative_latency", ratio, ratio - half, ratio + half)
    return relative | {"relative_latency_freedom": 6.0, "latency": ratio * base, "call_overhead": call}


def judge(values, anchor=None, margin=0.02):
    add_verdicts(values, dict.fromkeys(values, anchor or cell(1.0, 0.0)), margin)


def test_every_compared_cell_gets_a_verdict_and_the_baseline_none():
    values = {
        "baseline": cell(1.0, 0.0),
        "codegen=a": cell(0.5, 0.01),
        "codegen=b": cell(1.5, 0.01),
        "codegen=c": cell(1.0, 0.01),
        "codegen=d": {"status": "failed"},
    }
    judge(values)
    assert [found.get("verdict") for found in values.values()] == [
        None,
        "faster",
        "slower",
        "the same within 1.1 %",
        None,
    ]


def test_a_single_cell_is_told_by_its_interval_and_many_by_the_tails_of_what_made_it():
    alone = {"codegen=a": cell(1.1, 0.05)}
    judge(alone)
    assert alone["codegen=a"]["verdict"] == "slower"
    for freedom, verdict in ((6.0, "inconclusive"), (1000.0, "slower")):
        values = {f"model={i}": cell(1.0, 0.05) for i in range(100)} | {"codegen=a": cell(1.1, 0.05)}
        values["codegen=a"]["relative_latency_freedom"] = freedom
        judge(values)
        assert values["codegen=a"]["verdict"] == verdict


@pytest.mark.parametrize(("ratio", "own", "other", "verdict"), [
    (0.8, 10e-6, 10e-6, "faster"),
    (0.8, 5e-6, 30e-6, "inconclusive"),
    (0.8, 5e-6, 20e-6, "faster"),
    (1.2, 10e-6, 10e-6, "slower"),
    (1.2, 30e-6, 5e-6, "inconclusive"),
    (1.2, 120e-6, 100e-6, "inconclusive"),
])  # fmt: skip
def test_below_a_millisecond_a_difference_stands_without_what_calls_cost(ratio, own, other, verdict):
    values = {"codegen=a": cell(ratio, 0.01, 100e-6, own)}
    judge(values, cell(1.0, 0.0, 100e-6, other))
    assert values["codegen=a"]["verdict"] == verdict
    said = values["codegen=a"].get("remark", "")
    assert ("without what a mere call costs" in said) == (verdict == "inconclusive")


def test_from_a_millisecond_on_calls_are_not_looked_at():
    values = {"codegen=a": cell(0.99, 0.001, 2e-3, 5e-6)}
    judge(values, cell(1.0, 0.0, 2e-3, 300e-6))
    assert values["codegen=a"]["verdict"] == "faster"
