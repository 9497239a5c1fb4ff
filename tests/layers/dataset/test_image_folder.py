"""Images in a folder for each class: what becomes of good ones, and what is said about others."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")

from pictures import flowers, folder, picture, tar

from dlas import data, registry
from dlas.errors import DataError
from dlas.layers.dataset import image_folder
from dlas.layers.dataset.image_folder import ImageFolder

SHARED = Path(os.environ.get("DLAS_DATA", Path(__file__).parents[4] / "shared/data")) / "cifar10_jpeg.tar"
RESIZES = pytest.mark.skipif(find_spec("torchvision") is None, reason="needs torchvision")


def load(store, source, labels=None, **parameters):
    option = ImageFolder("flowers", **parameters, **({"labels": "order"} if labels else {}))
    places = {"flowers": source, **({"order": labels} if labels else {})}
    return store.build({"at": str(source), **parameters}, lambda out, work: option.load(places, out))


def refuse(source, out, labels=None, **parameters):
    option = ImageFolder("flowers", **parameters, **({"labels": "order"} if labels else {}))
    with pytest.raises(DataError) as caught:
        option.load({"flowers": source, "order": labels}, out)
    assert str(caught.value).startswith("dataset image-folder@flowers: ")
    return str(caught.value).removeprefix("dataset image-folder@flowers: ")


def seen(artifact, split):
    """Label and pixels of each image, as one hashable thing."""
    pixels, labels = data.stored(artifact, split)
    return [(int(label), image.tobytes()) for label, image in zip(labels, pixels, strict=True)]


def pixels_of(content):
    import io

    import PIL.Image

    return np.asarray(PIL.Image.open(io.BytesIO(content))).transpose(2, 0, 1).tobytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WebP"])
def test_images_of_every_format_are_found_by_their_names(store, tmp_path, form):
    files = {name.replace("png", form.lower()): picture(9, mode="L", form=form) for name in flowers()}
    assert sum(load(store, folder(tmp_path / "x", files)).facts["images"].values()) == 40


def test_every_image_is_in_one_split_under_its_class(store, tmp_path):
    files = flowers()
    artifact = load(store, folder(tmp_path / "x", files))
    assert artifact.facts["images"] == {"train": 18, "validation": 2, "test": 20}
    assert (artifact.facts["shape"], artifact.facts["classes"]) == ([3, 4, 4], 2)
    expected = {
        part: sorted(("tulip" in name, pixels_of(c)) for name, c in files.items() if name.startswith(part))
        for part in ("train", "test")
    }
    assert sorted(seen(artifact, "test")) == expected["test"]
    assert sorted(seen(artifact, "train") + seen(artifact, "validation")) == expected["train"]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_gives_the_same_data_as_its_folder_in_whatever_order_it_was_packed(store, tmp_path, mode):
    files = flowers()
    backwards = {f"./{name}": files[name] for name in sorted(files, reverse=True)}
    archive = tar(tmp_path / "x.tar", backwards, mode)
    assert load(store, archive).files == load(store, folder(tmp_path / "x", files)).files


def test_without_folders_of_parts_a_share_is_drawn_for_testing(store, tmp_path):
    source = folder(tmp_path / "x", flowers(parts=("",), number=50))
    artifact = load(store, source, test=0.4)
    assert artifact.facts["images"] == {"train": 54, "validation": 6, "test": 40}
    everything = [image for split in data.SPLITS for image in seen(artifact, split)]
    assert len(set(everything)) == 100
    other = load(store, source, test=0.4, seed=1)
    assert set(seen(other, "test")) != set(seen(artifact, "test"))


def test_folders_of_all_three_parts_are_taken_as_they_are(store, tmp_path):
    files = flowers(parts=("train", "val", "test"))
    artifact = load(store, folder(tmp_path / "x", files))
    assert artifact.facts["images"] == {"train": 20, "validation": 20, "test": 20}
    assert {image for _, image in seen(artifact, "validation")} == {
        pixels_of(content) for name, content in files.items() if name.startswith("val/")
    }


def test_val_without_test_is_for_testing_as_with_imagenet(store, tmp_path):
    artifact = load(store, folder(tmp_path / "x", flowers(parts=("train", "val"))))
    assert artifact.facts["images"] == {"train": 18, "validation": 2, "test": 20}


def test_the_order_of_classes_may_come_from_a_file(store, tmp_path):
    source = folder(tmp_path / "x", flowers())
    (tmp_path / "labels.txt").write_text("tulip\nrose\n")
    reordered = load(store, source, tmp_path / "labels.txt")
    swapped = {(1 - label, image) for label, image in seen(reordered, "test")}
    assert swapped == set(seen(load(store, source, seed=0, limit=0), "test"))


def test_a_network_may_tell_apart_more_classes_than_there_are_folders(store, tmp_path):
    source = folder(tmp_path / "x", flowers())
    (tmp_path / "labels.txt").write_text("iris\ntulip\nlily\nrose\n")
    artifact = load(store, source, tmp_path / "labels.txt", classes=4)
    assert artifact.facts["classes"] == 4
    assert set(data.labels(artifact, "test")) == {1, 3}


@RESIZES
def test_images_of_any_size_become_one_size(store, tmp_path):
    sizes = [(20, 30), (64, 9), (8, 8)]
    files = {
        f"{part}/{name}/{index}.png": picture((index, 90, 200), size)
        for part in ("train", "test")
        for name in ("rose", "tulip")
        for index, size in enumerate(sizes * 2)
    }
    artifact = load(store, folder(tmp_path / "x", files), size=10, crop=8)
    assert artifact.facts["shape"] == [3, 8, 8]
    assert {tuple(image) for image in data.stored(artifact, "test")[0][:, 1:, 0, 0]} == {(90, 200)}


@RESIZES
def test_size_alone_makes_squares(store, tmp_path):
    files = {name: picture(5, (12, 20), "L") for name in flowers()}
    assert load(store, folder(tmp_path / "x", files), size=6).facts["shape"] == [3, 6, 6]


def test_channels_may_be_the_other_way_round(store, tmp_path):
    source = folder(tmp_path / "x", flowers())
    rgb, bgr = (data.stored(load(store, source, channels=order), "test")[0] for order in ("rgb", "bgr"))
    assert np.array_equal(rgb, bgr[:, ::-1])


def test_given_mean_and_deviation_are_those_of_bytes_from_0_to_1(store, tmp_path):
    artifact = load(store, folder(tmp_path / "x", flowers()), mean="0.5:0.25:0", std="0.5:0.25:1")
    images, pixels = data.load(artifact, "test")[0], data.stored(artifact, "test")[0] / 255
    assert np.allclose(images[:, 0], (pixels[:, 0] - 0.5) / 0.5, atol=1e-6)
    assert np.allclose(images[:, 1], (pixels[:, 1] - 0.25) / 0.25, atol=1e-6)
    assert np.allclose(images[:, 2], pixels[:, 2], atol=1e-6)


def test_a_limit_is_for_each_split_and_keeps_the_proportions(store, tmp_path):
    artifact = load(store, folder(tmp_path / "x", flowers(number=40)), limit=6)
    assert artifact.facts["images"] == {"train": 6, "validation": 6, "test": 6}
    for split in data.SPLITS:
        assert np.bincount(data.labels(artifact, split)).tolist() == [3, 3]


@pytest.mark.parametrize("limit", [0, 60])
@pytest.mark.parametrize("parts", [("",), ("train", "test"), ("train", "val"), ("train", "val", "test")])
def test_training_images_are_not_stored_class_by_class(store, tmp_path, parts, limit):
    source = folder(tmp_path / "x", flowers(parts=parts, number=50))
    seeds = [seen(load(store, source, limit=limit, seed=seed), "train") for seed in (0, 1)]
    for labels in ([label for label, _ in images] for images in seeds):
        assert 0.3 < np.mean(labels[: len(labels) // 2]) < 0.7
    assert seeds[0] != seeds[1]


def test_loading_again_gives_the_same_bytes(store, tmp_path):
    source = folder(tmp_path / "x", flowers())
    assert load(store, source).files == load(store, source, limit=0).files


# --- what is told -----------------------------------------------------------------------------------------------


def test_an_unreadable_image_is_named(tmp_path):
    files = {**flowers(), "train/tulip/3.png": b"<html>not found</html>"}
    sentence = refuse(folder(tmp_path / "x", files), tmp_path)
    assert sentence == "train/tulip/3.png is no readable image (of no known format); repair or remove it"


def test_images_of_different_sizes_are_told_with_the_remedy(tmp_path):
    files = {**flowers(), "train/tulip/3.png": picture(1, (9, 7))}
    sentence = "test/rose/0.png is 4x4, train/tulip/3.png is 9x7; give size=, to make them one size"
    assert refuse(folder(tmp_path / "x", files), tmp_path) == sentence


def test_a_class_without_images_is_told(tmp_path):
    files = {name: content for name, content in flowers().items() if not name.startswith("test/rose")}
    (tmp_path / "x/test/rose").mkdir(parents=True)
    sentence = "test: class 'rose' has no images; give it some, or leave the class out"
    assert refuse(folder(tmp_path / "x", files), tmp_path) == sentence


@pytest.mark.parametrize(("part", "name"), [("train", "validation"), ("", "test")])
def test_a_class_of_which_nothing_can_be_drawn_is_told(tmp_path, part, name):
    every = flowers(parts=("train", "test") if part else ("",), number=20)
    few = [f"{part}/rose/{index}.png".lstrip("/") for index in range(2, 20)]
    files = {path: content for path, content in every.items() if path not in few}
    sentence = f"class 'rose' has too few images (2) to draw some for {name}; give it more"
    assert refuse(folder(tmp_path / "x", files), tmp_path) == sentence


def test_a_limit_that_a_rare_class_does_not_survive_is_told(tmp_path):
    rare = {f"train/rose/{index}.png" for index in range(6, 40)}
    files = {path: content for path, content in flowers(number=40).items() if path not in rare}
    sentence = "limit=3 leaves some of the 2 classes without images; raise it"
    assert refuse(folder(tmp_path / "x", files), tmp_path, limit=3) == sentence


def test_data_that_do_not_fit_in_memory_are_told_before_they_are_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(image_folder, "LARGEST", 1920)  # ten images of 3 * 4 * 4 numbers of four bytes
    sentence = "18 images for train do not fit in memory; give limit=10"
    assert refuse(folder(tmp_path / "x", flowers()), tmp_path) == sentence
    load_again = ImageFolder("flowers", limit=10).load({"flowers": tmp_path / "x"}, tmp_path)
    assert load_again["images"] == {"train": 10, "validation": 2, "test": 10}


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"size": 4, "crop": 8}, "crop=8 is more than size=4; give size=8 or more"),
        ({"classes": 10}, "classes=10 needs their order; give labels=FILE, a class a line"),
        ({"limit": 1}, "limit=1 leaves some of the 2 classes without images; raise it"),
        ({"mean": "0.5"}, "mean=0.5 and std=measured; give both as numbers, or neither"),
        ({"mean": "0.5:0.5", "std": "1"}, "mean=0.5:0.5 is not allowed; give one number, or 3 parted by colons"),
    ],
)
def test_parameters_that_make_no_sense_are_told(tmp_path, parameters, sentence):
    assert refuse(folder(tmp_path / "x", flowers()), tmp_path, **parameters) == sentence


def test_labels_that_do_not_fit_the_folders_are_told(tmp_path):
    (tmp_path / "labels.txt").write_text("rose\nlily\n")
    sentence = "the labels name no class 'tulip', which has a folder; add it, or remove the folder"
    assert refuse(folder(tmp_path / "x", flowers()), tmp_path, tmp_path / "labels.txt") == sentence


def test_a_file_that_is_no_archive_is_told(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04")
    assert refuse(tmp_path / "x.zip", tmp_path).startswith(f"{tmp_path / 'x.zip'} is no whole tar archive (")


# --- its text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "image-folder@imagenet,size=256,crop=224,mean=0.485:0.456:0.406,std=0.229:0.224:0.225",
        "image-folder@cifar10_jpeg",
        "image-folder@net,channels=bgr,labels=order,classes=1000,test=0.1,limit=5000,seed=3",
    ],
)
def test_its_text_is_canonical_and_no_range(text):
    assert registry.canonical("dataset", text) == text
    assert registry.expanded("dataset", text) == [text]


@pytest.mark.skipif(not SHARED.exists(), reason="needs cifar10_jpeg.tar")
@pytest.mark.slow
def test_cifar10_jpeg75(store):
    artifact = load(store, SHARED)
    assert artifact.facts["images"] == {"train": 45_000, "validation": 5_000, "test": 10_000}
    assert (artifact.facts["shape"], artifact.facts["classes"]) == ([3, 32, 32], 10)
    for split, each in (("train", 4_500), ("validation", 500), ("test", 1_000)):
        assert np.bincount(data.labels(artifact, split)).tolist() == [each] * 10
    # Those of CIFAR-10 itself, which JPEG hardly changes: 0.491, 0.482, 0.447 and 0.247, 0.243, 0.262.
    assert np.allclose(np.array(artifact.facts["mean"]) / 255, (0.491, 0.482, 0.447), atol=2e-3)
    assert np.allclose(np.array(artifact.facts["std"]) / 255, (0.247, 0.243, 0.262), atol=5e-3)
