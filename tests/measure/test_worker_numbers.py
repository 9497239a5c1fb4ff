"""What a worker says of its numbers."""

import math

import pytest

from dlas.measure.worker import relative_error


@pytest.mark.parametrize(
    ("error", "largest", "found"), [(0.5, 2.0, 0.25), (0.0, 0.0, 0.0), (0.1, 0.0, math.inf), (math.nan, 1.0, math.inf)]
)
def test_an_error_where_all_numbers_are_zero_is_no_division(error, largest, found):
    assert relative_error(error, largest) == found
