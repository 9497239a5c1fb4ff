"""What happens to a measurement around which the machine misbehaves: no wrong figure is stored."""

import os
import signal
import time

import numpy as np
import psutil
import pytest

import dlas
from dlas.measure.clocks import Repetition
from dlas.measure.samples import collect, paired_logs
from dlas.measure.statistics import Spread, over_processes

STUDY = '[[part]]\nvary.codegen = ["toygen@1:4:1"]'


def ratio_of(cell, baseline):
    logs = paired_logs(collect(cell), collect(baseline), wall=False)
    return over_processes([logs], Spread(0.0, 2)).exp()


def steps(factor, disturb):
    """Forty rounds of eight repetitions of 10 µs times a factor, each through `disturb(round, nanoseconds)`."""
    generator = np.random.default_rng(int(factor * 100))
    rounds = []
    for number in range(40):
        times = [disturb(number, 10_000 * factor * generator.normal(1, 0.01)) for _ in range(8)]
        rounds.append((number, 1, [Repetition(int(t), int(t), 0) for t in times]))
    return rounds


def test_load_that_starts_half_way_leaves_the_ratio_where_it_was():
    def slower_from_the_middle(number, nanoseconds):
        return nanoseconds * (1 if number < 20 else 1.7)

    found = ratio_of(steps(1.1, slower_from_the_middle), steps(1.0, slower_from_the_middle))
    assert found.low < 1.1 < found.high
    assert found.value == pytest.approx(1.1, rel=0.01)


def test_a_clock_that_jumps_costs_one_round_no_more():
    def jumps(number, nanoseconds):
        return nanoseconds + (3.6e12 if number == 17 else 0)

    found = ratio_of(steps(1.1, jumps), steps(1.0, lambda number, nanoseconds: nanoseconds))
    assert found.value == pytest.approx(1.1, rel=0.01)


@pytest.mark.slow
def test_a_child_that_is_stopped_and_continued_is_measured_to_the_end(bench):
    bench.write(STUDY, 'margin = "0.01%"\nbudget = "2s"\nprocesses = 2')
    process = bench.start()
    stopped = 0
    while process.poll() is None and not stopped:
        workers = psutil.Process(process.pid).children()
        if len(workers) == 5:  # the cells and the reference kernel
            time.sleep(0.5)
            os.kill(workers[1].pid, signal.SIGSTOP)
            time.sleep(2)
            os.kill(workers[1].pid, signal.SIGCONT)
            stopped += 1
        time.sleep(0.02)
    said, _ = process.communicate(timeout=120)
    assert stopped == 1
    assert process.returncode == 0, said
    found = dlas.open_cube(bench.cube).dlas.frame()
    assert set(found["status"]) <= {"ok", "unstable"}
    # Four times the same executable: whoever was stopped does not look slower for it.
    assert (found.loc[found["status"] == "ok", "relative_latency"] - 1).abs().max() < 0.3
