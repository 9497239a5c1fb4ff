"""The tuning store: nothing lost, nothing doubled, whatever happens to its writers."""

import json
import multiprocessing
import os
import signal
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas.errors import StoreError
from dlas.records import Record, Records, Settled, Task, best

TASK = Task("a kernel", "avx2", "spatial-pack", {"apache-tvm": "1"}, "64x64")


def record(number, task=TASK, **changes):
    facts = {"status": "ok", "seconds": 1e-3, "ratio": 1.0, "cost": 0.1, **changes}
    return Record(vars(task), "template", {"rows": number}, **facts)


@pytest.fixture
def records(tmp_path):
    return Records(tmp_path)


def test_what_was_added_is_read_back_and_counts_once(records):
    assert records.all() == []
    assert records.add(record(1))
    assert not records.add(record(1, seconds=2.0)), "the same candidate of the same task"
    assert records.add(record(2))
    assert records.all() == [record(1), record(2)]


def test_a_kernels_name_for_people_is_no_part_of_its_key():
    assert Task(**{**vars(TASK), "kernel": "other"}).key == TASK.key
    assert Task(**{**vars(TASK), "versions": {"apache-tvm": "2"}}).key != TASK.key
    assert Task(**{**vars(TASK), "target": "avx512"}).key != TASK.key


def test_only_what_ran_can_be_best(records):
    found = [record(1, ratio=0.9), record(2, ratio=0.8), record(3, status="wrong", ratio=0.0)]
    assert best(found) == found[1]
    assert best(found[2:]) is None


def test_a_line_that_was_cut_off_is_overwritten_by_the_next(records):
    records.add(record(1))
    with records.path.open("ab") as file:
        file.write(b'{"record": {"ta')
    assert records.all() == [record(1)]
    records.add(record(2))
    assert records.all() == [record(1), record(2)]
    assert records.damaged() == []


def test_a_changed_line_is_told_and_dropped_by_repair(records):
    records.add(record(1))
    records.add(record(2))
    lines = records.path.read_text().splitlines()
    records.path.write_text(lines[0].replace("0.001", "0.0001") + "\n" + lines[1] + "\n")
    assert records.damaged() == [1]
    with pytest.raises(StoreError, match=r"line 1 is damaged; `dlas records verify --repair` drops it"):
        records.all()
    assert records.repair() == 1
    assert records.all() == [record(2)]


def test_settled_tasks_remember_the_most_trials(records):
    records.settle([Settled("a", "template", 4), Settled("a", "template", 16), Settled("b", "generic", 2)])
    assert records.settled() == {("a", "template"): 16, ("b", "generic"): 2}


def test_another_stores_records_are_taken_once(records, tmp_path):
    other = Records(tmp_path / "other")
    other.add(record(1))
    other.add(record(2))
    records.add(record(2))
    assert records.take(other.path) == (1, 2)
    assert records.take(other.path) == (0, 2)
    assert {r.name for r in records.all()} == {r.name for r in other.all()}
    (tmp_path / "broken").write_text("{}\n")
    with pytest.raises(StoreError, match="line 1 is no record; export it again"):
        records.take(tmp_path / "broken")


def test_retuning_counts(records):
    assert records.generation == 0
    records.retune()
    records.retune()
    assert records.generation == 2


@given(st.lists(st.integers(0, 5), max_size=12))
def test_whatever_is_added_in_whatever_order_is_there_once(tmp_path_factory, numbers):
    records = Records(tmp_path_factory.mktemp("records"))
    for number in numbers:
        records.add(record(number))
    assert [r.candidate["rows"] for r in records.all()] == list(dict.fromkeys(numbers))


def _write_for_ever(folder, pipe):
    records = Records(folder)
    for number in range(10**6):
        records.add(record(number))
        os.write(pipe, b"%d\n" % number)


def test_ten_kills_lose_no_record_that_was_promised_and_double_none(tmp_path):
    records = Records(tmp_path)
    promised = set()
    for kill in range(10):
        reading, writing = os.pipe()
        child = multiprocessing.get_context("fork").Process(target=_write_for_ever, args=(tmp_path, writing))
        child.start()
        os.close(writing)
        time.sleep(0.03 + 0.007 * kill)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        with os.fdopen(reading) as told:
            promised |= {int(line) for line in told.read().split("\n")[:-1]}
    found = [r.candidate["rows"] for r in records.all()]
    assert promised <= set(found)
    assert len(found) == len(set(found))
    assert records.damaged() == []
    assert json.loads(records.path.read_text().splitlines()[0])["record"]["candidate"] == {"rows": 0}
