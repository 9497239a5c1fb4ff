import numpy as np
import pytest

from dlas.measure.samples import Samples
from dlas.measure.statistics import Interval
from dlas.study.journal import RunRow
from dlas.study.warnings import kind, severity, warnings

ROUNDS = 40
EACH = 5
EXACT = Interval(1.0, 0.99, 1.01)


def run(seconds=1e-3, switches=0, throttled=0, noise=0.01, early=1.0, late=1.0):
    """A run of forty rounds; `early` and `late` stretch its first and last third."""
    rounds = np.repeat(np.arange(ROUNDS), EACH)
    generator = np.random.default_rng(0)
    times = seconds * generator.normal(1, noise, len(rounds))
    times[rounds < ROUNDS // 3] *= early
    times[rounds >= 2 * ROUNDS // 3] *= late
    samples = Samples(rounds, times, times, np.resize(switches, len(rounds)))
    return RunRow(1, "cell", 0, "margin", 0.02, 1.0, {"throttled": throttled}, samples)


def said(*runs, kernel=(), relative=EXACT):
    return warnings(runs, kernel or [run()], relative, margin=0.02)


def test_a_quiet_run_is_not_warned_about():
    assert said(run(), run(1.01e-3)) == []


@pytest.mark.parametrize(
    ("disturbed", "begins"),
    [
        ({"switches": 1}, "only 0% of the repetitions ran undisturbed"),
        ({"noise": 0.4}, "unstable: half of the repetitions lie outside a range of"),
        ({"early": 1.2}, "the first rounds took 20% longer"),
        ({"throttled": 7}, "the container's quota stopped this 7 times"),
    ],
)
def test_each_disturbance_is_named(disturbed, begins):
    assert any(sentence.startswith(begins) for sentence in said(run(**disturbed)))


@pytest.mark.parametrize(
    ("mild", "bad"),
    [
        ({"switches": [0, 1]}, {"switches": [0, 1, 1, 1]}),
        ({"noise": 0.4}, {"noise": 0.8}),
        ({"early": 1.2}, {"early": 1.5}),
        ({"throttled": 7}, {"throttled": 80}),
    ],
)
def test_of_two_warnings_of_a_kind_the_worse_is_the_more_severe(mild, bad):
    told, worse = ({kind(sentence): severity(sentence) for sentence in said(run(**one))} for one in (mild, bad))
    assert told.keys() <= worse.keys()
    assert all(worse[one] > told[one] for one in told)


def test_processes_that_differ_are_named():
    assert said(run(), run(1.2e-3)) == ["fresh processes differ by 20%: `dlas remeasure` adds more of them"]


def test_a_drifting_reference_kernel_is_named_whatever_the_cell_did():
    assert said(run(), kernel=[run(late=1.3)]) == ["the processor's speed drifted by 30% meanwhile: fix its frequency"]


def test_a_margin_that_was_not_reached_is_named_with_what_was():
    assert said(run(), relative=Interval(1.0, 0.95, 1.05)) == [
        "margin not reached: ±5.0% instead of ±2.0%; raise --budget"
    ]
