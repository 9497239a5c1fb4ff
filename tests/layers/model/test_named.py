"""Networks known by name: those of torchvision and of timm."""

import pytest
import torch

from dlas import registry
from dlas.errors import Inapplicable, OptionError
from dlas.layers.model import origin, recipes


def option(text):
    return registry.parse("model", text)[0]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("torchvision@shufflenet_v2_x0_5", (3, 32, 32)),
        ("torchvision@squeezenet1_1", (1, 28, 28)),
        ("torchvision@mobilenet_v3_small", (1, 8, 8)),
        pytest.param("torchvision@vit_b_32", (1, 32, 32), marks=pytest.mark.slow),
        pytest.param("torchvision@googlenet", (3, 32, 32), marks=pytest.mark.slow),
        ("timm@vit_tiny_patch16_224", (1, 64, 64)),
        ("timm@ghostnet_050", (1, 28, 28)),
    ],
)
def test_a_named_network_suits_channels_size_and_classes(text, shape):
    module = option(text).module(shape, 7).eval()
    with torch.no_grad():
        assert module(torch.zeros(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("torchvision@resnet19", "there is no classification network of this name; did you mean 'resnet18'?"),
        ("torchvision@deeplabv3_resnet50", "there is no classification network of this name; "),
        ("timm@vit_tiny_patch16_225", "there is no classification network of this name; did you mean "),
    ],
)
def test_an_unknown_name_is_told(text, sentence):
    with pytest.raises(OptionError) as caught:
        option(text).module((3, 32, 32), 10)
    assert str(caught.value).startswith(f"model {text}: {sentence}")


@pytest.mark.parametrize("text", ["torchvision@alexnet", "torchvision@vit_b_16", "timm@vit_tiny_patch16_224"])
def test_images_that_are_too_small_are_told(text, noise):
    grey = noise((1, 9, 9))
    with pytest.raises(Inapplicable) as caught:
        origin.fresh(option(text), grey)
    told = str(caught.value)
    assert told.startswith(f"model {text} cannot take images of 1x9x9 (")
    assert told.endswith("); give data of another size, or another network")


def test_what_has_no_batch_norms_is_trained_as_a_transformer(noise):
    grey = noise((1, 16, 16))
    for text, family in (("timm@vit_tiny_patch16_224", "attention"), ("torchvision@shufflenet_v2_x0_5", "residual")):
        chosen = option(text)
        assert origin._family(chosen, origin.fresh(chosen, grey)) == family
    assert recipes.FAMILIES["attention"].optimizer == "adamw"
