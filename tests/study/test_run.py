import random
import sqlite3
import time

import pytest

import dlas
from dlas.artifacts import Store

MEASURED = {"ok", "unstable"}  # on a busy machine a measurement of milliseconds may be worth little
LEVELS = 'vary.codegen = ["toygen@1:{}:1"]'


def rows(journal, query):
    connection = sqlite3.connect(journal)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def cells(bench):
    return dlas.open_cube(bench.cube).dlas.frame().set_index("codegen")


def assert_complete(bench, count):
    """Every cell is there once, measured once, and every artifact is whole."""
    table = cells(bench)
    assert set(table["status"]) <= MEASURED
    assert len(table) == count
    assert table["relative_latency"].notna().all()
    runs = dict(rows(bench.journal, "select cell, count(*) from run where outcome != 'failed' group by cell"))
    baseline = rows(bench.journal, "select distinct baseline from block")
    measured_once = {key: number for key, number in runs.items() if key not in [b for (b,) in baseline]}
    measured_once.pop("reference-kernel")
    assert measured_once == dict.fromkeys(measured_once, 1)
    assert len(measured_once) == count - 1
    store = Store(bench.folder / "store")
    assert [artifact.key for artifact in store.artifacts() if artifact.damaged()] == []


def test_each_unique_step_is_built_once_and_nothing_again(bench):
    bench.write("[[part]]\n" + LEVELS.format(4))
    bench.run()
    codegens = [f"codegen {level} works" for level in range(1, 5)]
    assert sorted(bench.done()) == [*codegens, "dataset", "model"]
    assert_complete(bench, 4)
    runs = rows(bench.journal, "select count(*) from run")
    bench.run()
    assert len(bench.done()) == 6
    assert rows(bench.journal, "select count(*) from run") == runs


def test_a_tighter_margin_adds_runs_and_overwrites_nothing(bench):
    part = "[[part]]\n" + LEVELS.format(2)
    bench.write(part)
    bench.run()
    before = rows(bench.journal, "select id, samples from run order by id")
    bench.write(part, 'margin = "0.01%"\nbudget = "120ms"\nprocesses = 1')
    bench.run()
    after = rows(bench.journal, "select id, samples from run order by id")
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_what_misbehaves_costs_only_its_own_cells(bench):
    wrongs = {
        "build-segfault": ("failed", "killed by SIGSEGV"),
        "build-raise": ("failed", "RuntimeError: the toy compiler does not like this network"),
        "segfault": ("failed", "killed by SIGSEGV"),
        "memory": ("failed", "memory"),
        "hang": ("timeout", "no answer within 3 s"),
        "wrong": ("failed", "wrong numbers: relative error"),
        "threads": ("failed", "1 threads asked for, the runtime uses 2"),
        "bfloat16": ("failed", "the network is float32, the runtime computes in bfloat16"),
        "late-segfault": ("failed", "killed by SIGSEGV"),
    }
    options = ", ".join(f'"toygen@behaviour={wrong}"' for wrong in wrongs)
    bench.write(
        f'[[part]]\nvary.codegen = ["toygen@2", {options}]',
        'margin = "20%"\nbudget = "60ms"\nprocesses = 1\ntimeout = "3s"',
    )
    bench.run()
    table = cells(bench)
    assert {table.loc["toygen", "status"], table.loc["toygen@2", "status"]} <= MEASURED
    for wrong, (status, reason) in wrongs.items():
        cell = table.loc[f"toygen@behaviour={wrong}"]
        assert cell["status"] == status, cell["reason"]
        assert reason in cell["reason"]
    built = len(bench.done())
    bench.run()
    assert len(bench.done()) == built, "what failed is not tried again unless it is asked for"
    bench.run("--retry")
    assert len(bench.done()) > built


def test_a_hanging_build_is_ended_and_named(bench):
    bench.write('[build]\ntimeout = "2s"\n[[part]]\nvary.codegen = ["toygen@behaviour=build-hang"]')
    bench.run()
    cell = cells(bench).loc["toygen@behaviour=build-hang"]
    assert (cell["status"], cell["reason"]) == (
        "timeout",
        "building toygen@behaviour=build-hang: no answer within 2 s",
    )


def test_two_runs_of_the_same_study_at_once_share_the_work(bench):
    bench.write("[[part]]\n" + LEVELS.format(8))
    processes = [bench.start(), bench.start()]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert len(bench.done()) == len(set(bench.done()))
    assert_complete(bench, 8)


@pytest.mark.slow
def test_killed_at_twenty_random_moments_the_same_command_finishes_it(bench):
    bench.write("[[part]]\n" + LEVELS.format(24))
    moments = random.Random(1)
    for _ in range(20):
        process = bench.start()
        time.sleep(moments.uniform(0.2, 4))
        process.kill()
        process.communicate()
    bench.run()
    assert_complete(bench, 24)
    assert len(set(bench.done())) == 26


@pytest.mark.slow
def test_a_child_killed_while_it_is_measured_is_measured_again(bench):
    import psutil

    bench.write("[[part]]\n" + LEVELS.format(6), 'margin = "0.01%"\nbudget = "2s"\nprocesses = 2')
    process = bench.start()
    killed = 0
    while process.poll() is None and killed < 1:
        workers = psutil.Process(process.pid).children()
        if len(workers) == 7:  # the cells, the baseline among them, and the reference kernel
            time.sleep(1)
            workers[3].kill()
            killed += 1
        time.sleep(0.02)
    said, _ = process.communicate(timeout=120)
    assert killed == 1
    assert process.returncode == 0, said
    assert set(cells(bench)["status"]) <= MEASURED
