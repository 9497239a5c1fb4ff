"""Every network: it is built, exported and rebuilt, and file and module give the same logits."""

import numpy as np
import pytest
import torch
from drawn import FAMILIES

from dlas import data, network
from dlas.layers.model import recipes

OPERATORS = (torch.ops.aten.convolution, torch.ops.aten.addmm, torch.ops.aten.mm)
MODELS = [FAMILIES[0], *(pytest.param(text, marks=pytest.mark.slow) for text in FAMILIES[1:])]


@pytest.mark.parametrize("size", [32, pytest.param(64, marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", MODELS)
def test_file_and_rebuilt_module_agree(model, size, noise, build):
    source = noise((3, size, size))
    made = build(model + ("," if "@" in model else "@") + "weights=random", source)
    images, _ = data.load(source, "test")
    module = network.rebuild(made)
    for batch in (1, 3):
        with torch.inference_mode():
            expected = module(torch.from_numpy(images[:batch])).numpy()
        found = network.run(made.file(network.ONNX), images[:batch])
        assert np.abs(found - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max())
    assert made.facts["macs"] == _macs(module, size)
    assert made.facts["parameters"] == sum(value.numel() for value in module.parameters())


def _macs(module, size):
    """Those of convolutions and linear operators, as torch counts them."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, 3, size, size))
    flops = counter.get_flop_counts()["Global"]
    return sum(flops.get(operator, 0) for operator in OPERATORS) // 2


@pytest.mark.slow
def test_a_vision_transformer_of_timm_is_trained(noise, build, monkeypatch):
    monkeypatch.setattr(recipes, "FEW_BUDGET", 64)
    monkeypatch.setattr(recipes, "FEW_EPOCHS", 1)
    made = build("timm@vit_tiny_patch16_224", noise((3, 32, 32)))
    assert made.facts["recipe"]["optimizer"] == "adamw"
    assert made.facts["accuracy"].keys() == {"validation", "test"}
