"""The journal: what is in it stays, whoever is killed; and how much is enough."""

import multiprocessing
import os
import signal
import sqlite3

import numpy as np
import pytest

from dlas.errors import CubeError
from dlas.measure.samples import Samples
from dlas.study.journal import VERSION, CellRow, Journal, RunRow

HOST, OTHER_HOST = "this-host", "other-host"
LONG = 60  # s until a test gives up; nothing waits that long
fork = multiprocessing.get_context("fork")

SAMPLES = Samples(np.array([0, 1]), np.array([0.5, 0.25]), np.array([0.5, 0.125]), np.array([0, 3]))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "demo.journal"


@pytest.fixture
def journal(path):
    opened = Journal(path)
    yield opened
    opened.close()


def begin(journal, host=HOST):
    """A session with one block; gives both."""
    session = journal.open_session("2024-02-29T12:00:00", host, {"cpu": "none"}, {"python": "3"}, 7)
    return session, journal.open_block(session, host, "baseline", 11)


def a_run(block, cell="a", outcome="margin", margin=0.02, budget=1.0, process=0):
    return RunRow(block, cell, process, outcome, margin, budget, {"clock": "ThreadClock"}, SAMPLES)


# --- what goes in comes out -------------------------------------------------------------------------------------


def test_a_run_comes_back_as_it_was_noted(journal):
    _, block = begin(journal)
    journal.note_runs([a_run(block, process=2, outcome="budget")])
    (found,) = journal.runs(HOST)
    assert (found.block, found.cell, found.process, found.outcome) == (block, "a", 2, "budget")
    assert (found.margin, found.budget, found.facts) == (0.02, 1.0, {"clock": "ThreadClock"})
    assert all(np.array_equal(getattr(found.samples, part), getattr(SAMPLES, part)) for part in vars(SAMPLES))


def test_it_is_there_when_the_journal_is_opened_again(journal, path):
    session, block = begin(journal)
    journal.note_cell(session, HOST, {"model": "resnet8"}, CellRow("a", "ok", "", {"size": 3}))
    journal.note_runs([a_run(block)])
    journal.close()
    again = Journal(path)
    assert again.cells(HOST) == {"a": CellRow("a", "ok", "", {"size": 3})}
    assert len(again.runs(HOST)) == 1
    assert again.baselines(HOST) == {block: "baseline"}
    again.close()


def test_sessions_tell_who_measured_where(journal):
    session, _ = begin(journal)
    assert journal.sessions() == [
        {
            "id": session,
            "started": "2024-02-29T12:00:00",
            "host": HOST,
            "host_facts": {"cpu": "none"},
            "environment": {"python": "3"},
            "seed": 7,
        }
    ]


def test_hosts_are_kept_apart(journal):
    (here, block), (there, other_block) = begin(journal), begin(journal, OTHER_HOST)
    journal.note_cell(here, HOST, {}, CellRow("a", "ok", "", None))
    journal.note_cell(there, OTHER_HOST, {}, CellRow("a", "failed", "it crashed", None))
    journal.note_runs([a_run(block), a_run(other_block), a_run(other_block)])
    assert [journal.cells(host)["a"].status for host in (HOST, OTHER_HOST)] == ["ok", "failed"]
    assert [len(journal.runs(host)) for host in (HOST, OTHER_HOST)] == [1, 2]
    assert [journal.enough(host, "baseline", 0.02, 1.0, alone=True) for host in (HOST, OTHER_HOST)] == [
        {"a": 1},
        {"a": 2},
    ]
    assert journal.baselines(OTHER_HOST) == {other_block: "baseline"}


def test_a_new_status_keeps_the_record_unless_it_brings_one(journal):
    session, _ = begin(journal)
    for row in (CellRow("a", "ok", "", {"size": 3}), CellRow("a", "failed", "it died", None)):
        journal.note_cell(session, HOST, {}, row)
    assert journal.cells(HOST)["a"] == CellRow("a", "failed", "it died", {"size": 3})
    journal.note_cell(session, HOST, {}, CellRow("a", "ok", "", {"size": 4}))
    assert journal.cells(HOST)["a"] == CellRow("a", "ok", "", {"size": 4})


def test_forgetting_failures_keeps_what_is_ok_and_what_was_not_named(journal):
    session, _ = begin(journal)
    for key, status in (("good", "ok"), ("bad", "failed"), ("slow", "timeout"), ("unnamed", "failed")):
        journal.note_cell(session, HOST, {}, CellRow(key, status, "", None))
    journal.forget_failures(HOST, ["good", "bad", "slow"])
    assert set(journal.cells(HOST)) == {"good", "unnamed"}


