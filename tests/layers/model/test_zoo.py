"""The zoo: its files are what their pages say, and its accuracies are found again on the whole test sets."""

import os
from pathlib import Path

import pytest
import torch

from dlas import data, fingerprint, host, realise, registry, training
from dlas.layers.model import origin, zoo
from dlas.stack import Stack

LIMIT = 14e6  # bytes, in all
# Where the data sets lie on a machine that has them: an option of dlas, the variable that names the place, a default.
PLACES = {
    "Fashion-MNIST": ("fashion-mnist@fashion", "FASHION_MNIST", "/usr/share/datasets/fashion-mnist"),
    "CIFAR-10-JPEG75": ("image-folder@cifar10_jpeg", "CIFAR10_JPEG", "cifar10_jpeg.tar"),
}
ENTRIES = [pytest.param(entry, id=f"{entry.dataset} {entry.model}") for entry in zoo.entries()]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Loads a data set once; skips where it is not there."""
    from dlas.artifacts import Store

    store = Store(tmp_path_factory.mktemp("store"))
    store.prepare()

    def load(name):
        option, variable, usual = PLACES[name]
        path = Path(os.environ.get(variable, usual))
        if not path.exists():
            pytest.skip(f"{name} is not here; name its place in {variable}")
        places = ((option.partition("@")[2], path),)
        return realise.perform(realise.realisation(Stack(dataset=option), places, host.probe()).data, store, print)

    return load


def test_the_whole_zoo_is_small():
    assert sum(path.stat().st_size for path in zoo.FOLDER.rglob("*") if path.is_file()) <= LIMIT


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_file_is_what_its_page_says(entry):
    assert fingerprint.file_digest(entry.file) == entry.sha256
    (option,) = registry.parse("model", entry.model)
    assert origin.zoo_text(option) == entry.model
    assert option.seed == entry.recipe["seed"]
    with torch.device("meta"):
        module = option.module(entry.shape, len(entry.means))
    tensors = zoo.load(entry)
    assert all(value.dtype == torch.float16 and value.isfinite().all() for value in tensors.values())
    expected = {name: value.shape for name, value in module.state_dict().items() if value.is_floating_point()}
    assert {name: value.shape for name, value in tensors.items()} == expected
    assert entry.accuracy["low"] < entry.accuracy["value"] < entry.accuracy["high"]


@pytest.mark.parametrize("entry", ENTRIES)
def test_it_is_known_which_split_it_was_trained_on(entry):
    assert entry.dataset in zoo.SPLITS


@pytest.mark.parametrize("entry", ENTRIES)
def test_no_file_is_without_a_page(entry):
    assert {path.stem for path in entry.file.parent.glob("*.safetensors")} == {
        path.stem for path in entry.file.parent.glob("*.json")
    }


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES)
def test_the_accuracy_is_found_again_on_the_whole_test_set(entry, sources):
    source = sources(entry.dataset)
    (option,) = registry.parse("model", entry.model + ("," if "@" in entry.model else "@") + "weights=zoo")
    assert origin._entry(option, source) == entry
    module = origin.fresh(option, source)
    origin._fill(module, zoo.load(entry), "zoo")
    assert entry.accuracy["low"] <= training.accuracy(module, source, "test") <= entry.accuracy["high"]


@pytest.mark.parametrize("name", PLACES)
def test_the_table_tells_of_every_network(name):
    readme = Path(__file__).parents[3] / "studies" / "zoo" / "README.md"
    rows = [line for line in readme.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name} ")]
    assert len(rows) == len([entry for entry in zoo.entries() if entry.dataset == name])
    for entry in zoo.entries():
        if entry.dataset == name:
            assert any(f"`{entry.model}`" in row and f"{entry.accuracy['value']:.1%} (" in row for row in rows)


def test_means_of_classes_are_those_of_the_normalised_images(small):
    images, labels = data.load(small, "test")
    assert zoo.class_means(small)[2] == pytest.approx(images[labels == 2].mean((0, 2, 3)), abs=1e-6)
