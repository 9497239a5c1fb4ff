"""Where weights come from: left as drawn, from a file, from the zoo."""

import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dlas import data, network, registry
from dlas.errors import DataError, Inapplicable
from dlas.layers.model import origin, zoo

SLIM = "resnet8@width=0.25"


def option(text):
    return registry.parse("model", text)[0]


def logits(module, source):
    images, _ = data.load(source, "test")
    with torch.inference_mode():
        return module.eval()(torch.from_numpy(images))


# --- random -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["mobilenetv1@width=1", "resnet20", "densenet40@width=0.25", "vgg16@width=0.125"])
def test_random_weights_tell_images_apart(text, small):
    module = origin.fresh(option(text), small)
    origin.settle(module, small)
    assert logits(module, small).std(0).mean() > 0.01
    assert all(norm.momentum == 0.1 for norm in origin._batch_norms(module))


def test_the_seed_decides_random_weights(small):
    def drawn(seed):
        module = origin.fresh(option(f"{SLIM},weights=random,seed={seed}"), small)
        origin.settle(module, small)
        return logits(module, small)

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))


# --- from a file ------------------------------------------------------------------------------------------------


@pytest.fixture
def weights(small):
    return origin.fresh(option(f"{SLIM},seed=5"), small).state_dict()


@pytest.mark.parametrize("form", ["safetensors", "pt", "wrapped", "parallel", "half", "without counters"])
def test_weights_of_every_form_are_read(form, weights, small, tmp_path):
    path, tensors = tmp_path / "weights.pt", dict(weights)
    if form == "half":
        tensors = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
    if form == "without counters":
        tensors = {name: value for name, value in tensors.items() if value.is_floating_point()}
    if form == "parallel":
        tensors = {f"module.{name}": value for name, value in tensors.items()}
    if form == "safetensors":
        path = tmp_path / "weights.safetensors"
        save_file(tensors, path)
    else:
        torch.save({"state_dict": tensors, "epoch": 3} if form == "wrapped" else tensors, path)
    module = origin.fresh(option(SLIM), small)
    origin._fill(module, origin.read(path), "model x")
    tolerance = 1e-3 if form == "half" else 0
    for name, value in module.state_dict().items():
        assert value.dtype == weights[name].dtype
        assert torch.allclose(value.double(), weights[name].double(), atol=tolerance)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda tensors: tensors.pop("0.0.weight"), "0.0.weight is missing"),
        (lambda tensors: tensors.update(more=torch.zeros(1)), "more is not in the network"),
        (lambda tensors: tensors.update({"0.0.weight": torch.zeros(4, 1, 3, 3)}), "0.0.weight is (4, 1, 3, 3), not "),
        (dict.clear, " and "),
    ],
)
def test_weights_that_do_not_fit_are_told_by_name(change, sentence, weights, small):
    tensors = dict(weights)
    change(tensors)
    with pytest.raises(DataError) as caught:
        origin._fill(origin.fresh(option(SLIM), small), tensors, "model x: weights.pt")
    told = str(caught.value)
    assert told.startswith("model x: weights.pt does not fit the network: ")
    assert sentence in told
    assert told.endswith("; give weights of this network")


class Evil:
    def __reduce__(self):
        return (print, ("unpickled",))


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_a_file_that_is_none_is_told_and_nothing_in_it_runs(name, tmp_path, capsys):
    path = tmp_path / name
    torch.save({"a": Evil()}, path)
    with pytest.raises(DataError, match="is no readable file of weights"):
        origin.read(path)
    assert capsys.readouterr().out == ""


