"""Which image belongs to which part and class, by its name alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas.errors import DataError
from dlas.layers.dataset.folders import arrange


def arranged(names, order=(), partial=False):
    """Class names, and for each part the file → class that it found."""
    classes, parts = arrange("dataset x", list(names), order, partial)
    return classes, {
        part: {name: classes[label] for name, label in zip(found.names, found.labels, strict=True)}
        for part, found in parts.items()
    }


def refuse(names, order=(), partial=False):
    with pytest.raises(DataError) as caught:
        arrange("dataset x", list(names), order, partial)
    return str(caught.value).removeprefix("dataset x: ")


CLASSES = ["rose/1.jpg", "tulip/1.jpg"]


def under(*tops):
    return [f"{top}/{name}" for top in tops for name in CLASSES]


def test_folders_are_classes_sorted_as_text():
    classes, parts = arranged([f"{name}/1.png" for name in ("b", "a", "10", "9", "B")])
    assert classes == ("10", "9", "B", "a", "b")
    assert parts == {"train": {f"{name}/1.png": name for name in classes}}


@pytest.mark.parametrize(
    ("tops", "parts"),
    [
        (["train", "test"], {"train": "train", "test": "test"}),
        (["train", "val", "test"], {"train": "train", "validation": "val", "test": "test"}),
        (["train", "validation", "test"], {"train": "train", "validation": "validation", "test": "test"}),
        (["train", "val"], {"train": "train", "test": "val"}),  # as ImageNet has it
        (["train", "valid"], {"train": "train", "test": "valid"}),
    ],
)
def test_folders_of_parts_above_those_of_classes(tops, parts):
    classes, found = arranged(under(*tops))
    assert classes == ("rose", "tulip")
    assert found == {part: {f"{top}/{name}": name.split("/")[0] for name in CLASSES} for part, top in parts.items()}


@pytest.mark.parametrize("root", ["", "flowers/", "a/b/", "train/"])
def test_folders_that_hold_everything_are_passed_over(root):
    classes, found = arranged([root + name for name in CLASSES])
    assert classes == ("rose", "tulip")
    assert list(found) == ["train"]
    whole = arranged([f"x/{root}{name}" for name in under("train", "test")])[1] if root != "train/" else found
    assert all(len(part) == 2 for part in whole.values())


def test_images_may_lie_deeper_in_the_folder_of_their_class():
    assert arranged(["rose/red/2020/1.jpg", "tulip/1.jpg"])[1]["train"]["rose/red/2020/1.jpg"] == "rose"


def test_only_images_count_and_hidden_files_never():
    other = ["README.md", "rose/Thumbs.db", "rose/._1.jpg", "__MACOSX/rose/._1.jpg", ".git/x/1.png", "rose/.jpg"]
    assert arranged(CLASSES + other) == arranged(CLASSES)


@pytest.mark.parametrize("suffix", [".JPEG", ".jpg", ".Png", ".bmp", ".webp", ".tiff", ".ppm"])
def test_suffixes_of_images_in_any_case(suffix):
    assert len(arranged(["rose/1" + suffix, "tulip/1" + suffix])[1]["train"]) == 2


def test_a_class_may_be_called_as_a_part_is():
    assert arranged(["car/1.jpg", "train/1.jpg", "test/1.jpg"])[0] == ("car", "test", "train")


def test_the_order_of_classes_may_be_given():
    classes, parts = arranged(CLASSES, order=("tulip", "rose"))
    assert classes == ("tulip", "rose")
    assert arrange("dataset x", CLASSES, ("tulip", "rose"), False)[1]["train"].labels.tolist() == [1, 0]
    assert parts["train"] == {"rose/1.jpg": "rose", "tulip/1.jpg": "tulip"}


def test_some_of_the_classes_may_have_no_folder_where_that_was_said():
    order = ("iris", "tulip", "lily", "rose")
    assert arrange("dataset x", CLASSES, order, True)[1]["train"].labels.tolist() == [3, 1]
    assert refuse(CLASSES, order) == "train: class 'iris' has no images; give it some, or leave the class out"


@pytest.mark.parametrize("names", [[], ["README.md"], ["rose/"], ["val/rose/1.jpg", "test/rose/1.jpg"], ["a/b/c/"]])
def test_a_place_without_images_is_told_what_belongs_there(names):
    assert refuse(names) == ("no images in a folder for each class, or in train/ and test/ of them; put some")


def test_an_empty_folder_is_a_class_without_images():
    assert refuse([*CLASSES, "lily/"]) == ("train: class 'lily' has no images; give it some, or leave the class out")
    assert refuse([*under("train", "test"), "train/lily/"]) == (
        "test: class 'lily' has no images; give it some, or leave the class out"
    )


def test_a_part_without_images_is_told():
    sentence = "test: class 'rose' has no images; give it some, or leave the class out"
    assert refuse([*under("train"), "test/rose/", "test/tulip/"]) == sentence


def test_a_class_that_only_the_test_images_have_is_told():
    assert refuse([*under("train", "test"), "test/lily/1.jpg"]) == (
        "train: class 'lily' has no images; give it some, or leave the class out"
    )


def test_one_class_alone_is_none():
    assert refuse(["rose/1.jpg", "rose/2.jpg"]) == "there is only one class ('rose'); give each class a folder"
    assert refuse(["train/rose/1.jpg", "test/rose/2.jpg"]) == (
        "there is only one class ('rose'); give each class a folder"
    )


@pytest.mark.parametrize("stray", ["1.jpg", "preview.png"])
def test_an_image_outside_the_classes_is_told(stray):
    assert refuse([*CLASSES, stray]) == f"image {stray} lies in no folder of a class; move or remove it"
    assert refuse([*under("train", "test"), f"train/{stray}"]) == (
        f"image train/{stray} lies in no folder of a class; move or remove it"
    )


def test_a_folder_beside_those_of_parts_is_told():
    assert refuse([*under("train", "test"), "extra/1.jpg"]) == (
        "'extra' lies beside 'test'; keep parts, or classes, alone"
    )


def test_a_folder_that_the_labels_lack_is_told():
    assert refuse(CLASSES, ("rose", "lily")) == (
        "the labels name no class 'tulip', which has a folder; add it, or remove the folder"
    )


PIECE = st.sampled_from(["train", "test", "val", "rose", "tulip", ".hidden", "1.jpg", "2.png", "x.txt"])
NAME = st.lists(PIECE, min_size=1, max_size=4).map("/".join)


@given(st.lists(NAME | NAME.map(lambda name: name + "/"), max_size=8))
def test_any_names_are_arranged_or_refused(names):
    """Every image is in one part under the class that its path names, or a DataError tells why not."""
    try:
        classes, parts = arranged(names)
    except DataError:
        return
    assert {"train"} <= parts.keys() <= {"train", "validation", "test"}
    placed = {name: label for part in parts.values() for name, label in part.items()}
    assert all(label in name.split("/") for name, label in placed.items())
    visible = {n for n in names if n.endswith((".jpg", ".png")) and ".hidden" not in n.split("/")}
    assert placed.keys() == visible
    assert all(set(part.values()) == set(classes) for part in parts.values())
