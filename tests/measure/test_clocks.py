"""What one repetition records."""

import threading

import pytest

from dlas.measure.clocks import ProcessClock, Repetition, ThreadClock, repeat


def test_a_repetition_holds_the_time_of_all_its_inferences(clock):
    assert repeat(clock.work(3e-6), 5, clock) == Repetition(wall=15_000, cpu=15_000, switches=0)


def test_a_repetition_tells_processor_time_and_interruptions_apart_from_the_wall(clock):
    assert repeat(clock.work(3e-3, cpu=1e-3, switches=2), 4, clock) == Repetition(12_000_000, 4_000_000, 8)


def test_what_happened_before_does_not_count(clock):
    clock.passes(7.0, switches=9)
    assert repeat(clock.work(1e-3), 1, clock) == Repetition(1_000_000, 1_000_000, 0)


def test_the_wall_clock_is_read_innermost(clock):
    repeat(clock.work(1e-3), 1, clock)
    assert clock.read == ["switches", "cpu", "wall", "wall", "cpu", "switches"]


@pytest.mark.parametrize("real", [ThreadClock, ProcessClock])
def test_a_real_clock_never_runs_backwards(real):
    found = repeat(lambda: sum(range(1000)), 20, real)
    assert found.wall > 0
    assert found.cpu >= 0
    assert found.switches >= 0


def busy_elsewhere():
    worker = threading.Thread(target=lambda: sum(range(1_000_000)))
    worker.start()
    worker.join()


def test_the_threads_clock_leaves_out_what_the_process_clock_counts():
    assert repeat(busy_elsewhere, 3, ProcessClock).cpu > 2 * repeat(busy_elsewhere, 3, ThreadClock).cpu
