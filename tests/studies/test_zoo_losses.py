"""What compression costs the zoo: planted losses come out, and the README holds those of the committed cube."""

import losses
import pytest
import table
from handmade import cube_of, measured, stack

from dlas import api


def scored(accuracy):
    return measured(accuracy=accuracy, accuracy_low=accuracy - 0.01, accuracy_high=accuracy + 0.01, agreement=0.97)


PLAIN, INT8, PRUNED = (stack(compression=name) for name in ("none", "int8", "weight-prune@0.5"))


def test_a_loss_is_told_against_the_same_network_uncompressed():
    found = {loss.compression: loss for loss in losses.losses(cube_of({PLAIN: scored(0.9), INT8: scored(0.895)}))}
    assert found.keys() == {"int8"}
    assert found["int8"].change == pytest.approx(-0.005)
    assert found["int8"].bearable


def test_what_loses_more_than_a_point_is_named():
    said = losses.lines(cube_of({PLAIN: scored(0.9), INT8: scored(0.9), PRUNED: scored(0.8)}))
    assert "80.0% (79.0% to 81.0%) | -10.00 points | 97.0% | ok |" in said[-3]
    assert said[-1].endswith("on digits under weight-prune@0.5.")


def test_what_was_not_scored_is_left_out():
    cells = {PLAIN: scored(0.9), INT8: {"status": "failed", "reason": "it crashed"}}
    assert losses.lines(cube_of(cells))[-1] == "More than one point is lost by: none."


def test_the_readme_holds_the_losses_of_the_committed_cube():
    assert "\n".join(losses.lines(api.open_cube(losses.CUBE))) in table.README.read_text(encoding="utf-8")
