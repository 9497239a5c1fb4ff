"""Tuning: what is tried, what is kept, and that what was found once is not searched again."""

import json
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tvm")
pytest.importorskip("onnx")

from conv_chain import SPATIAL_PACK, TARGET, build, stored

from dlas import network
from dlas.errors import Inapplicable
from dlas.host import Host
from dlas.layers.codegen import Lowering
from dlas.layers.codegen.tvm import Tvm, importing
from dlas.layers.codegen.tvm.tuning import proposals, search, tuned
from dlas.layers.codegen.tvm.tuning.bench import Bench
from dlas.layers.codegen.tvm.tuning.tasks import Kernel, Source, works
from dlas.records import Record, Records
from dlas.registry import canonical
from dlas.stack import Stack
from dlas.tensorir.machine import machine

CSR = Lowering("dlas.layers.primitive.tvm.csr.CsrSpatialPack", {"threshold": 0.0})
HOST = Host("A CPU", "x86_64", ("avx2", "fma"), (), 2, None, 2**34)


def test_a_network_is_tuned_once_and_another_of_the_same_operators_not_at_all(tmp_path):
    first, second = stored(tmp_path, "first", 3, seed=0), stored(tmp_path, "second", 5, seed=1)
    facts = build(first, tmp_path / "out")
    records = Records(tmp_path)
    found = records.all()
    assert facts["tune_trials"] == len(found) >= 2 * 3
    assert len({record.key for record in found}) == 2, "with and without an activation"
    assert {record.status for record in found} == {"ok"}
    assert [record.ratio for record in found[:2]] == [1, 1], "the defaults, which come first"
    again = build(second, tmp_path / "again")
    assert Records(tmp_path).all() == found, "the second network has the same tasks"
    assert again["tune_trials"] == facts["tune_trials"]
    assert again["records"] == facts["records"]
    frozen = json.loads((tmp_path / "again" / tuned.FROZEN).read_text())
    assert [task["count"] for task in frozen["tasks"]] == [4, 1]
    assert frozen["tune_curve"][0] == [0, 1.0]
    assert {"network.so", "kernels.json", tuned.FROZEN} == {path.name for path in (tmp_path / "again").iterdir()}


@pytest.mark.slow
def test_sparse_kernels_are_tuned_too_and_keep_their_values(tmp_path):
    source = stored(tmp_path, "sparse", 1, seed=0)
    facts = build(source, tmp_path / "out", 4, CSR)
    found = Records(tmp_path).all()
    assert facts["tune_trials"] == 4
    assert {tuple(sorted(record.candidate)) for record in found} == {("height", "most")}
    assert {record.status for record in found} == {"ok"}


def run(library, images):
    import tvm
    from tvm.runtime.vm import VirtualMachine

    call = VirtualMachine(tvm.runtime.load_module(str(library)), tvm.cpu())["main"]
    return call(tvm.runtime.tensor(images)).numpy()


def test_what_is_kept_computes_what_the_network_computes_bit_for_bit_each_time(tmp_path):
    source = stored(tmp_path, "network", 2, seed=0)
    lowering, name = SPATIAL_PACK, source.file(network.ONNX)
    found, _ = works(Source(importing.read(name, 1), lowering.make(), machine("avx2"), "float32"), "SpatialPack", "")
    slowest = {site: work.site.candidates[-1] for work in found for site in work.sites}
    from dlas.layers.codegen.tvm import building
    from dlas.tensorir.choices import Picked

    images = np.random.default_rng(3).standard_normal((1, 16, 6, 6), dtype=np.float32)
    found_by = []
    for out in (tmp_path / "once", tmp_path / "twice"):
        out.mkdir()
        building.build(source, lowering.make(), TARGET, "default", out, Picked(slowest))
        found_by.append(run(out / "network.so", images))
    logits = found_by[0]
    assert (logits == found_by[1]).all()
    wanted = network.run(name, images, optimise=False)
    assert np.abs(logits - wanted).max() <= 1e-5 * np.abs(wanted).max()
    listed = json.loads((out / "kernels.json").read_text())["kernels"]
    shape = "{rows}x{columns}x{blocks}".format(**found[0].site.candidates[-1])
    assert listed[0]["implementation"] == f"spatial-pack {shape}"


