"""Whether a network with given weights understands the data at all, asked before anything is built on it."""

from pathlib import Path

import numpy as np

from dlas import data, network
from dlas.artifacts import Artifact
from dlas.data import Labels
from dlas.errors import DataError
from dlas.network import Logits

IMAGES = 200
SIGNIFICANCE = 0.001


def check(text: str, path: Path, source: Artifact) -> None:
    """Score the float32 ONNX file of model `text` on validation images; DataError where it is no better than chance."""
    labels = data.labels(source, "validation")
    chosen = data.stratified_subset(labels, IMAGES)
    images, labels = data.load(source, "validation", chosen)
    judge(text, source.recipe["option"], network.run(path, images, optimise=False), labels, source.facts["classes"])


def judge(model: str, dataset: str, logits: Logits, labels: Labels, classes: int) -> None:
    """Raise DataError where logits (number, classes) fit neither the number of classes nor the labels."""
    if logits.shape != (len(labels), classes):
        raise DataError(
            f"model {model}: its output for {len(labels)} images has shape {logits.shape}, dataset {dataset} has "
            f"{classes} classes; give data of as many classes, or their order by labels=FILE"
        )
    right = int((logits.argmax(1) == labels).sum())
    if is_near_chance(right, labels):
        raise DataError(
            f"model {model}: right on {right} of {len(labels)} images of dataset {dataset}, no better than chance "
            f"({chance(labels):.1%}): its weights expect another normalisation (mean=, std=), another order of "
            "channels (channels=bgr) or another order of labels (labels=FILE)"
        )


def chance(labels: Labels) -> float:
    """The accuracy of always naming the most frequent class."""
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def is_near_chance(right: int, labels: Labels) -> bool:
    """Whether so many right answers are not significantly more than chance gives (exact binomial test, one-sided).

    False as well where the images are so few that not even a perfect score would be.
    """
    from scipy.stats import binom

    def probability(answers: int) -> float:
        return float(binom.sf(answers - 1, len(labels), chance(labels)))

    return probability(right) > SIGNIFICANCE >= probability(len(labels))
