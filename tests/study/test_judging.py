"""Verdicts over a whole cube, and when figures are worth nothing."""

from dlas.study.judging import add_verdicts


def cell(ratio, half):
    return {"relative_latency": ratio, "relative_latency_low": ratio - half, "relative_latency_high": ratio + half}


def test_every_compared_cell_gets_a_verdict_and_the_baseline_none():
    values = {
        "baseline": cell(1.0, 0.0),
        "codegen=a": cell(0.5, 0.01),
        "codegen=b": cell(1.5, 0.01),
        "codegen=c": cell(1.0, 0.01),
        "codegen=d": {"status": "failed"},
    }
    add_verdicts(values, margin=0.02)
    assert [found.get("verdict") for found in values.values()] == [
        None,
        "faster",
        "slower",
        "the same within 1.1 %",
        None,
    ]
