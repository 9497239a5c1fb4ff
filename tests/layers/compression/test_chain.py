"""Which steps of a chain can follow each other."""

import pytest

from dlas import registry
from dlas.layers.compression import obstacle


@pytest.mark.parametrize(
    "chain",
    [
        "none",
        "int8",
        "weight-prune@0.5",
        "channel-prune@0.5+weight-prune@0.5+int8",
        "none+int8",
        "weight-prune@0.5+none+channel-prune@0.5",
    ],
)
def test_steps_that_fit_have_no_obstacle(chain):
    assert obstacle(registry.parse("compression", chain)) is None


@pytest.mark.parametrize("chain", ["int8+weight-prune@0.5", "weight-prune@0.5+int8+none+weight-prune@0.6"])
def test_a_step_that_needs_a_module_cannot_follow_one_that_leaves_none(chain):
    reason = "weight-prune needs a torch module, which the step before it does not leave"
    assert obstacle(registry.parse("compression", chain)) == reason
