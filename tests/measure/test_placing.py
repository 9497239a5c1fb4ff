"""Where threads of a measuring child compute, and that they are off the processors when it answers."""

import hashlib
import os
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from dlas.measure import placing

BYTES = bytes(4 << 20)

two_processors = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor only")


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as made:
        yield made


def hashed(pool):
    """Work of two threads, the caller's and a pool's; neither holds the interpreter's lock meanwhile."""
    other = pool.submit(hashlib.sha256, BYTES)
    hashlib.sha256(BYTES)
    other.result()


def in_a_thread(work):
    """What `work` returns in a thread that is gone afterwards, and its pins with it."""
    with ThreadPoolExecutor(1) as made:
        return made.submit(work).result()


@two_processors
def test_each_thread_that_computes_gets_a_processor_of_its_own(pool):
    pool.submit(time.sleep, 0).result()

    def placed():
        allowed = sorted(os.sched_getaffinity(0))
        found = placing.spread(lambda: hashed(pool))
        pinned = {thread: os.sched_getaffinity(thread) for thread in found}
        return allowed, found, pinned, threading.get_native_id()

    allowed, found, pinned, caller = in_a_thread(placed)
    assert caller in found
    assert sorted(found.values()) == allowed[:2]
    assert pinned == {thread: {processor} for thread, processor in found.items()}


def test_a_child_of_one_processor_keeps_it():
    def placed():
        (processor, *_) = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {processor})
        return placing.spread(pytest.fail), os.sched_getaffinity(0) == {processor}

    assert in_a_thread(placed) == ({}, True)


@two_processors
def test_nothing_is_pinned_where_the_system_does_not_count(tmp_path):
    assert placing.spread(lambda: None, tmp_path / "none") == {}
    (tmp_path / "17").mkdir()
    assert placing.spread(lambda: None, tmp_path) == {}


def test_of_many_threads_those_are_taken_that_ran_longest_in_between():
    before, after = {1: 900, 2: 50, 3: 0}, {1: 905, 2: 80, 3: 0, 4: 20}
    assert placing.busiest(before, after, 2) == [2, 4]
    assert placing.busiest(before, after, 9) == [1, 2, 4]


@contextmanager
def spinning():
    """The number of a thread that computes, and what it ends by."""
    done, known = threading.Event(), queue.Queue()

    def spin():
        known.put(threading.get_native_id())
        while not done.is_set():
            hashlib.sha256(BYTES)

    other = threading.Thread(target=spin)
    other.start()
    try:
        yield known.get(), done
    finally:
        done.set()
        other.join()


def test_it_rests_until_the_other_threads_no_longer_run():
    with spinning() as (number, done):
        threading.Timer(0.05, done.set).start()
        placing.rest([number, threading.get_native_id()])
        assert done.is_set()
    placing.rest([number])  # a thread that is gone is at rest


def test_it_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(placing, "LONGEST_REST", 0.02)
    with spinning() as (number, done):
        placing.rest([number])
        assert not done.is_set()
