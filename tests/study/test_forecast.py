"""The time left, from what steps of each kind took."""

import pytest

from dlas.study.forecast import Forecast


def test_nothing_is_foretold_before_anything_is_done():
    assert Forecast(["slow", "quick"]).left(10, []) is None


def test_steps_of_one_kind_are_taken_to_last_alike():
    forecast = Forecast(["slow"] * 3 + ["quick"] * 10)
    forecast.ended("slow", 100)
    forecast.ended("quick", 2)
    assert forecast.left(102, []) == pytest.approx(2 * 100 + 9 * 2)


def test_two_side_by_side_need_half_the_time():
    forecast = Forecast(["slow"] * 4)
    forecast.ended("slow", 100)
    forecast.ended("slow", 100)
    assert forecast.left(100, []) == pytest.approx(100)


def test_what_is_not_known_lasts_as_the_others_do():
    forecast = Forecast(["slow", "quick", "new"])
    forecast.ended("slow", 30)
    forecast.ended("quick", 10)
    assert forecast.left(40, []) == pytest.approx(20)


def test_what_is_done_of_a_running_step_is_not_ahead_any_more():
    forecast = Forecast(["slow"] * 2)
    forecast.ended("slow", 100)
    assert forecast.left(150, [("slow", 0.5)]) == pytest.approx(50)


def test_what_failed_is_not_ahead_either():
    forecast = Forecast(["slow"] * 3)
    forecast.ended("slow", 100)
    forecast.dropped("slow")
    assert forecast.left(100, []) == pytest.approx(100)
