"""What a builder tells while it builds; building itself is tested with whole studies."""

import pytest

from dlas.realise import Step
from dlas.study.building import Builder


def test_the_time_left_counts_the_part_of_a_step_that_is_done(store):
    heard = []
    builder = Builder(store, jobs=1, timeout=1, listen=heard.append)
    builder.build([])
    builder._total, builder._start = 2, builder._start - 10
    builder._relay(Step("model", "resnet8", (), {}), {"done": 1, "of": 4, "unit": "images", "accuracy": 0.5})
    assert heard[-1].what == "model resnet8: 1/4 images, accuracy 50.0%"
    assert heard[-1].left == pytest.approx(70, rel=0.1)
