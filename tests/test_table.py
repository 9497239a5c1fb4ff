"""The table that people read: never more digits than the interval allows, the best first, what is missing last."""

import json
import math

import numpy as np
import pytest
from handmade import cube_of, interval, measured, stack
from hypothesis import given
from hypothesis import strategies as st

from dlas import rounding, table
from dlas.rounding import decimals_for, quantity, with_interval
from dlas.table import SORTS, markdown, rows, warnings

PRUNED, INT8, TORCH = stack(compression="weight-prune@0.9"), stack(compression="int8"), stack(codegen="torch")
NAN = float("nan")


# --- digits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("half", "decimals"),
    [
        (0.0123, 3),
        (0.0299, 3),
        (0.035, 2),
        (0.1, 2),
        (0.25, 2),
        (0.3, 1),
        (0.7, 1),
        (1.0, 1),
        (2.9, 1),
        (3.0, 0),
        (15.0, 0),
        (400.0, 0),
        (1e-12, 9),
    ],
)
def test_a_half_interval_allows_two_of_its_digits_if_the_first_is_one_or_two_else_one(half, decimals):
    assert decimals_for(half) == decimals


@pytest.mark.parametrize("half", [0.0, NAN, math.inf, -1.0])
def test_without_a_half_interval_there_are_two_decimals(half):
    assert decimals_for(half) == 2


@pytest.mark.parametrize("digit", range(3, 10))
@pytest.mark.parametrize("exponent", range(-6, 0))
def test_a_half_interval_of_one_high_digit_allows_that_digit_only(digit, exponent):
    assert decimals_for(float(f"{digit}e{exponent}")) == -exponent


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ((98.9123, 97.7, 99.5), "98.9 [97.7, 99.5]"),
        ((1.8367, 1.8201, 1.8534), "1.837 [1.820, 1.853]"),
        ((10.0, 5.0, 15.0), "10 [5, 15]"),
        ((50.0, 49.0, 51.0), "50.0 [49.0, 51.0]"),
        ((1.0, 1.0, 1.0), "1.00 [1.00, 1.00]"),
        ((NAN, NAN, NAN), ""),
    ],
)
def test_a_value_is_written_with_the_decimals_that_its_interval_allows(figures, text):
    assert with_interval(*figures) == text


intervals = st.tuples(st.floats(1e-6, 1e6), st.floats(1e-5, 0.5), st.floats(1e-5, 0.5)).map(
    lambda drawn: (drawn[0], drawn[0] * (1 - drawn[1]), drawn[0] * (1 + drawn[2]))
)


@given(intervals)
def test_no_number_has_more_decimals_than_the_half_interval_has_leading_digits(figures):
    value, low, high = figures
    half = (high - low) / 2
    for text in with_interval(value, low, high).replace("[", "").replace("]", "").split():
        decimals = len(text.rstrip(",").partition(".")[2])
        assert decimals <= 9
        assert decimals == 0 or half * 10**decimals < 30.0000001, "at most two digits of the half-interval"


@given(intervals)
def test_the_printed_value_lies_in_the_printed_interval(figures):
    value, low, high = (
        float(text.rstrip(",")) for text in with_interval(*figures).replace("[", "").replace("]", "").split()
    )
    assert low <= value <= high


@given(intervals)
def test_rounding_moves_no_end_by_more_than_a_quarter_of_the_interval(figures):
    printed = [float(text.strip("[],")) for text in with_interval(*figures).split()]
    half = (figures[2] - figures[1]) / 2
    assert all(abs(one - other) <= max(half / 2, 5.1e-10) for one, other in zip(printed, figures, strict=True))


TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
BYTES = rounding.BYTES


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ((552e-6, 545e-6, 559e-6), "552 [545, 559] µs"),
        ((1.5e-3, 1.48e-3, 1.52e-3), "1.500 [1.480, 1.520] ms"),
        ((2.0, 1.5, 2.5), "2.0 [1.5, 2.5] s"),
        ((3e-10, 2e-10, 4e-10), "0.30 [0.20, 0.40] ns"),
        ((0.0, 0.0, 0.0), "0 ns"),
        ((NAN, NAN, NAN), ""),
    ],
)
def test_a_time_is_given_in_the_unit_that_suits_it(figures, text):
    assert quantity(*figures, units=TIMES) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (17, "17 B"),
        (312_345, "312 kB"),
        (45_000_000, "45 MB"),
        (1.25e9, "1.25 GB"),
        (999_600, "1 MB"),
        (12_345_678, "12.3 MB"),
    ],
)
def test_a_size_is_given_in_three_digits_without_a_power_of_ten(size, text):
    assert quantity(size, size, size, units=BYTES) == text


# --- rows -------------------------------------------------------------------------------------------------------


@pytest.fixture
def cube():
    return cube_of(
        {
            stack(): measured(),
            PRUNED: measured(0.5, 1.02, 0.5e-3, **interval("accuracy", 0.9, 0.88, 0.92), size=10_000.0),
            INT8: {"status": "failed", "reason": "wrong numbers"},
            TORCH: measured(2.0, 1.01, 2e-3, **interval("accuracy", 0.99, 0.98, 1.0), size=900_000.0, remark="as is"),
        }
    )


def order(cube, sort):
    return [row["option"] for row in rows(cube, sort)]


def test_rows_carry_intervals_and_units_and_the_baseline_comes_first(cube):
    first = rows(cube)[0]
    assert first == {
        "option": "baseline",
        "accuracy %": "98.0 [96.0, 99.0]",
        "latency": "1.000 [0.980, 1.020] ms",
        "speed-up": "1",
        "verdict": "",
        "size": "312 kB",
        "status": "ok",
        "remark": "",
    }


