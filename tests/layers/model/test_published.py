"""Sizes of the networks against published figures.

Parameters and multiply-adds of 224x224 networks: torchvision's documentation of its models (`num_params`, `_ops`),
MobileNet version 1: arXiv 1704.04861, table 4 (569 million, 4.2 million). ResNets of small images: arXiv 1512.03385,
table 6 (0.27, 0.46, 0.85 million). DenseNet-40: arXiv 1608.06993, table 2 (1.0 million). ResNet-18 and VGG-16 on
32x32: github.com/kuangliu/pytorch-cifar, models as counted there (11.17 and 14.73 million; 0.56 and 0.31 billion).
"""

import pytest

from dlas import registry

IMAGENET, CIFAR = (3, 224, 224), (3, 32, 32)
# Model, shape, classes, million parameters, billion multiply-adds (None: not published); decimals are those published.
TABLE = [
    ("resnet18", IMAGENET, 1000, "11.689512", "1.814"),
    ("resnet34", IMAGENET, 1000, "21.797672", "3.664"),
    ("resnet50", IMAGENET, 1000, "25.557032", "4.089"),
    ("vgg16", IMAGENET, 1000, "138.365992", "15.470"),
    ("densenet121", IMAGENET, 1000, "7.978856", "2.834"),
    ("densenet161", IMAGENET, 1000, "28.681000", "7.728"),
    ("mobilenetv2", IMAGENET, 1000, "3.504872", "0.301"),
    ("efficientnet-b0", IMAGENET, 1000, "5.288548", "0.386"),
    ("mobilenetv1", IMAGENET, 1000, "4.2", "0.569"),
    ("densenet40", CIFAR, 10, "1.0", None),
    ("resnet18", CIFAR, 10, "11.17", "0.56"),
    ("vgg16", CIFAR, 10, "14.73", "0.31"),
]


@pytest.mark.parametrize(("model", "shape", "classes", "parameters", "macs"), TABLE)
def test_a_network_is_as_large_as_published(model, shape, classes, parameters, macs):
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    (option,) = registry.parse("model", model)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        module = option.module(shape, classes).eval()
        module(torch.zeros(1, *shape))
    assert f"{sum(value.numel() for value in module.parameters()) / 1e6:.{_decimals(parameters)}f}" == parameters
    assert macs is None or f"{counter.get_total_flops() / 2e9:.{_decimals(macs)}f}" == macs


def _decimals(figure):
    return len(figure.partition(".")[2])


@pytest.mark.parametrize(("model", "parameters"), [("resnet20", "0.27"), ("resnet32", "0.46"), ("resnet56", "0.85")])
def test_small_resnets_are_as_published_but_for_their_projections(model, parameters):
    import torch

    (option,) = registry.parse("model", model)
    with torch.device("meta"):
        module = option.module(CIFAR, 10)
    published = [value.numel() for name, value in module.named_parameters() if "shortcut" not in name]
    assert f"{sum(published) / 1e6:.2f}" == parameters
