"""Which weights go: how many, which ones, whole blocks of them; zeros that training cannot move."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from dlas.layers.compression import block_prune, masks
from dlas.layers.compression.weight_prune import budgets, levels

VALUES = st.floats(-4, 4, width=32).filter(lambda value: value != 0)
WEIGHTS = st.lists(
    arrays(np.float32, array_shapes(min_dims=2, max_dims=4, max_side=5), elements=VALUES), min_size=1, max_size=4
)
SHARES = st.floats(0.01, 0.99)


def named(weights):
    return {f"operator {i}": weight for i, weight in enumerate(weights)}


@given(WEIGHTS, SHARES, st.sampled_from(masks.CRITERIA))
def test_over_all_together_the_share_that_goes_is_met_within_one_weight(weights, share, criterion):
    stays = masks.keep(masks.scores(named(weights), criterion, 0), share, "global")
    total = sum(weight.size for weight in weights)
    assert abs(sum(np.count_nonzero(~mask) for mask in stays.values()) - share * total) <= 0.5
    assert {name: mask.shape for name, mask in stays.items()} == {name: w.shape for name, w in named(weights).items()}


@given(WEIGHTS, SHARES)
def test_in_each_operator_the_share_that_goes_is_met_within_one_weight(weights, share):
    stays = masks.keep(masks.scores(named(weights), "l1", 0), share, "operator")
    for mask in stays.values():
        assert abs(np.count_nonzero(~mask) - share * mask.size) <= 0.5


@given(WEIGHTS, SHARES)
def test_no_weight_that_goes_is_larger_than_one_that_stays(weights, share):
    stays = masks.keep(masks.scores(named(weights), "l1", 0), share, "global")
    gone = [abs(w) for name, weight in named(weights).items() for w in weight[~stays[name]]]
    left = [abs(w) for name, weight in named(weights).items() for w in weight[stays[name]]]
    assert max(gone, default=0) <= min(left, default=np.inf)


@given(WEIGHTS, SHARES, st.integers(0, 9))
def test_chance_is_drawn_by_the_seed_and_takes_zeros_first(weights, share, seed):
    values = {name: np.where(np.arange(w.size).reshape(w.shape) % 2, w, 0) for name, w in named(weights).items()}
    once, again = (masks.keep(masks.scores(values, "random", seed), share, "global") for _ in range(2))
    assert all(np.array_equal(once[name], again[name]) for name in values)
    zeros = sum(np.count_nonzero(value == 0) for value in values.values())
    zeros_left = sum(np.count_nonzero(value[once[name]] == 0) for name, value in values.items())
    gone = sum(np.count_nonzero(~mask) for mask in once.values())
    assert zeros_left == max(0, zeros - gone)


@given(st.sampled_from(block_prune.BLOCKS), st.integers(1, 3), st.integers(1, 3), SHARES, st.sampled_from(masks.SCOPES))
def test_blocks_go_whole_and_their_share_is_met_within_one_block(block, down, across, share, scope):
    rows, columns = (int(side) for side in block.split("x"))
    weight = np.random.default_rng(0).normal(size=(rows * down, columns * across, 1, 1)).astype(np.float32)
    mask = block_prune.keep({"weight": weight}, share, scope, rows, columns)["weight"]
    cut = block_prune.blocks(mask, rows, columns)
    assert np.array_equal(cut.all((1, 3)), cut.any((1, 3)))
    assert abs(np.count_nonzero(~cut.all((1, 3))) - share * down * across) <= 0.5


def test_a_block_is_made_of_rows_of_output_channels_and_columns_of_input_channels_and_taps():
    weight = np.ones((4, 2, 1, 2), np.float32)
    weight[2:, 0, 0, 1] = 0.1
    mask = block_prune.keep({"weight": weight}, 1 / 8, "global", 2, 1)["weight"]
    assert np.array_equal(mask, weight == 1)


def test_the_stages_grow_fast_at_first_and_end_at_the_sparsity():
    found = levels(0.9, 4)
    assert found[-1] == pytest.approx(0.9)
    assert all(np.diff(found) > 0)
    assert all(np.diff(found, 2) < 0)


@pytest.mark.parametrize(("images", "parts"), [(200, [50] * 4), (203, [50, 50, 50, 53]), (3, [0, 0, 0, 3])])
def test_the_stages_share_the_whole_budget(images, parts):
    assert budgets(images, 4) == parts


def test_zeros_stay_zero_while_the_rest_is_trained():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(16, 2))
    stays = masks.keep(masks.scores(masks.weights(module), "l1", 0), 0.5, "global")
    masks.clear(module, stays)
    before = {name: value.copy() for name, value in masks.weights(module).items()}
    with masks.held(module):
        optimizer = torch.optim.SGD(module.parameters(), 0.1, 0.9, weight_decay=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            module(torch.ones(2, 1, 4, 4)).square().sum().backward()
            optimizer.step()
    after = masks.weights(module)
    assert after.keys() == before.keys() == {"0.weight", "2.weight"}
    for name, value in after.items():
        assert np.array_equal(value != 0, stays[name])
        assert not np.array_equal(value, before[name])
    assert sorted(name for name, _ in module.named_parameters()) == ["0.bias", "0.weight", "2.bias", "2.weight"]


def test_operators_are_met_in_the_order_of_the_computation_not_of_their_declaration():
    torch = pytest.importorskip("torch")

    class Backwards(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.unused, self.first = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)

        def forward(self, x):
            return self.last(self.first(x))

    assert masks.executed(Backwards(), [2]) == ["first", "last"]


def test_sparsity_is_told_of_each_operator():
    assert masks.sparsity({"a": np.array([0.0, -0.0, 1, 2]), "b": np.ones(3)}) == {"a": 0.5, "b": 0.0}