def test_failed_runs_are_kept_but_not_shown(journal, path):
    _, block = begin(journal)
    journal.note_runs([a_run(block, outcome="failed"), a_run(block)])
    assert [run.outcome for run in journal.runs(HOST)] == ["margin"]
    assert sqlite3.connect(path).execute("select count(*) from run").fetchone() == (2,)


# --- how much is enough -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "asked", "counts"),
    [
        ({"outcome": "margin", "margin": 0.02}, {"margin": 0.02, "budget": 1.0}, True),
        ({"outcome": "margin", "margin": 0.02}, {"margin": 0.05, "budget": 1.0}, True),
        ({"outcome": "margin", "margin": 0.02}, {"margin": 0.01, "budget": 1.0}, False),
        ({"outcome": "margin", "margin": 0.02}, {"margin": 0.02, "budget": 60.0}, True),
        ({"outcome": "margin", "margin": 0.02}, {"margin": 0.01, "budget": 0.1}, False),
        ({"outcome": "budget", "budget": 1.0}, {"margin": 0.02, "budget": 1.0}, True),
        ({"outcome": "budget", "budget": 1.0}, {"margin": 0.001, "budget": 1.0}, True),
        ({"outcome": "budget", "budget": 1.0}, {"margin": 0.02, "budget": 0.5}, True),
        ({"outcome": "budget", "budget": 1.0}, {"margin": 0.02, "budget": 2.0}, False),
        ({"outcome": "failed", "budget": 9.0, "margin": 0.001}, {"margin": 0.5, "budget": 1.0}, False),
    ],
)
def test_a_run_is_enough_if_it_met_the_margin_or_had_the_budget(journal, run, asked, counts):
    _, block = begin(journal)
    journal.note_runs([a_run(block, **run)])
    assert journal.enough(HOST, "baseline", **asked, alone=True) == ({"a": 1} if counts else {})


def test_a_tighter_margin_asks_for_more_and_overwrites_nothing(journal):
    _, block = begin(journal)
    journal.note_runs([a_run(block, process=process) for process in range(3)])
    assert journal.enough(HOST, "baseline", 0.02, 1.0, alone=True) == {"a": 3}
    assert journal.enough(HOST, "baseline", 0.01, 1.0, alone=True) == {}
    journal.note_runs([a_run(block, margin=0.01, process=process) for process in range(3)])
    assert journal.enough(HOST, "baseline", 0.01, 1.0, alone=True) == {"a": 3}
    assert journal.enough(HOST, "baseline", 0.02, 1.0, alone=True) == {"a": 6}


def test_each_cell_is_counted_for_itself(journal):
    _, block = begin(journal)
    journal.note_runs([a_run(block, "a"), a_run(block, "b"), a_run(block, "b")])
    assert journal.enough(HOST, "baseline", 0.02, 1.0, alone=True) == {"a": 1, "b": 2}


# --- who is killed ----------------------------------------------------------------------------------------------


def write_for_ever(path, said):
    journal = Journal(path)
    _, block = begin(journal)
    for number in range(10**9):
        journal.note_runs([a_run(block, f"{number}/{half}") for half in range(2)])
        said.send(number)


def half_a_transaction(path, said):
    journal = Journal(path)
    _, block = begin(journal)
    journal.note_runs([a_run(block, "whole")])
    with journal._transaction() as connection:
        connection.execute("update run set cell = 'half'")
        said.send("in the middle")
        signal.pause()


def started(target, path):
    heard, said = fork.Pipe(duplex=False)
    process = fork.Process(target=target, args=(path, said), daemon=True)
    process.start()
    return process, heard


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.join()


