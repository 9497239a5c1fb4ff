"""Every sentence of advice: said where its fact holds, with the fact in it, and nowhere else."""

from dataclasses import replace

import pytest
from healthy import AROUND, HEALTHY, NOISE

from dlas.measure.advice import NOTHING, advise
from dlas.measure.runtimes import Runtime
from dlas.measure.statistics import Interval
from dlas.measure.surroundings import Throttling


def around(**changes):
    return replace(HEALTHY, surroundings=replace(AROUND, **changes))


def noise(**changes):
    return replace(HEALTHY, noise=replace(NOISE, **changes))


SENTENCES = {
    "governor": (
        around(governor="powersave"),
        "the governor is powersave, so the clock follows the load: "
        "set it to performance (sudo cpupower frequency-set -g performance)",
    ),
    "load": (
        around(load=(2.54, 1.0, 1.0)),
        "the load was 2.5 on 2 processors in the last minute: end other programs, or measure when they are done",
    ),
    "quota": (
        around(quota=1.5),
        "the container sees 2 cores but may use 1.5, and is stopped when it takes more: "
        "raise its quota (docker run --cpus), or give it whole processors (--cpuset-cpus)",
    ),
    "throttled before": (
        around(throttling=Throttling(7, 1.25)),
        "the container's quota stopped it 7 times (1.2 s) since it began and 0 times during this run: "
        "raise the quota, or run less beside the measurement",
    ),
    "throttled meanwhile": (
        replace(HEALTHY, throttled=3),
        "the container's quota stopped it 0 times (0.0 s) since it began and 3 times during this run: "
        "raise the quota, or run less beside the measurement",
    ),
    "threads": (
        replace(HEALTHY, runtimes=(Runtime("torch", "2.9", 4),)),
        "torch 2.9 uses 4 threads when asked for 1: look for a setting of its own in the environment",
    ),
    "a runtime that fails": (
        replace(HEALTHY, runtimes=(Runtime("torch", "2.9", problem="its process was killed by SIGILL"),)),
        "torch 2.9 could not be asked for its threads (its process was killed by SIGILL): reinstall it",
    ),
    "clean": (
        noise(clean=0.31),
        "only 31% of the repetitions ran undisturbed: "
        "other programs use the same processor; end them, or keep a processor free for measuring",
    ),
    "clean, and no priority": (
        replace(noise(clean=0.31), surroundings=replace(AROUND, outranks=False)),
        "only 31% of the repetitions ran undisturbed: other programs use the same processor; end them, or keep a "
        "processor free for measuring, or let dlas come before them (as root; docker run --cap-add SYS_NICE)",
    ),
    "noise floor": (
        noise(ratio=Interval(1.0, 0.969, 1.031)),
        "a kernel differs from itself by up to ±3.1% at 3 s a cell: "
        "raise the budget or the number of processes, or measure on a quieter host",
    ),
    "drift": (
        noise(drift=0.382),
        "the kernel's speed moved by 38% during the run: "
        "fix the processor's frequency (governor performance, no boost)",
    ),
    "drift of a virtual machine": (
        replace(noise(drift=0.0861), surroundings=replace(AROUND, governor=None)),
        "the kernel's speed moved by 9% during the run: this host shows no governor, so its clock is set elsewhere; "
        "measure when its neighbours are quiet",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_what_is_wrong_is_said_with_its_fact_and_nothing_else_is(name):
    found, sentence = SENTENCES[name]
    assert advise(found) == [sentence]


def test_a_healthy_host_needs_nothing():
    assert advise(HEALTHY) == [NOTHING] == ["nothing to change"]


@pytest.mark.parametrize(
    "found",
    [
        around(governor=None),
        around(governor="userspace"),
        around(load=(2.0, 9.0, 9.0)),
        around(quota=2.0),
        around(quota=64.0),
        noise(clean=0.5),
        noise(ratio=Interval(1.0, 0.981, 1.019)),
        noise(drift=0.05),
        replace(HEALTHY, runtimes=(Runtime("torch", None),)),
    ],
)
def test_what_is_just_well_is_not_complained_of(found):
    assert advise(found) == [NOTHING]


def test_whatever_is_wrong_is_all_said():
    found = replace(around(governor="powersave", quota=1.0), noise=replace(NOISE, drift=0.2))
    assert [sentence.split()[1] for sentence in advise(found)] == ["governor", "container", "kernel's"]
