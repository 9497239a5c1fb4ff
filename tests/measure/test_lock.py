"""One process of a host measures at a time; forked processes stand for other studies."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

from dlas.errors import BuildFailed, StudyError
from dlas.measure import lock
from dlas.measure.lock import measuring_lock

LONG = 30  # s until a test gives up; nothing waits that long
fork = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def own_lock(tmp_path, monkeypatch):
    """A lock of the test's own: a study may be measuring on this host just now."""
    monkeypatch.setattr(lock, "LOCK", tmp_path / "measuring.lock")


def hold(said, asked):
    asked.recv()
    with measuring_lock():
        said.send("held")
        asked.recv()
    said.send("released")


class Other:
    """Another process that takes the lock when asked, says so, and keeps it until told to let go."""

    def __init__(self):
        self.said, theirs = fork.Pipe(duplex=False)
        ours, self.asked = fork.Pipe(duplex=False)
        self.process = fork.Process(target=hold, args=(theirs, ours), daemon=True)
        self.process.start()

    def take(self):
        self.asked.send("take")
        return self

    def says(self, what):
        return self.said.poll(LONG) and self.said.recv() == what

    def let_go(self):
        self.asked.send("let go")


def test_the_lock_is_taken_and_given_back():
    with measuring_lock():
        pass
    other = Other().take()
    assert other.says("held")
    other.let_go()
    assert other.says("released")


def test_another_process_waits_until_the_lock_is_free():
    other = Other()
    with measuring_lock():
        other.take()
        assert not other.said.poll(0.3)
    assert other.says("held")
    other.let_go()


def test_two_that_wait_hold_it_one_after_the_other():
    first = Other().take()
    assert first.says("held")
    second = Other().take()
    assert not second.said.poll(0.3)
    first.let_go()
    assert second.says("held")
    second.let_go()


def test_a_holder_that_is_killed_does_not_keep_the_lock():
    other = Other().take()
    assert other.says("held")
    os.kill(other.process.pid, signal.SIGKILL)
    successor = Other().take()
    assert successor.says("held")
    successor.let_go()


def test_what_fails_under_the_lock_gives_it_back():
    with pytest.raises(ZeroDivisionError), measuring_lock():
        1 / 0  # noqa: B018 - it is meant to fail
    other = Other().take()
    assert other.says("held")
    other.let_go()


def test_a_child_that_outlives_the_measurement_does_not_keep_the_lock():
    with measuring_lock():
        sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    other = Other().take()
    try:
        assert other.says("held")
    finally:
        other.let_go()
        sleeper.communicate()


# --- threads that wait, and files of other users ----------------------------------------------------------------


def test_a_thread_that_waits_gives_up_when_it_is_told_to_and_leaves_the_lock_to_others():
    other = Other().take()
    assert other.says("held")
    with pytest.raises(BuildFailed, match=r"^stopped while it waited"), measuring_lock(lambda: True):
        pytest.fail("it is held by another")
    other.let_go()
    with measuring_lock(lambda: False):
        assert not Other().take().said.poll(0.3)


@pytest.fixture
def narrow():
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_the_file_is_open_to_every_user_whatever_the_umask(narrow):
    with measuring_lock():
        assert lock.LOCK.stat().st_mode & 0o777 == 0o444


def test_a_file_that_another_user_keeps_for_himself_is_told_in_one_sentence(monkeypatch):
    def refuse(path, flags, mode=0o777):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(lock.os, "open", refuse)
    with pytest.raises(StudyError) as problem, measuring_lock():
        pytest.fail("it cannot be opened")
    assert str(problem.value) == (
        f"the host's measuring lock {lock.LOCK} cannot be opened (permission denied); "
        f"its owner may let others in with `chmod a+r {lock.LOCK}`"
    )


def test_two_that_make_the_file_at_once_lock_the_same_one(monkeypatch):
    lock.LOCK.touch(0o444)
    handle = lock._made()
    assert os.fstat(handle).st_ino == lock.LOCK.stat().st_ino
    os.close(handle)
