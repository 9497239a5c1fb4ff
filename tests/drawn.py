"""Data sets of random images, and the networks of every family, slim: what a test needs where nothing is learnt."""

import numpy as np

from dlas import data

FAMILIES = [
    *("resnet8", "resnet20", "resnet32", "resnet56"),
    *("resnet18@width=0.25", "resnet34@width=0.25", "resnet50@width=0.25"),
    *("vgg16@width=0.25", "mobilenetv1@width=0.25", "mobilenetv2@width=0.25", "efficientnet-b0@width=0.25"),
    *("densenet40@width=0.5", "densenet121@width=0.25", "densenet161@width=0.25"),
    *("torchvision@regnet_y_400mf", "timm@vit_tiny_patch16_224"),
]


def source(store, shape, classes=10):
    """A Data artifact of random images."""
    generator = np.random.default_rng(0)

    def make(out, work):
        splits = {
            name: (generator.normal(size=(count, *shape)).astype("float32"), np.arange(count) % classes)
            for name, count in (("train", 64), ("validation", 2 * classes), ("test", 2 * classes))
        }
        return data.save(out, splits, classes, calibration=64)

    return store.build({"option": "noise", "shape": list(shape), "classes": classes}, make)
