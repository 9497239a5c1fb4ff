"""A search that is killed over and over loses no record, doubles none, and comes to its end."""

import random
import subprocess
import sys
import time

import pytest

pytest.importorskip("tvm")
pytest.importorskip("onnx")

from conv_chain import __file__ as chain

from dlas.records import Records

TRIALS = 24  # a task; there are two


def search(folder, name):
    return subprocess.Popen([sys.executable, chain, str(folder), name, str(TRIALS)])


def wait_for_another_record(process, folder, known):
    while process.poll() is None and len(Records(folder).all()) == known:
        time.sleep(0.02)


@pytest.mark.slow
def test_killed_at_ten_random_moments_no_record_is_lost_or_doubled(tmp_path):
    moments, known = random.Random(1), []
    for attempt in range(10):
        process = search(tmp_path, f"network{attempt}")  # the same operators each time, so the same tasks
        wait_for_another_record(process, tmp_path, len(known))
        time.sleep(moments.uniform(0, 0.8))
        process.kill()
        process.wait()
        found = Records(tmp_path).all()
        assert found[: len(known)] == known
        known = found
    assert search(tmp_path, "last").wait() == 0
    found = Records(tmp_path).all()
    assert found[: len(known)] == known
    assert 10 <= len(known) < len(found), "each attempt got further, and none to the end"
    assert len({record.name for record in found}) == len(found)
    assert Records(tmp_path).damaged() == []
    assert len(set(Records(tmp_path).settled())) == len({record.key for record in found}) == 2