@pytest.mark.slow
def test_metaschedule_proposes_and_its_best_trace_is_what_runs(tmp_path):
    source = stored(tmp_path, "network", 1, seed=0)
    facts = build(source, tmp_path / "out", 2, space="generic")
    found = [record for record in Records(tmp_path).all() if record.space == "generic"]
    assert [record.status for record in found] == ["ok", "ok"]
    assert facts["kept"] == "tuned"
    frozen = json.loads((tmp_path / "out" / tuned.FROZEN).read_text())["tasks"][0]["record"]
    assert frozen["space"] == "generic"
    assert frozen["ratio"] == min(record.ratio for record in found)
    again = build(source, tmp_path / "again", 2, space="generic")
    assert again["tune_trials"] == facts["tune_trials"], "nothing is tried twice"


@pytest.mark.slow
def test_both_spaces_get_half_of_the_trials_and_the_faster_record_is_kept(tmp_path):
    facts = build(stored(tmp_path, "network", 1, seed=0), tmp_path / "out", 4, space="both")
    found = Records(tmp_path).all()
    assert facts["tune_trials"] == 4
    assert Counter(record.space for record in found) == {"template": 2, "generic": 2}
    frozen = json.loads((tmp_path / "out" / tuned.FROZEN).read_text())["tasks"][0]["record"]
    assert frozen["ratio"] == min(record.ratio for record in found if record.status == "ok")


@pytest.mark.slow
def test_sparse_kernels_are_refused_by_metaschedule_and_keep_the_default(tmp_path):
    source = stored(tmp_path, "sparse", 1, seed=0)
    build(source, tmp_path / "out", 2, CSR, "generic")
    (refused,) = [record for record in Records(tmp_path).all() if record.space == "generic"]
    assert refused.status == "refused"
    assert refused.reason
    frozen = json.loads((tmp_path / "out" / tuned.FROZEN).read_text())["tasks"][0]["record"]
    assert frozen["space"] == "template"
    assert frozen["ratio"] == 1


def test_a_network_in_which_nothing_is_searched_is_refused(tmp_path):
    source = stored(tmp_path, "network", 1, seed=0)
    blocks = Lowering("dlas.layers.primitive.tvm.bsr.Bsr", {"threshold": 0.0})
    with pytest.raises(Inapplicable, match=r"^codegen tvm: Bsr has no kernel here whose schedule is searched; "):
        build(source, tmp_path / "out", lowering=blocks)
    assert Records(tmp_path).all() == []


# --- candidates that misbehave --------------------------------------------------------------------------------------

CHILD = """
import os, sys, time
from dlas import process
from dlas.errors import BuildFailed
turn = [0]
def answer(request, report):
    name = open(os.path.join(request["candidate"], "name")).read()
    if name == "crash": os.kill(os.getpid(), 11)
    if name == "hang": time.sleep(60)
    if name == "refuse": raise BuildFailed("no such loop")
    return {"off": 0.5 if name == "wrong" else 0.0, "seconds": 1e-3, "ratio": 0.9}
process.serve(answer)
"""


class Named(Kernel):
    """A kernel that is nothing but a name."""

    def save(self, folder):
        folder.mkdir(parents=True)
        (folder / "name").write_text(self.function)


def test_a_candidate_that_crashes_hangs_or_lies_costs_one_trial(tmp_path):
    with Bench("avx2", tmp_path, timeout=5, command=(sys.executable, "-c", CHILD)) as trying:
        tried = {
            name: trying.attempt("task", Named("default", {}), Named(name, {}))
            for name in ("good", "crash", "better", "hang", "refuse", "wrong", "last")
        }
    assert {name: outcome.status for name, outcome in tried.items()} == {
        "good": "ok",
        "crash": "crashed",
        "better": "ok",
        "hang": "timeout",
        "refuse": "refused",
        "wrong": "wrong",
        "last": "ok",
    }
    assert tried["crash"].reason == "its process was killed by SIGSEGV"
    assert tried["wrong"].reason == "relative error 0.5 against the default"
    assert tried["good"].cost > 0


