"""Text of values, numbers and sweeps; what depends on which options there are is in test_registry.py."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas.errors import OptionError
from dlas.option import expand, parameter, read_option, spell, split, write_option


@dataclass(frozen=True)
class Everything:
    """An option with a parameter of every type."""

    name: ClassVar = "everything"
    suggested: ClassVar = ()

    text: str = parameter("any text", positional=True)
    whole: int = parameter("a whole number", 3)
    real: float = parameter("a number", 0.5)
    switch: bool = parameter("on or off", False)


def read(text):
    ((name, arguments),) = split(text)
    return read_option("layer", Everything, name, arguments)


everything = st.builds(
    Everything,
    st.text(min_size=1) | st.text("%+,@= :/24BbCcé", min_size=1),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)


@given(everything)
def test_value_to_text_to_value_is_the_identity(value):
    assert read(write_option(value)) == value


@given(everything)
def test_text_to_value_to_text_is_the_identity(value):
    text = write_option(value)
    assert write_option(read(text)) == text


@given(everything)
def test_canonical_text_is_one_word(value):
    assert len(write_option(value).split()) == 1


@given(st.text())
def test_an_encoded_string_holds_no_reserved_character(value):
    assert not set("+,@= \t\n") & set(spell(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a+b", "a%2Bb"),
        ("a,b", "a%2Cb"),
        ("a@b", "a%40b"),
        ("a=b", "a%3Db"),
        ("50%", "50%25"),
        ("two words\n", "two%20words%0A"),
        ("no-break\u00a0space", "no-break%C2%A0space"),
        ("10:30", "10:30"),
        ("größe/ß.npz", "größe/ß.npz"),
    ],
)
def test_only_reserved_characters_and_white_space_are_percent_encoded(value, text):
    assert spell(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.9, "0.9"), (1.0, "1"), (100000.0, "100000"), (1e16, "1e16"), (1e-5, "1e-5"), (-2.5, "-2.5"), (7, "7")],
)
def test_numbers_take_their_shortest_form(value, text):
    assert spell(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_number_is_no_longer_than_pythons_and_means_the_same(value):
    assert float(spell(value)) == value
    assert len(spell(value)) <= len(repr(value))


def test_defaults_are_omitted_and_the_positional_parameter_stands_first_and_bare():
    assert write_option(Everything("x")) == "everything@x"
    assert write_option(Everything("x", 4, 0.5, True)) == "everything@x,whole=4,switch=true"


@pytest.mark.parametrize(
    "text", ["everything@text=x,switch=true", "everything@switch=true,x", " everything @x,real=0.50,switch=true"]
)
def test_order_keywords_and_spelling_do_not_matter(text):
    assert read(text) == Everything("x", switch=True)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", "", "1,5", "0x10"])
def test_what_is_no_finite_number_is_refused(number):
    with pytest.raises(OptionError):
        read(f"everything@x,real={number}")


# --- sweeps -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0.5:0.9:0.2", ["0.5", "0.7", "0.9"]),
        ("0.1:0.3:0.1", ["0.1", "0.2", "0.3"]),
        ("1:6:2", ["1", "3", "5"]),
        ("4:1:-1", ["4", "3", "2", "1"]),
        ("10:30:10", ["10", "20", "30"]),
        ("2:2:1", ["2"]),
        ("0.5", ["0.5"]),
        ("1:2", ["1:2"]),
        ("a:b:c", ["a:b:c"]),
    ],
)
def test_a_range_holds_its_stop_and_is_exact(text, numbers):
    assert expand(text) == numbers


places = st.decimals(-1000, 1000, places=3)


@given(places, st.decimals("0.001", 100, places=3), st.integers(0, 200), st.sampled_from([1, -1]))
def test_a_range_is_start_plus_multiples_of_the_step_exactly(start, step, count, sign):
    numbers = expand(f"{start}:{start + sign * step * count}:{sign * step}")
    assert [Decimal(number) for number in numbers] == [start + sign * step * i for i in range(count + 1)]


@pytest.mark.parametrize("text", ["0:1:0", "0:1:-0.1", "1:0:0.1", "0:inf:1", "nan:1:1", "0:1:1e-9"])
def test_a_range_without_an_end_is_refused(text):
    with pytest.raises(OptionError, match="range "):
        expand(text)


@pytest.mark.parametrize("text", ["0:1e5000:1", "0:1e999999:1e-999999", "-9e999999:9e999999:1"])
def test_an_absurdly_long_range_is_refused_and_nothing_else_happens(text):
    with pytest.raises(OptionError, match="range "):
        expand(text)


@given(st.text(alphabet="0123456789.:-+eEinfa_ "))
def test_expanding_a_fuzzed_text_raises_only_option_errors(text):
    try:
        numbers = expand(text)
    except OptionError:
        return
    assert numbers