def test_the_speed_up_is_one_over_the_latency_and_its_interval_turned_round(cube):
    found = {row["option"]: row["speed-up"] for row in rows(cube)}
    assert found["compression=weight-prune@0.9"] == "2.00 [1.96, 2.04]×"
    assert found["codegen=torch"] == "0.500 [0.495, 0.505]×"
    assert found["compression=int8"] == ""


def test_a_baseline_that_failed_has_no_speed_up():
    cube = cube_of({stack(): {"status": "failed", "reason": "it crashed"}})
    assert rows(cube)[0]["speed-up"] == ""


def test_a_remark_is_shown_and_else_the_reason(cube):
    found = {row["option"]: (row["status"], row["remark"]) for row in rows(cube)}
    assert found["codegen=torch"] == ("ok", "as is")
    assert found["compression=int8"] == ("failed", "wrong numbers")


@pytest.mark.parametrize(
    ("sort", "first", "before_last"),
    [
        ("latency", "compression=weight-prune@0.9", "codegen=torch"),
        ("accuracy", "codegen=torch", "compression=weight-prune@0.9"),
        ("size", "compression=weight-prune@0.9", "codegen=torch"),
        ("speed-up", "compression=weight-prune@0.9", "codegen=torch"),
    ],
)
def test_the_best_comes_first_and_what_has_no_figure_last(cube, sort, first, before_last):
    found = order(cube, sort)
    assert (found[0], found[-2], found[-1]) == (first, before_last, "compression=int8")


def test_every_sort_that_is_offered_is_tested_here():
    assert set(SORTS) == {"latency", "accuracy", "size", "speed-up"}


def test_cells_without_any_figure_keep_their_order():
    cube = cube_of({s: {"status": "missing", "reason": ""} for s in (stack(), PRUNED, INT8)})
    assert order(cube, "latency") == order(cube, None)


# --- Markdown ---------------------------------------------------------------------------------------------------


def test_markdown_is_a_heading_a_rule_and_a_line_a_cell(cube):
    lines = markdown(cube, "latency").splitlines()
    assert lines[:3] == [
        "| option | accuracy % | latency | speed-up | verdict | size | status | remark |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| compression=weight-prune@0.9 | 90.0 [88.0, 92.0] | 500 [490, 510] µs "
        "| 2.00 [1.96, 2.04]× |  | 10 kB | ok |  |",
    ]
    assert len(lines) == 6


def test_markdown_escapes_pipes():
    cube = cube_of({stack(): {"status": "failed", "reason": "a | b || c"}})
    line = markdown(cube).splitlines()[-1]
    assert line.endswith("| failed | a \\| b \\|\\| c |")
    assert line.replace("\\|", "").count("|") == len(table.HEADINGS) + 1


def test_the_accessor_gives_the_same_rows_as_a_pandas_table(cube):
    found = cube.dlas.table("size")
    assert list(found.columns) == list(table.HEADINGS)
    assert found.to_dict("records") == rows(cube, "size")
    assert not found.map(lambda text: text is np.nan).any(axis=None)


def test_warnings_are_told_once_for_each_kind_with_the_worst():
    drift = "the processor's speed drifted by {} meanwhile: fix its frequency"
    values = {"status": "ok", "latency": 1.0}
    cube = cube_of(
        {
            stack(): {**values, "warning": drift.format("7%") + "\nmargin not reached: ±3.0% instead of ±2.0%"},
            stack(codegen="torch"): {**values, "warning": drift.format("12%")},
        }
    )
    assert warnings(cube) == [
        "codegen=torch (worst of 2 of 2 cells): " + drift.format("12%"),
        "baseline: margin not reached: ±3.0% instead of ±2.0%",
    ]


def test_the_worst_share_of_undisturbed_repetitions_is_the_smallest():
    clean = "only {} of the repetitions ran undisturbed: other programs are busy, end them"
    shares = {stack(): "47%", PRUNED: "9%", INT8: "12%"}
    cube = cube_of({one: {**measured(), "warning": clean.format(share)} for one, share in shares.items()})
    assert warnings(cube) == [f"compression=weight-prune@0.9 (worst of 3 of 3 cells): {clean.format('9%')}"]


def test_a_cube_of_one_host_and_one_day_needs_no_note():
    assert table.notes(cube_of({stack(): measured()})) == []


def test_several_hosts_and_days_are_said_in_words():
    cube = cube_of({stack(): measured()})
    cube.attrs["hosts"] = json.dumps({"": {"cpu": "Toy CPU"}, "lab": {"cpu": "Big CPU"}})
    cube.attrs["measured"] = json.dumps(["2024-02-28", "2024-02-29"])
    cube.attrs["other_hosts"] = json.dumps(["Old CPU"])
    assert table.notes(cube) == [
        "measured on 2 hosts, which are not compared: here (Toy CPU), lab (Big CPU)",
        "measured on 2 days: 2024-02-28, 2024-02-29",
        "the journal also holds figures of other hosts (Old CPU); they are not shown",
    ]


def test_a_host_that_was_too_noisy_is_said_with_the_remedy():
    cube = cube_of({stack(): measured()})
    cube.attrs["noise"] = json.dumps({"": {"half": 0.05, "seconds": 0.25}, "lab": {"half": 0.03, "seconds": 0.25}})
    assert table.notes(cube) == [
        "here: this host is too noisy for a margin of ±2%: ±2.5% is to be expected of 3 s a cell; "
        "end other programs (`dlas doctor` tells more), or raise --budget to 5s"
    ]
