"""Where threads of a measuring child compute, and that they are off the processors when it answers."""

import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from dlas.measure import placing

BYTES = bytes(4 << 20)
LONGEST_SPIN = 20.0  # s, so that a fault is a failure and no hang

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


@two_processors
def test_each_thread_that_computes_gets_a_processor_of_its_own(pool):
    processors = sorted(os.sched_getaffinity(0))[:2]
    caller = threading.get_native_id()
    found = placing.spread(lambda: hashed(pool), processors)
    assert caller in found
    assert sorted(found.values()) == processors
    (other,) = found.keys() - {caller}
    assert os.sched_getaffinity(other) == {found[other]}
    assert os.sched_getaffinity(caller) >= set(processors), "or threads that it starts would share its processor"
    with placing.kept(found):
        assert os.sched_getaffinity(0) == {found[caller]}
    assert os.sched_getaffinity(0) >= set(processors)


def test_a_caller_without_a_place_stays_where_it_is():
    before = os.sched_getaffinity(0)
    with placing.kept({}):
        assert os.sched_getaffinity(0) == before
    assert os.sched_getaffinity(0) == before


def test_of_one_processor_nothing_is_asked_and_where_the_system_does_not_count_nothing_is_pinned(tmp_path):
    assert placing.spread(pytest.fail, [0]) == {}
    assert placing.spread(lambda: None, [0, 1], tmp_path / "none") == {}
    (tmp_path / "17").mkdir()
    assert placing.spread(lambda: None, [0, 1], tmp_path) == {}


def test_of_many_threads_those_are_taken_that_ran_longest_in_between():
    before, after = {1: 900, 2: 50, 3: 0}, {1: 905, 2: 80, 3: 0, 4: 20}
    assert placing.busiest(before, after, 2) == [2, 4]
    assert placing.busiest(before, after, 9) == [1, 2, 4]


@contextmanager
def spinning():
    """What a thread ends by that computes until then."""
    done = threading.Event()

    def spin():
        until = time.monotonic() + LONGEST_SPIN
        while not done.is_set() and time.monotonic() < until:
            hashlib.sha256(BYTES)

    other = threading.Thread(target=spin)
    other.start()
    try:
        yield done
    finally:
        done.set()
        other.join()


def test_it_rests_until_the_other_threads_no_longer_run():
    with spinning() as done:
        threading.Timer(0.05, done.set).start()
        start = time.perf_counter()
        placing.rest()
        assert done.is_set()
        assert time.perf_counter() - start < placing.LONGEST_REST


def test_it_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(placing, "LONGEST_REST", 0.02)
    with spinning() as done:
        start = time.perf_counter()
        placing.rest()
        assert not done.is_set()
        assert time.perf_counter() - start >= placing.LONGEST_REST
