"""The palette: contrast on light and dark pages, told apart with the common forms of colour blindness."""

from itertools import combinations

import numpy as np
import pytest

from dlas.plot.theme import INK, PALETTE, RULE, config

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
LIGHT, DARK = "#ffffff", "#14171a"


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """The ratio of WCAG 2."""
    lights = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def lab(rgb):
    """CIE L*a*b* of linear RGB under D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    f = np.cbrt(np.clip(xyz, 1e-4, None) / [0.9505, 1.0, 1.089])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("colour", [*PALETTE, RULE])
@pytest.mark.parametrize("ground", [LIGHT, DARK])
def test_every_colour_stands_out_from_a_light_and_a_dark_page(colour, ground):
    assert contrast(colour, ground) >= 2.9


def test_letters_can_be_read_on_white():
    assert contrast(INK, LIGHT) >= 7


@pytest.mark.parametrize("kind", BLINDNESS)
def test_colours_are_told_apart(kind):
    seen = [lab(BLINDNESS[kind] @ linear(colour)) for colour in PALETTE]
    distances = [float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)]
    assert min(distances) >= 10


def test_colours_and_shapes_together_tell_thirty_options_apart():
    ranges = config()["range"]
    count = len(ranges["category"]) * len(ranges["symbol"])
    looks = {
        (ranges["category"][i % len(ranges["category"])], ranges["symbol"][i % len(ranges["symbol"])])
        for i in range(count)
    }
    assert len(looks) == count == 30
