"""Children that answer, fail, crash, hang and eat; what they do is in serving_child.py."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dlas import errors
from dlas.errors import BuildFailed
from dlas.process import HIGHEST, THREADS, Child, Died, TooSlow, environment, may_outrank

SCRIPT = str(Path(__file__).with_name("serving_child.py"))
LONG = 60  # seconds; nothing that goes right comes near


@pytest.fixture
def child():
    with Child([sys.executable, SCRIPT], environment(1)) as running:
        yield running


def gone(pid):
    """Whether a process has ended, or ends soon; one that nobody waits for stays a zombie."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


# --- answers ----------------------------------------------------------------------------------------------------


def test_each_request_gets_its_answer(child):
    for number in range(3):
        assert child.ask({"do": "tell", "number": number}, LONG)["number"] == number


def test_a_large_answer_arrives_whole(child):
    text = "große Zahl\n" * 10_000  # many times what a pipe holds
    assert child.ask({"do": "tell", "text": text}, LONG)["text"] == text


def test_a_child_on_processors_of_its_own_comes_before_all_others_where_that_is_allowed():
    own = os.getpriority(os.PRIO_PROCESS, 0)
    with Child([sys.executable, SCRIPT], environment(1), sorted(os.sched_getaffinity(0))) as pinned:
        pinned.ask({"do": "tell"}, LONG)
        assert os.getpriority(os.PRIO_PROCESS, pinned.pid) == (HIGHEST if may_outrank() else own)
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


def test_other_children_keep_their_place(child):
    assert os.getpriority(os.PRIO_PROCESS, child.pid) == os.getpriority(os.PRIO_PROCESS, 0)


def test_progress_is_reported_in_order_before_the_answer(child):
    steps = []
    assert child.ask({"do": "progress", "steps": 50}, LONG, steps.append) == {"done": True}
    assert steps == [{"step": step} for step in range(50)]


def test_progress_that_nobody_wants_is_dropped(child):
    assert child.ask({"do": "progress", "steps": 3}, LONG) == {"done": True}


def test_what_libraries_print_does_not_corrupt_the_channel(child):
    assert child.ask({"do": "chatter"}, LONG) == {"done": True}
    assert child.ask({"do": "tell", "number": 1}, LONG)["number"] == 1


def test_threads_telemetry_and_processors_are_set_before_the_child_starts():
    cpu = min(os.sched_getaffinity(0))
    with Child([sys.executable, SCRIPT], environment(3), cpus=(cpu,)) as child:
        told = child.ask({"do": "tell"}, LONG)
    assert told["cpus"] == [cpu]
    assert {name: told["environment"][name] for name in THREADS} == dict.fromkeys(THREADS, "3")
    assert told["environment"]["DO_NOT_TRACK"] == "1"


# --- failures that the child reports ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["DataError", "Inapplicable"])
def test_an_error_of_dlas_arrives_as_what_it_was(child, kind):
    with pytest.raises(getattr(errors, kind)) as caught:
        child.ask({"do": "fail", "kind": kind, "message": "dataset npz@x: no"}, LONG)
    assert type(caught.value).__name__ == kind
    assert str(caught.value) == "dataset npz@x: no"


def test_any_other_exception_is_a_failed_build_with_its_first_line(child):
    with pytest.raises(BuildFailed) as caught:
        child.ask({"do": "fail", "kind": "ValueError", "message": "\n  wrong shape\nlong story"}, LONG)
    assert str(caught.value) == "ValueError: wrong shape"


def test_an_exception_without_a_message_is_named_too(child):
    with pytest.raises(BuildFailed, match=r"^OSError: no message$"):
        child.ask({"do": "fail", "kind": "OSError", "message": ""}, LONG)


def test_a_child_that_failed_answers_the_next_request(child):
    with pytest.raises(BuildFailed):
        child.ask({"do": "fail", "kind": "ValueError", "message": "once"}, LONG)
    assert child.ask({"do": "tell", "number": 2}, LONG)["number"] == 2


def test_a_child_may_use_memory_but_not_all_that_is_free(child):
    assert child.ask({"do": "eat", "share": 0.1}, LONG)["bytes"] > 0
    with pytest.raises(BuildFailed, match=r"^out of memory$"):
        child.ask({"do": "eat", "share": 0.98}, LONG)


# --- deaths -----------------------------------------------------------------------------------------------------


def test_a_crash_names_the_signal_and_the_last_words(child):
    with pytest.raises(Died) as caught:
        child.ask({"do": "crash"}, LONG)
    assert str(caught.value) == "its process was killed by SIGSEGV: about to fall"


def test_a_child_that_leaves_tells_its_code(child):
    with pytest.raises(Died, match=r"^its process exited with code 3$"):
        child.ask({"do": "leave", "message": 3}, LONG)


def test_a_child_that_hangs_is_killed_and_said_to_be_too_slow(child):
    heard = []
    with pytest.raises(TooSlow, match=r"^no answer within 1 s$"):
        child.ask({"do": "hang"}, 1, heard.append)
    assert gone(child.pid)


def test_a_dead_child_is_dead_for_every_later_request(child):
    child.kill()
    for _ in range(2):
        with pytest.raises(Died, match=r"^its process was killed by SIGKILL$"):
            child.ask({"do": "tell"}, LONG)


def test_leaving_the_block_of_a_child_that_died_keeps_the_reason():
    def ask_the_dead():
        with Child([sys.executable, SCRIPT], environment(1)) as child:
            child.kill()
            child.ask({"do": "tell"}, LONG)

    with pytest.raises(Died, match="SIGKILL"):
        ask_the_dead()


def test_a_child_that_is_no_dlas_program_says_why():
    with (
        pytest.raises(Died, match="No module named no_such_module"),
        Child([sys.executable, "-m", "no_such_module"], environment(1)) as child,
    ):
        child.ask({"do": "tell"}, LONG)


def test_a_closed_child_is_gone():
    with Child([sys.executable, SCRIPT], environment(1)) as child:
        child.ask({"do": "tell"}, LONG)
    assert gone(child.pid)


PARENT = """
import sys
from dlas.process import Child, environment
child = Child([sys.executable, sys.argv[1]], environment(1))
child.ask({"do": "hang"}, 600, lambda progress: print(child.pid, flush=True))
"""


def test_a_busy_child_dies_when_its_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT, SCRIPT], stdout=subprocess.PIPE)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    assert gone(pid)


def test_a_child_of_a_child_gets_no_more_memory_than_its_parent_may_have():
    code = (
        "import resource, sys; from dlas.process import Child, environment;"
        "resource.setrlimit(resource.RLIMIT_DATA, (1 << 31, 1 << 31));"
        "Child((sys.executable, '-c', ''), environment(1)).close()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- its end ----------------------------------------------------------------------------------------------------


def test_what_was_registered_for_the_exit_is_done_and_nothing_is_torn_down(tmp_path):
    with Child([sys.executable, SCRIPT], environment(1)) as child:
        child.ask({"do": "register", "file": str(tmp_path / "exit")}, LONG)
        pid = child.pid
    assert (tmp_path / "exit").read_text() == "done"
    assert gone(pid)
