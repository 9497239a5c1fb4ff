"""Which channels count: Fisher information is that of a gate, computed here the slow way."""

import pytest

torch = pytest.importorskip("torch")
tp = pytest.importorskip("torch_pruning")

from dlas.layers.compression.importance import Fisher, backward  # noqa: E402


class Gate(torch.nn.Module):
    """Multiplies each channel by one."""

    def __init__(self, channels):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x * self.factor[:, None, None]


def layers(gate):
    torch.manual_seed(0)
    norm = torch.nn.BatchNorm2d(4)
    torch.nn.init.uniform_(norm.weight)
    torch.nn.init.uniform_(norm.bias)
    return torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 4, 3, bias=False), norm, gate, torch.nn.ReLU(inplace=True)),
        *(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 10)),
    ).eval()


def test_fisher_is_half_the_mean_square_of_a_gates_gradient(bench):
    from dlas import data

    gated, plain = layers(Gate(4)), layers(torch.nn.Identity())
    plain.load_state_dict({k: v for k, v in gated.state_dict().items() if "factor" not in k})
    images, labels = (torch.from_numpy(array[:40]) for array in data.load(bench.source, "train"))
    squares = torch.zeros(4)
    for image, label in zip(images, labels, strict=True):
        gated.zero_grad()
        torch.nn.functional.cross_entropy(gated(image[None]), label[None]).backward()
        squares += gated[2].factor.grad.square()
    expected = squares / 40 / 2

    fisher = Fisher()
    with fisher.watching(plain):
        for part in torch.split(torch.arange(40), 16):
            torch.nn.functional.cross_entropy(plain(images[part]), labels[part], reduction="sum").backward()
    graph = tp.DependencyGraph().build_dependency(plain, images[:1])
    group = next(iter(graph.get_all_groups(ignored_layers=[plain[-1]])))
    assert torch.allclose(fisher(group), expected / expected.mean(), rtol=1e-4)


def test_gradients_are_those_of_the_drawn_images_and_the_seed_draws_them(bench):
    module = layers(torch.nn.Identity())
    found = []
    for count, seed in ((8, 0), (8, 0), (8, 1)):
        backward(module, bench.source, count, seed)
        found.append(module[0].weight.grad.clone())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
