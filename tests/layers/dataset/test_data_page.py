"""docs/data.md says what is so: its options are options, its figures those of the code."""

import re
from pathlib import Path

import pytest

from dlas import registry
from dlas.layers.dataset import image_folder, splits

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/data.md").read_text(encoding="utf-8")
OPTIONS = [text for text in re.findall(r"\b(?:[a-z0-9-]+@[\w=.:,-]+)", PAGE) if "@NAME" not in text]


def test_the_page_shows_options_of_every_reader():
    assert {text.partition("@")[0] for text in OPTIONS} == registry.catalogue("dataset").keys() - {"digits"}


@pytest.mark.parametrize("text", sorted(set(OPTIONS)))
def test_an_option_of_the_page_is_one(text):
    assert registry.canonical("dataset", text).startswith(text.partition("@")[0] + "@")


@pytest.mark.parametrize("name", sorted(registry.catalogue("dataset")))
def test_every_dataset_is_in_the_table(name):
    assert f"| `{name}" in PAGE


def test_the_figures_of_the_page_are_those_of_the_code():
    assert f"the first {splits.CALIBRATION} of train" in PAGE
    assert f"{splits.VALIDATION:.0%}".replace("%", " %") + " of each class" in PAGE
    assert f"{image_folder.LARGEST // 2**30} GiB" in PAGE
    assert f"{image_folder.LARGEST // (4 * 3 * 224 * 224):,} images of 224x224" in PAGE
