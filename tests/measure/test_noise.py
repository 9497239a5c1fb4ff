"""What the A/A run makes of samples that are known."""

import numpy as np
import pytest

from dlas.host import probe
from dlas.layers.hardware.cpu import Cpu
from dlas.measure.noise import BASELINE, CELLS, GLANCE, Glance, glance, summary, too_noisy
from dlas.measure.samples import Samples, drift

ROUNDS, EACH = 60, 4


def samples(speed=1.0, noise=0.0, seed=0, dirty=0.0):
    """Repetitions of 1 ms; `speed` may be one for each round; every so many are interrupted."""
    generator = np.random.default_rng(seed)
    rounds = np.repeat(np.arange(ROUNDS), EACH)
    seconds = 1e-3 * np.broadcast_to(speed, ROUNDS)[rounds] * np.exp(noise * generator.standard_normal(len(rounds)))
    return Samples(rounds, seconds, seconds, (generator.random(len(rounds)) < dirty).astype(np.int64))


def run(noise, seed):
    return {name: samples(noise=noise, seed=seed + i) for i, name in enumerate((BASELINE, *CELLS))}


def test_noise_gives_a_floor_and_an_interval_around_one():
    found = summary([run(0.05, seed) for seed in (10, 20, 30)], 3.0)
    assert found.ratio.low < 1 < found.ratio.high
    assert found.floor == pytest.approx((found.ratio.high - found.ratio.low) / 2 / found.ratio.value)
    assert 0 < found.floor < 0.05
    assert (found.processes, found.seconds, found.repetitions) == (3, 3.0, 3 * 3 * ROUNDS * EACH)


def test_more_noise_gives_a_higher_floor():
    floors = [summary([run(noise, seed) for seed in (10, 20, 30)], 3.0).floor for noise in (0.01, 0.1)]
    assert floors[1] > 3 * floors[0]


def test_a_spread_between_processes_of_the_other_cell_raises_the_floor():
    calm = [run(0.01, seed) for seed in (10, 20, 30)]
    restless = [{**one, CELLS[1]: samples(1 + 0.1 * i, seed=i)} for i, one in enumerate(calm)]
    assert summary(restless, 3.0).floor > 3 * summary(calm, 3.0).floor
    assert summary(restless, 3.0).ratio.value == summary(calm, 3.0).ratio.value


def test_the_clean_share_counts_all_repetitions():
    runs = [{BASELINE: samples(dirty=1.0), CELLS[0]: samples(), CELLS[1]: samples()}] * 2
    assert summary(runs, 1.0).clean == pytest.approx(2 / 3)


def test_what_slows_all_alike_is_drift_but_no_noise():
    slower = np.where(np.arange(ROUNDS) < 40, 1.0, 1.3)
    found = summary([dict.fromkeys((BASELINE, *CELLS), samples(slower)) for _ in range(3)], 3.0)
    assert found.drift == pytest.approx(0.3)
    assert found.floor == pytest.approx(0.0, abs=1e-12)


def test_drift_shows_between_processes_too():
    assert drift([samples(1.0), samples(1.2), samples(1.1)]) == pytest.approx(0.2)
    assert drift([samples(1.0), samples(1.0)]) == pytest.approx(0.0)


def test_drift_of_a_process_with_a_single_round():
    one = samples().only(np.arange(ROUNDS * EACH) < EACH)
    assert drift([one]) == 0.0


def test_a_glance_says_what_a_longer_measurement_would_come_to():
    seen = Glance(half=0.04, seconds=0.25)
    assert seen.after(1.0) == pytest.approx(0.02)
    assert too_noisy(seen, margin=0.02, budget=3.0, processes=3) == ""
    assert too_noisy(seen, margin=0.01, budget=3.0, processes=3) == (
        "this host is too noisy for a margin of ±1%: ±2% is to be expected of 3 s a cell; "
        "end other programs (`dlas doctor` tells more), or raise --budget to 12s"
    )


@pytest.mark.slow
def test_a_glance_at_this_host_finds_some_noise():
    found = glance(Cpu().start(probe()))
    assert found.seconds == GLANCE
    assert 0 < found.half < 1
