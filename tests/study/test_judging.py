"""Verdicts over a whole cube, and when figures are worth nothing."""

from handmade import interval

from dlas.study.judging import add_verdicts


def cell(ratio, half):
    return interval("relative_latency", ratio, ratio - half, ratio + half) | {"relative_latency_freedom": 6.0}


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


def test_a_single_cell_is_told_by_its_interval_and_many_by_the_tails_of_what_made_it():
    alone = {"codegen=a": cell(1.1, 0.05)}
    add_verdicts(alone, margin=0.02)
    assert alone["codegen=a"]["verdict"] == "slower"
    for freedom, verdict in ((6.0, "inconclusive"), (1000.0, "slower")):
        values = {f"model={i}": cell(1.0, 0.05) for i in range(100)} | {"codegen=a": cell(1.1, 0.05)}
        values["codegen=a"]["relative_latency_freedom"] = freedom
        add_verdicts(values, margin=0.02)
        assert values["codegen=a"]["verdict"] == verdict
