"""Channels that go from networks of every family: really smaller, of aligned widths, still running."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torch_pruning")
from torch import nn  # noqa: E402

from dlas.errors import Inapplicable  # noqa: E402
from dlas.layers.compression.channel_prune import ChannelPrune  # noqa: E402


def unit(before, after, groups=1):
    return nn.Sequential(nn.Conv2d(before, after, 3, 1, 1, groups=groups, bias=False), nn.BatchNorm2d(after), nn.ReLU())


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.body, self.last = unit(1, 32), unit(32, 32), nn.Linear(32, 10)

    def forward(self, x):
        x = self.stem(x)
        return self.last((x + self.body(x)).mean((2, 3)))


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.grow = unit(1, 16), unit(16, 16)
        self.mix, self.last = unit(32, 32), nn.Linear(32, 10)

    def forward(self, x):
        x = self.stem(x)
        return self.last(self.mix(torch.cat([x, self.grow(x)], 1)).mean((2, 3)))


class Depthwise(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(unit(1, 32), unit(32, 32, groups=32), unit(32, 64))
        self.last = nn.Linear(64, 10)

    def forward(self, x):
        return self.last(self.body(x).mean((2, 3)))


class SqueezeExcite(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.last = unit(1, 32), nn.Linear(32, 10)
        self.squeeze = nn.Sequential(nn.Conv2d(32, 16, 1), nn.ReLU(), nn.Conv2d(16, 32, 1), nn.Sigmoid())

    def forward(self, x):
        x = self.stem(x)
        return self.last((x * self.squeeze(x.mean((2, 3), keepdim=True))).mean((2, 3)))


FAMILIES = (Residual, Dense, Depthwise, SqueezeExcite)


def pruned(family, source, **parameters):
    torch.manual_seed(0)
    module = family()
    before = sum(value.numel() for value in module.parameters())
    ChannelPrune(0.5, images=32, **parameters)._prune(module, source)
    return module.eval(), sum(value.numel() for value in module.parameters()) / before


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scope", ["operator", "global"])
@pytest.mark.parametrize("criterion", ["l1", "l2", "taylor", "fisher"])
def test_every_family_becomes_smaller_by_every_criterion_and_widths_stay_aligned(bench, family, scope, criterion):
    module, left = pruned(family, bench.source, scope=scope, criterion=criterion)
    assert left < 0.9
    assert module(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    widths = [child.out_channels for child in module.modules() if isinstance(child, nn.Conv2d)]
    assert all(width and width % 8 == 0 for width in widths)
    assert all(value.grad is None for value in module.parameters())


def test_without_alignment_the_ratio_is_met_exactly(bench):
    module, _ = pruned(Depthwise, bench.source, align=1)
    assert [child.out_channels for child in module.modules() if isinstance(child, nn.Conv2d)] == [16, 16, 32]
    odd = ChannelPrune(0.3, align=1)
    torch.manual_seed(0)
    module = Depthwise()
    odd._prune(module, bench.source)
    assert [child.out_channels for child in module.modules() if isinstance(child, nn.Conv2d)] == [22, 22, 44]


def test_the_channel_of_least_norm_goes(bench):
    torch.manual_seed(0)
    module = Depthwise()
    with torch.no_grad():
        for layer in (module.body[2][0], module.body[2][1]):
            layer.weight[::2] *= 1e-3
        module.last.weight[:, ::2] *= 1e-3
    ChannelPrune(0.5)._prune(module, bench.source)
    norms = module.body[2][0].weight.flatten(1).norm(dim=1)
    assert len(norms) == 32
    assert (norms > 0.1).all()


class Heads(nn.Module):
    """Cuts its channels into two heads of sixteen, whatever is left of them."""

    def __init__(self):
        super().__init__()
        self.stem, self.last = unit(1, 32), nn.Linear(32, 10)

    def forward(self, x):
        x = self.stem(x).mean((2, 3))
        return self.last(x.reshape(len(x), 2, 16).flatten(1))


def test_a_network_that_asks_for_its_old_sizes_is_refused(bench):
    with pytest.raises(Inapplicable) as caught:
        pruned(Heads, bench.source)
    assert str(caught.value) == (
        "compression channel-prune: this network does not run with fewer channels (shape '[2, 2, 16]' is invalid for "
        "input of size 32), as is usual with attention; use weight-prune"
    )