# --- what is tried, what is kept ------------------------------------------------------------------------------------

SPACE = [{"rows": rows, "columns": columns} for rows in (1, 2, 4) for columns in (4, 8, 16)]


def tried(candidate, ratio=1.0, status="ok"):
    task = {"workload": "w", "target": "avx2", "primitive": "p", "versions": {}, "kernel": ""}
    return Record(task, "template", candidate, status, 1e-3 * ratio, ratio)


def test_the_default_comes_first_and_every_candidate_once():
    records = []
    while candidate := proposals.following(SPACE, records, "seed"):
        records.append(tried(candidate, 1 + len(records)))
    assert records[0].candidate == SPACE[0]
    assert len({proposals.spelled(record.candidate) for record in records}) == len(records) == len(SPACE)


def test_every_other_candidate_is_a_neighbour_of_the_best():
    records = [tried(SPACE[0], 1.0), tried(SPACE[8], 0.5)]
    neighbour = proposals.following(SPACE, records, "seed")
    assert neighbour in ({"rows": 2, "columns": 16}, {"rows": 4, "columns": 8})


def test_what_was_proposed_is_proposed_again_after_a_kill():
    records = [tried(SPACE[0]), tried(SPACE[3], 0.9, "crashed")]
    assert proposals.following(SPACE, records, "a") == proposals.following(SPACE, records, "a")


def test_trials_go_where_time_is_spent():
    assert search.shares([(1, 1e-3), (4, 1e-3), (1, 1e-6)], 10) == [6, 24, 2]
    assert sum(search.shares([(2, 1.0)], 7)) == 7
    assert search.shares([(1, 0.0)], 4) == [1], "of a kernel that never ran only the default is tried"


def test_only_a_faster_candidate_replaces_the_default():
    work = search.Work(None, (0,), search_site(SPACE))
    slower, faster = tried(SPACE[1], 1.1), tried(SPACE[2], 0.8)
    default, wrong = tried(SPACE[0], 1.0), tried(SPACE[3], 0.1, "wrong")
    assert search.chosen(work, [default, slower, wrong], "template") == default
    assert search.chosen(work, [default, slower, faster, wrong], "template") == faster
    assert search.chosen(work, [default, tried({"rows": 9, "columns": 9}, 0.2)], "template") == default, (
        "no longer offered"
    )
    assert search.chosen(work, [], "both") is None
    traced = replace(tried({"trace": "[]"}, 1.5), space="generic")
    assert search.chosen(work, [default, traced], "both") == default
    assert search.chosen(work, [default, traced], "generic") == traced, "what MetaSchedule found, though it is slower"
    assert search.chosen(work, [default, replace(traced, ratio=0.5)], "both").ratio == 0.5


def search_site(candidates):
    from dlas.tensorir.choices import Site

    return Site(tuple(candidates))


def test_parameters_of_the_search_belong_to_tuned_schedules():
    assert canonical("codegen", "tvm@schedule=tuned,trials=16,space=template") == "tvm@schedule=tuned"
    assert Tvm("tuned", 5).needs(Stack(codegen="tvm"), HOST) is None
    assert Tvm("default", 5).needs(Stack(codegen="tvm"), HOST) == (
        "codegen tvm: trials and space belong to schedule=tuned; leave them out, or write that too"
    )
    assert Tvm("tuned").exclusive
    assert not Tvm().exclusive


def test_a_search_is_not_for_a_device_elsewhere_though_it_is_of_this_architecture():
    elsewhere = Stack(codegen="tvm", hardware="rpc@box,architecture=x86_64")
    reason = "codegen tvm: a search times kernels on this processor; use schedule=default for another"
    assert Tvm("tuned").needs(elsewhere, HOST) == reason
    assert Tvm().needs(elsewhere, HOST) is None


def test_retuning_makes_tuned_executables_stale_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setenv("DLAS_STORE", str(tmp_path))
    assert Tvm("tuned").ingredients() == {}
    Records(tmp_path).retune()
    assert Tvm("tuned").ingredients() == {"generation": 1}
    assert Tvm().ingredients() == {}
