"""The peak is this program's own, since it was forgotten: not its parent's, not that of what came before."""

import gc
import subprocess
import sys

import numpy as np
import pytest

from dlas.measure import memory

MANY = 256 * 2**20  # bytes
SLACK = 48 * 2**20


def touched(size):
    return np.ones(size, np.uint8)


def test_what_is_held_is_counted_and_what_was_held_is_the_peak():
    gc.collect()  # what other tests left would be freed meanwhile
    memory.forget_peak()
    before = memory.resident()
    block = touched(MANY)
    assert memory.resident() - before == pytest.approx(block.nbytes, abs=SLACK)
    del block
    assert memory.resident() - before < SLACK
    assert memory.peak() - before == pytest.approx(MANY, abs=SLACK)


def test_a_peak_can_be_forgotten():
    del_me = touched(MANY)
    del del_me
    memory.forget_peak()
    assert memory.peak() - memory.resident() < SLACK


def test_a_child_does_not_start_from_what_its_parent_holds():
    kept = touched(MANY)
    code = "from dlas.measure import memory; print(memory.peak())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(told) < kept.nbytes