@pytest.mark.parametrize("batches", [1, 20, 70])
def test_kill_9_loses_nothing_that_was_noted_and_leaves_nothing_half(path, batches):
    process, heard = started(write_for_ever, path)
    assert heard.poll(LONG)
    noted = [heard.recv() for _ in range(batches)]
    kill(process)
    journal = Journal(path)
    cells = [run.cell for run in journal.runs(HOST)]
    assert len(cells) % 2 == 0
    assert cells == [f"{number}/{half}" for number in range(len(cells) // 2) for half in range(2)]
    assert len(cells) >= 2 * len(noted)
    journal.close()
    assert sqlite3.connect(path).execute("pragma integrity_check").fetchone() == ("ok",)


def test_kill_9_in_the_middle_of_a_transaction_undoes_it_and_frees_the_file(path):
    process, heard = started(half_a_transaction, path)
    assert heard.poll(LONG)
    kill(process)
    journal = Journal(path)
    assert [run.cell for run in journal.runs(HOST)] == ["whole"]
    _, block = begin(journal)
    journal.note_runs([a_run(block)])
    assert [run.cell for run in journal.runs(HOST)] == ["whole", "a"]
    journal.close()


def test_runs_of_which_one_cannot_be_noted_are_not_noted_at_all(journal):
    _, block = begin(journal)
    with pytest.raises(CubeError, match="cannot be written"):
        journal.note_runs([a_run(block), a_run(None)])
    assert journal.runs(HOST) == []
    journal.note_runs([a_run(block)])
    assert len(journal.runs(HOST)) == 1


# --- several at once --------------------------------------------------------------------------------------------


def write_thirty(path, start, name):
    start.wait(LONG)
    journal = Journal(path)
    session, block = begin(journal)
    for number in range(30):
        journal.note_runs([a_run(block, f"{name}{number}")])
        journal.note_cell(session, HOST, {}, CellRow(f"{name}{number}", "ok", "", None))
    journal.close()


def test_two_writers_at_once_lose_nothing(path):
    Journal(path).close()
    start = fork.Barrier(2)
    writers = [fork.Process(target=write_thirty, args=(path, start, name)) for name in "xy"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(LONG)
    assert [writer.exitcode for writer in writers] == [0, 0]
    expected = {f"{name}{number}" for name in "xy" for number in range(30)}
    journal = Journal(path)
    assert {run.cell for run in journal.runs(HOST)} == set(journal.cells(HOST)) == expected
    assert len({session["id"] for session in journal.sessions()}) == 2
    journal.close()


def test_a_reader_sees_whole_batches_while_another_writes(path):
    process, heard = started(write_for_ever, path)
    assert heard.poll(LONG)
    reader = Journal(path)
    counts = [sum(reader.enough(HOST, "baseline", 0.02, 1.0, alone=True).values()) for _ in range(40)]
    kill(process)
    reader.close()
    assert counts == sorted(counts)
    assert all(count % 2 == 0 for count in counts)


# --- files that are no journal ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [VERSION + 1, 99])
def test_a_journal_of_a_newer_dlas_is_refused_and_left_alone(path, version):
    Journal(path).close()
    foreign = sqlite3.connect(path)
    foreign.execute(f"pragma user_version = {version}")
    foreign.close()
    with pytest.raises(CubeError) as problem:
        Journal(path)
    assert str(problem.value) == (
        f"{path} was written by another version of dlas (journal {version}); choose another --out"
    )
    assert sqlite3.connect(path).execute("pragma user_version").fetchone() == (version,)


def test_a_file_that_is_no_journal_is_refused_and_left_alone(path):
    path.write_bytes(b"a letter to my grandmother " * 100)
    with pytest.raises(CubeError) as problem:
        Journal(path)
    assert str(problem.value) == f"journal {path} cannot be used (file is not a database); choose another --out"
    assert path.read_bytes() == b"a letter to my grandmother " * 100


def test_a_folder_that_is_missing_is_told(tmp_path):
    path = tmp_path / "nowhere" / "demo.journal"
    with pytest.raises(CubeError) as problem:
        Journal(path)
    assert str(problem.value) == f"journal {path} cannot be used (unable to open database file); choose another --out"


def test_runs_beside_another_baseline_do_not_count(journal):
    _, block = begin(journal)
    journal.note_runs([a_run(block)])
    assert journal.enough(HOST, "baseline", 0.02, 1.0, alone=True) == {"a": 1}
    assert journal.enough(HOST, "another", 0.02, 1.0, alone=True) == {}


def test_runs_whose_baseline_died_count_only_where_nothing_is_to_be_compared(journal):
    _, block = begin(journal)
    _, other = begin(journal)
    beside = [a_run(block, "baseline", process=0), a_run(block, process=0)]
    journal.note_runs([*beside, a_run(block, process=1), a_run(other, process=0)])
    assert journal.enough(HOST, "baseline", 0.02, 1.0) == {"baseline": 1, "a": 1}
    assert journal.enough(HOST, "baseline", 0.02, 1.0, alone=True) == {"baseline": 1, "a": 3}


def test_a_baseline_that_failed_while_it_was_measured_is_none(journal):
    _, block = begin(journal)
    journal.note_runs([a_run(block, "baseline", outcome="failed"), a_run(block)])
    assert journal.enough(HOST, "baseline", 0.02, 1.0) == {}
