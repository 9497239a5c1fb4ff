"""Warming up, finding the pace and stepping, by a clock that does not move by itself."""

import itertools

import pytest

from dlas.measure.pace import (
    DISCARDED,
    LONG,
    LONGEST_DISCARD,
    MOST_WARM_UP,
    STEP,
    WARM_UP,
    WINDOW,
    Pace,
    calibrate,
    discard,
    step,
    warm_up,
)

FAST, SLOW = 30e-6, 0.3  # s


def test_a_fast_network_is_repeated_for_about_400_microseconds():
    pace = calibrate(FAST)
    assert pace.inner * FAST == pytest.approx(400e-6, rel=0.05)


def test_a_step_of_a_fast_network_has_several_repetitions():
    assert calibrate(FAST) == Pace(inner=13, repetitions=5, discarded=DISCARDED)


def test_a_step_of_a_slow_network_is_one_inference():
    assert calibrate(SLOW) == Pace(inner=1, repetitions=1, discarded=0.0)


@pytest.mark.parametrize("seconds", [1e-7, 1e-5, 2e-4, 4e-4, 1e-3, 5e-3, 1e-2, 1.0])
def test_a_step_takes_its_time_or_one_repetition(seconds):
    pace = calibrate(seconds)
    repetition = pace.inner * seconds
    assert pace.repetitions * repetition <= max(1.5 * STEP, repetition)
    assert (pace.repetitions + 1) * repetition > STEP


@pytest.mark.parametrize("seconds", [FAST, 5e-4, 1e-2, SLOW])
def test_warming_up_finds_the_time_of_one_inference(clock, seconds):
    assert warm_up(clock.work(seconds), clock) == pytest.approx(seconds)


def test_a_steady_network_warms_up_for_the_least_time(clock):
    warm_up(clock.work(FAST), clock)
    one_window = WINDOW * 400e-6
    assert WARM_UP <= clock.walls * 1e-9 <= WARM_UP + one_window


def test_warming_up_goes_on_until_the_median_no_longer_moves(clock):
    seconds = warm_up(clock.work(lambda n: 1e-3 * (1 + 30 * 0.5 ** (n / WINDOW))), clock)
    assert seconds == pytest.approx(1e-3, rel=0.05)
    assert WARM_UP + 2 * WINDOW * 1e-3 < clock.walls * 1e-9 < MOST_WARM_UP


def test_a_network_that_never_settles_is_given_up_after_the_most_time(clock):
    growing = itertools.count(1)
    warm_up(clock.work(lambda _: 1e-3 * 1.05 ** next(growing)), clock)
    assert clock.walls * 1e-9 >= MOST_WARM_UP


def test_a_network_that_jumps_about_warms_up_for_the_most_time(clock):
    warm_up(clock.work(lambda n: 1e-2 if (n // WINDOW) % 2 else 2e-2), clock)
    assert MOST_WARM_UP <= clock.walls * 1e-9 <= MOST_WARM_UP + WINDOW * 2e-2


def test_a_first_window_has_nothing_to_be_stable_against(clock):
    cold = WINDOW
    seconds = warm_up(clock.work(lambda n: 0.1 if n < cold else 0.05), clock)
    assert seconds == pytest.approx(0.05)


def test_a_network_that_computes_in_a_pool_does_not_warm_up_for_minutes(clock):
    warm_up(clock.work(0.02, cpu=4e-6), clock)
    assert clock.walls * 1e-9 <= MOST_WARM_UP + WINDOW * 0.02


def test_discarded_repetitions_are_run_but_not_in_the_result(clock):
    cold = clock.work(lambda n: 0.2 * DISCARDED if n < 2 * 3 else 1e-4)
    found = step(cold, lambda: None, Pace(inner=3, repetitions=4, discarded=DISCARDED), clock)
    assert [r.wall for r in found] == [300_000] * 4
    assert clock.walls == (1.2 * DISCARDED + 4 * 3 * 1e-4) * 1e9


@pytest.mark.parametrize("calibrated", [0.9 * DISCARDED, 1.1 * DISCARDED])
def test_how_much_is_discarded_does_not_hang_on_what_was_calibrated(clock, calibrated):
    discard(clock.work(0.6 * DISCARDED), calibrate(calibrated), clock)
    assert clock.walls == 1.2 * DISCARDED * 1e9


def test_of_a_network_that_fills_the_caches_itself_every_inference_is_timed(clock):
    assert len(step(clock.work(LONG), lambda: None, calibrate(LONG), clock)) == 1
    assert clock.walls == LONG * 1e9


def test_of_work_that_computes_elsewhere_no_more_than_some_wall_time_is_discarded(clock):
    discard(clock.work(1e-3, cpu=1e-6), Pace(1, 1, DISCARDED), clock)
    assert clock.walls == LONGEST_DISCARD * 1e9


def test_the_next_input_is_brought_before_each_timed_repetition_and_not_timed(clock):
    events = []

    def infer():
        events.append("infer")
        clock.passes(1e-3)

    def advance():
        events.append("advance")
        clock.passes(0.5)

    found = step(infer, advance, Pace(inner=1, repetitions=3, discarded=DISCARDED), clock)
    assert events == ["infer"] * round(DISCARDED / 1e-3) + ["advance", "infer"] * 3
    assert [r.wall for r in found] == [1_000_000] * 3
