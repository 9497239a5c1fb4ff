"""From the bytes of an image file to pixels: every mode and size, and files that are none."""

import io
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import picture

from dlas.errors import DataError

PIL = pytest.importorskip("PIL.Image")

from dlas.layers.dataset import decoding  # noqa: E402 - without Pillow the module above is skipped

# Not by importing it: that is the business of dlas.vision.
RESIZES = pytest.mark.skipif(find_spec("torchvision") is None, reason="needs torchvision")
METADATA = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # damaged ones are remarked upon by Pillow


def decode(content, size=0, crop=0, reverse=False):
    return decoding.decoder("dataset x", size, crop, reverse)("rose/1.jpg", content)


def refuse(content, **how):
    with pytest.raises(DataError) as caught:
        decode(content, **how)
    return str(caught.value)


def gradient(height, width):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 7 % 256, columns * 5 % 256, (rows + columns) % 256], 2).astype(np.uint8)


def test_pixels_come_as_bytes_channels_first_red_first():
    image = gradient(3, 5)
    pixels = decode(picture(image))
    assert (pixels.dtype, pixels.shape) == (np.uint8, (3, 3, 5))
    assert np.array_equal(pixels, image.transpose(2, 0, 1))


def test_blue_comes_first_where_the_network_wants_it():
    image = gradient(3, 5)
    assert np.array_equal(decode(picture(image), reverse=True), image.transpose(2, 0, 1)[::-1])


@pytest.mark.parametrize(
    ("mode", "value", "form", "becomes"),
    [
        ("RGB", (10, 20, 30), "PNG", (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), "PNG", (10, 20, 30)),
        ("L", 77, "PNG", (77, 77, 77)),
        ("LA", (77, 3), "PNG", (77, 77, 77)),
        ("1", 1, "PNG", (255, 255, 255)),
        ("P", 0, "PNG", (0, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "TIFF", (255, 0, 0)),
        ("I;16", 257 * 40, "PNG", (40, 40, 40)),
        ("I;16", 65535, "PNG", (255, 255, 255)),
        ("I;16", 257 * 40 + 128, "TIFF", (40, 40, 40)),
        ("I;16", 257 * 40 + 129, "TIFF", (41, 41, 41)),
        ("I", 257 * 40, "TIFF", (40, 40, 40)),
    ],
)
def test_every_mode_becomes_three_channels_of_bytes(mode, value, form, becomes):
    pixels = decode(picture(value, (2, 3), mode, form))
    assert pixels.shape == (3, 3, 2)
    assert [tuple(pixel) for pixel in pixels.reshape(3, -1).T] == [becomes] * 6


def test_a_palette_is_looked_up_transparent_or_not():
    image = PIL.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    for more in ({}, {"transparency": 1}, {"transparency": b"\x00\x80"}):
        stream = io.BytesIO()
        image.save(stream, "PNG", **more)
        assert decode(stream.getvalue())[:, 0, 0].tolist() == [200, 100, 50]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF"])
def test_every_format_that_a_suffix_may_announce_is_read(form):
    pixels = decode(picture((200, 100, 50), (8, 8), "RGB", form))
    assert np.abs(pixels.reshape(3, -1).T - np.array([200.0, 100, 50])).max() <= 6


@pytest.mark.parametrize(
    ("given", "how", "becomes"),
    [
        ((40, 60), {"size": 20, "crop": 20}, (20, 20)),
        ((40, 60), {"size": 20, "crop": 16}, (16, 16)),
        ((40, 60), {"size": 20}, (20, 30)),
        ((60, 40), {"size": 20}, (30, 20)),
        ((40, 60), {"crop": 40}, (40, 40)),
        ((5, 9), {"size": 32, "crop": 32}, (32, 32)),
    ],
)
@RESIZES
def test_resized_then_cropped(given, how, becomes):
    assert decode(picture(gradient(*given)), **how).shape == (3, *becomes)


@RESIZES
def test_cropping_keeps_the_middle():
    image = gradient(10, 20)
    assert np.array_equal(decode(picture(image), crop=4), image[3:7, 8:12].transpose(2, 0, 1))


@RESIZES
def test_resizing_is_the_antialiased_bilinear_one_of_the_published_weights():
    image = PIL.fromarray(gradient(64, 96))
    expected = np.asarray(image.resize((30, 20), PIL.Resampling.BILINEAR)).transpose(2, 0, 1)
    assert np.array_equal(decode(picture(gradient(64, 96)), size=20), expected)


@RESIZES
def test_an_image_smaller_than_the_crop_is_told():
    sentence = "dataset x: rose/1.jpg is 30x20, less than crop=24; give size=24"
    assert refuse(picture(gradient(20, 30)), crop=24) == sentence


def broken():
    png, jpeg = picture(gradient(40, 40)), picture(gradient(40, 40), form="JPEG")
    return {
        "empty": b"",
        "text": b"roses are red",
        "html": b"<!DOCTYPE html><html>not found</html>",
        "half a png": png[: len(png) // 2],
        "half a jpeg": jpeg[: len(jpeg) // 2],
        "header of a png": png[:8],
        "header of a jpeg": jpeg[:20],
        "damaged png": png[:60] + bytes([png[60] ^ 255]) + png[61:],
        "a program": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n",
        "fractions": picture(0.5, (2, 2), "F", "TIFF"),
        "below nought": picture(-1, (2, 2), "I", "TIFF"),
        "beyond sixteen bits": picture(65_536, (2, 2), "I", "TIFF"),
    }


@pytest.mark.parametrize("kind", broken())
def test_an_unreadable_image_is_named(kind):
    sentence = refuse(broken()[kind])
    assert sentence.startswith("dataset x: rose/1.jpg is no readable image (")
    assert sentence.endswith("); repair or remove it")


def test_an_image_that_would_fill_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(PIL, "MAX_IMAGE_PIXELS", 100)
    sentence = refuse(picture(gradient(20, 30)))
    assert sentence.startswith("dataset x: rose/1.jpg is too large an image (")


def whole(form):
    return picture(gradient(12, 9), form=form)


WHOLE = {form: whole(form) for form in ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "PPM", "GIF")}


@METADATA
@given(st.sampled_from(sorted(WHOLE)), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6))
def test_a_damaged_image_is_read_or_refused(form, damage):
    content = bytearray(WHOLE[form])
    for position, value in damage:
        content[position % len(content)] = value
    try:
        pixels = decode(bytes(content))
    except DataError:
        return
    assert (pixels.dtype, pixels.shape[0]) == (np.uint8, 3)


@METADATA
@given(st.binary(max_size=300), st.sampled_from(sorted(WHOLE)), st.integers(0, 60))
def test_noise_after_a_true_beginning_is_read_or_refused(noise, form, kept):
    try:
        decode(WHOLE[form][:kept] + noise)
    except DataError:
        return