def test_a_file_without_a_state_dict_is_told(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save([1, 2, 3], path)
    with pytest.raises(DataError) as caught:
        origin.read(path)
    assert str(caught.value) == f"{path} holds no state dict; save one with torch.save(module.state_dict(), path)"


# --- from the zoo -----------------------------------------------------------------------------------------------


@pytest.fixture
def menagerie(monkeypatch, tmp_path, weights, small):
    """A zoo of one network for the small images."""
    path = tmp_path / "noise" / f"{SLIM}.safetensors"
    path.parent.mkdir()
    save_file({name: value.half() for name, value in weights.items() if value.is_floating_point()}, path)
    means = tuple(map(tuple, zoo.class_means(small).tolist()))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = zoo.Entry("noise", SLIM, (3, 8, 8), means, sha256, {"images": 7}, {"value": 0.5}, 1.0)
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    monkeypatch.setattr(zoo, "SPLITS", {"noise": zoo.split(small)})
    monkeypatch.setattr(zoo, "entries", lambda: (entry,))
    return entry


def test_the_hash_of_the_zoos_weights_decides_the_key(menagerie):
    assert origin.ingredients(option(f"{SLIM},weights=zoo")) == {"zoo": [menagerie.sha256]}
    assert origin.ingredients(option(SLIM)) == {}


def test_what_the_zoo_lacks_is_told_before_anything_is_built(menagerie):
    assert origin.needs(option(f"{SLIM},weights=zoo"), None, None) is None
    assert origin.needs(option("resnet20"), None, None) is None
    told = origin.needs(option("resnet20@weights=zoo"), None, None)
    assert told == f"the zoo has no resnet20; it has {SLIM}"


def test_other_data_are_told(menagerie, store, small):
    def make(out, work):
        splits = {name: data.load(small, name) for name in data.SPLITS}
        bgr = {name: (images[:, ::-1] + 0.1, labels) for name, (images, labels) in splits.items()}
        return data.save(out, bgr, 4, 8, data.Normalisation((0.0,) * 3, (1.0,) * 3))

    other = store.build({"option": "bgr"}, make)
    assert origin._entry(option(f"{SLIM},weights=zoo"), small) is menagerie
    with pytest.raises(Inapplicable) as caught:
        origin._entry(option(f"{SLIM},weights=zoo"), other)
    assert str(caught.value) == (
        f"the zoo's {SLIM} was trained for noise, not for dataset bgr: other images, order of classes or "
        "normalisation; use weights=train"
    )


def test_another_split_whose_validation_images_were_trained_on_is_told(menagerie, store, small):
    def make(out, work):
        splits = {name: data.load(small, name) for name in data.SPLITS}
        splits["validation"] = tuple(array[::-1] for array in splits["train"])
        return data.save(out, splits, 4, 8, data.Normalisation((0.0,) * 3, (1.0,) * 3))

    other = store.build({"option": "noise@seed=1"}, make)
    with pytest.raises(Inapplicable) as caught:
        origin._entry(option(f"{SLIM},weights=zoo"), other)
    assert str(caught.value) == (
        f"the zoo's {SLIM} was trained on another split than that of dataset noise@seed=1, so perhaps on its "
        "validation images; use all images and seed=0 there, or weights=train"
    )


def test_a_network_from_the_zoo_has_exactly_its_weights(menagerie, build, small, weights, monkeypatch):
    monkeypatch.setattr(origin.sanity, "check", lambda *arguments: None)  # nobody trained this one
    made = build(f"{SLIM},weights=zoo", small)
    assert made.facts["trained"]
    assert made.facts["recipe"] == {"images": 7}
    state = network.rebuild(made).state_dict()
    assert all(torch.equal(state[name], weights[name].half().float()) for name in zoo.load(menagerie))


@pytest.mark.usefixtures("unscored")
def test_given_weights_no_better_than_chance_stop_the_study(build, small, weights, tmp_path):
    path = tmp_path / "mine.pt"
    torch.save(weights, path)
    with pytest.raises(DataError, match="no better than chance"):
        build(f"{SLIM},weights=mine", small, mine=path)


def test_weights_given_and_random_differ_in_what_they_say_of_accuracy(build, small):
    made = build(f"{SLIM},weights=random", small)
    assert (made.facts["trained"], made.facts["accuracy"]) == (False, None)
    ran = network.run(made.file(network.ONNX), data.load(small, "test")[0])
    assert np.abs(ran - logits(network.rebuild(made), small).numpy()).max() < 1e-4
