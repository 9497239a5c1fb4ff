"""The page of the benchmarks says what their committed figures are."""

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def results(monkeypatch):
    """The script, which imports what lies beside it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("results", FOLDER / "results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("reporting")


def test_the_committed_page_is_that_of_the_committed_figures(results):
    assert results.README.read_text(encoding="utf-8") == results.text()


def test_every_committed_file_belongs_to_a_benchmark_on_the_page(results):
    page = results.text()
    for file in results.REFERENCE.glob("*.json"):
        assert f"## {file.stem}\n" in page


def test_intervals_stand_with_their_figures(results):
    figures = {"pairs": 25, "ratio": 1.0149, "ratio_low": 0.9951, "ratio_high": 1.0349}
    assert [*results._values(figures)] == [("pairs", "25"), ("ratio", "1.015 [0.995, 1.035]")]
