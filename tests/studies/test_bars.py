"""The bars of 2018: ratios at equal threads and at the best, on the same side of one or not."""

import bars2018
import pytest
from handmade import HOST
from stacks import figures_of, planted

VGG, TWO = {"model": "vgg16@width=0.2"}, {"hardware": "cpu@threads=2"}
CSR = {"compression": "weight-prune@0.9", "primitive": "csr-direct@threshold=0"}
DIRECT = {"primitive": "direct"}
CHANNELS = {"compression": "channel-prune@0.5", "primitive": "direct"}


def bars(*values):
    return bars2018.bars(planted([({**VGG, **changes}, figures_of(log)) for changes, log in values], HOST))


def test_their_ratios_are_those_of_the_bars():
    (bar,) = bars((DIRECT, 0.0), (CSR, 0.5))
    assert (bar.network, bar.technique, bar.threads, bar.dataset) == ("vgg16", "weight pruning", "1", "digits")
    assert bar.theirs == pytest.approx(0.797 / 1.320)
    assert bar.interval[0] == pytest.approx(0.607, abs=1e-3)
    assert bar.agrees == "the same direction"


def test_another_direction_and_one_that_cannot_be_told():
    (bar,) = bars((DIRECT, 0.0), (CHANNELS, 0.5))
    assert bar.agrees == "the other direction"
    (bar,) = bars((DIRECT, 0.0), (CHANNELS, -0.01))
    assert bar.agrees == "ours not to be told from 1"


def test_the_best_over_threads_is_each_sides_own():
    found = bars((DIRECT, 0.0), ({**DIRECT, **TWO}, -0.5), (CSR, -0.1), ({**CSR, **TWO}, 0.2))
    assert [bar.threads for bar in found] == ["1", "2", "best"]
    best = found[-1]
    assert best.ours == pytest.approx(-0.5 - -0.1)
    assert best.theirs == pytest.approx(0.223 / 0.390)


@pytest.mark.parametrize("hardware", ["cpu@isa=avx2", "cpu@batch=8", "cpu@threads=2,batch=8", "cpu@at=lab", "cuda"])
def test_cells_under_a_ceiling_of_batches_of_other_devices_or_hosts_are_no_bars(hardware):
    place = {"hardware": hardware}
    assert len(bars((DIRECT, 0.0), ({**DIRECT, **place}, 0.0), (CSR, 0.0), ({**CSR, **place}, 0.5))) == 1
    assert bars(({**DIRECT, **place}, 0.0), ({**CSR, **place}, 0.5)) == []


def test_other_networks_are_no_bars():
    assert bars2018.bars(planted([({"model": "resnet20", **DIRECT}, figures_of(0.0))], HOST)) == []
