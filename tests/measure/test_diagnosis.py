"""A real diagnosis, short: figures must be plausible, not good."""

import pytest

from dlas.measure import runtimes
from dlas.measure.advice import advise
from dlas.measure.diagnosis import Effort, diagnose

SHORT = Effort(seconds=0.2, processes=2, peak=0.05)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def found(told):
    return diagnose(SHORT, told.append)


@pytest.mark.slow
def test_each_stage_is_told(found, told):
    assert len(told) == SHORT.stages
    assert told[1] == "waiting for the host's measuring lock"


@pytest.mark.slow
def test_the_noise_is_that_of_a_kernel_against_itself(found):
    noise = found.noise
    assert noise.ratio.low <= noise.ratio.value <= noise.ratio.high
    assert noise.floor > 0
    assert 0 <= noise.clean <= 1
    assert noise.drift >= 0
    assert noise.repetitions > 0
    assert noise.processes == SHORT.processes


@pytest.mark.slow
def test_the_peaks_are_those_of_a_computer(found):
    assert 0.1 < found.peak.gflops < 10_000
    assert 0.1 < found.peak.bandwidth < 10_000
    assert found.peak.array > 0
    assert found.peak.blas


@pytest.mark.slow
def test_every_installed_runtime_says_how_many_threads_it_uses(found):
    assert [runtime.name for runtime in found.runtimes] == list(runtimes.NAMES)
    for runtime in found.runtimes:
        assert runtime.problem == ""
        assert (runtime.threads is None) == (runtime.version is None)
        assert runtime.threads in (None, 1)


@pytest.mark.slow
def test_it_is_measured_on_a_processor_of_this_process_and_ends_in_advice(found):
    assert found.cpu in found.surroundings.siblings
    assert found.throttled >= 0
    assert advise(found)
