"""From planted samples to figures: the truth is recovered, and only what was measured together is compared."""

import numpy as np
import pytest
from handmade import BASELINE, HOST, plan_of, stack

from dlas.measure.samples import Samples
from dlas.study.journal import CellRow, Journal, RunRow
from dlas.study.results import _of_artifacts, results

TORCH, INT8, PRUNED = stack(codegen="torch"), stack(compression="int8"), stack(compression="weight-prune@0.9")
OTHER_DATA = stack(dataset="fashion-mnist@fashion")
TWO_THREADS = stack(hardware="cpu@threads=2")
ROUNDS = 200
KERNELS = [{"operator": "a", "kind": "convolution", "implementation": "gemm_f32", "precision": "float32"}] * 2


class Bench:
    """A journal into which runs are planted; latencies in milliseconds of CPU time."""

    def __init__(self, path):
        self.journal = Journal(path)
        self._noise = np.random.default_rng(1)
        self._sessions = {}

    def block(self, baseline=BASELINE, host=HOST.fingerprint, plan_baseline=BASELINE):
        session = self.journal.open_session("2024-02-29T12:00:00", host, {"cpu": host}, {}, 1)
        self._sessions[session] = host
        self._session, self._host = session, host
        return self.journal.open_block(session, host, key(baseline, plan_baseline), 1)

    def cell(self, one, status="ok", reason="", plan_baseline=BASELINE, **record):
        row = CellRow(key(one, plan_baseline), status, reason, a_record(**record) if status == "ok" else None)
        self.journal.note_cell(self._session, self._host, one.as_dict(), row)

    def runs(self, block, milliseconds, process=0, noise=0.05, outcome="margin", **facts):
        """One set of processes: CPU milliseconds by stack, drifting together; wall time is three times that."""
        drift = np.exp(self._noise.normal(0, 0.3, ROUNDS))
        rows = []
        for one, level in milliseconds.items():
            cpu = level * 1e-3 * drift * np.exp(self._noise.normal(0, noise, ROUNDS))
            samples = Samples(np.arange(ROUNDS), 3 * cpu, cpu, np.zeros(ROUNDS, np.int64))
            known = {**FACTS, "wall": one == TWO_THREADS, **facts}
            rows.append(RunRow(block, key(one), process, outcome, 0.02, 1.0, known, samples))
        self.journal.note_runs(rows)


FACTS = {
    "evidence": {"kernels": KERNELS, "threads": 1, "isa": "avx2"},
    "wall": False,
    "cold_start": 0.2,
    "call_overhead": 1e-5,
    "peak_memory": 1e6,
}


def key(one, baseline=BASELINE):
    return f"key of {one.difference(baseline)}"


def a_record(right=18, images=20, **changes):
    score = {
        "images": list(range(images)),
        "labels": [1] * images,
        "predicted": [1] * right + [0] * (images - right),
        "agreement": 1.0,
        "quantised_agreement": None,
        "max_abs_error": 1e-6,
    }
    numbers = dict.fromkeys(("parameters", "nonzeros", "macs", "size", "weights_size", "train_time", "build_time"), 7.0)
    proven = {"network_accuracy": 0.9, "compute_precision": "float32", "primitive_share": 1.0}
    return {**numbers, **proven, "precision": "float32", "trained": True, "score": score, **changes}


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "planted.journal")
    yield made
    made.journal.close()


def relative(values):
    return tuple(values[name] for name in ("relative_latency", "relative_latency_low", "relative_latency_high"))


def test_what_a_search_cost_is_shown_and_its_curve_is_json():
    tuning = {
        "tune_trials": 3,
        "tune_time": 1.5,
        "tune_ratio": 0.8,
        "tune_payoff": 1e4,
        "tune_curve": [(0, 1.0), (2, 0.8)],
    }
    found = _of_artifacts(a_record(tuning=tuning))
    assert {name: found[name] for name in tuning} == {**tuning, "tune_curve": "[[0, 1.0], [2, 0.8]]"}
    assert not [name for name in _of_artifacts(a_record()) if name.startswith("tune")]


# --- ratios -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [1, 3])
def test_a_planted_ratio_is_recovered_with_an_interval_that_contains_it(bench, processes):
    block = bench.block()
    for process in range(processes):
        bench.runs(block, {BASELINE: 1.0, TORCH: 2.0}, process)
    for one in (BASELINE, TORCH):
        bench.cell(one)
    found = results(plan_of(TORCH), bench.journal)
    value, low, high = relative(found["codegen=torch"])
    assert low < 2.0 < high
    assert low < value < high
    assert high / low < 1.1
    assert found["codegen=torch"]["processes"] == processes
    assert found["codegen=torch"]["relative_latency_freedom"] == {1: 4, 3: 2}[processes]


def test_what_several_threads_differ_by_between_processes_is_not_lent_to_one(bench):
    block = bench.block()
    for process, wide in enumerate((0.7, 1.0, 1.4)):
        bench.runs(block, {BASELINE: 1.0, TORCH: 2.0 + 0.01 * process, TWO_THREADS: wide}, process)
    for one in (BASELINE, TORCH, TWO_THREADS):
        bench.cell(one)
    alone, beside = (results(plan_of(*cells), bench.journal) for cells in ((TORCH,), (TORCH, TWO_THREADS)))
    assert relative(beside["codegen=torch"]) == relative(alone["codegen=torch"])
    _, low, high = relative(beside[TWO_THREADS.difference(BASELINE)])
    assert high / low > 1.5


def test_the_baseline_is_exactly_one(bench):
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0, TORCH: 2.0})
    for one in (BASELINE, TORCH):
        bench.cell(one)
    assert relative(results(plan_of(TORCH), bench.journal)["baseline"]) == (1.0, 1.0, 1.0)


def test_each_block_is_paired_with_its_own_baseline_however_slow_the_host_was_then(bench):
    quiet, busy = bench.block(), bench.block()
    bench.runs(quiet, {BASELINE: 1.0, TORCH: 2.0})
    bench.runs(busy, {BASELINE: 5.0, INT8: 2.5})
    for one in (BASELINE, TORCH, INT8):
        bench.cell(one)
    found = results(plan_of(TORCH, INT8), bench.journal)
    assert found["codegen=torch"]["relative_latency"] == pytest.approx(2.0, rel=0.05)
    assert found["compression=int8"]["relative_latency"] == pytest.approx(0.5, rel=0.05)


def test_each_process_is_paired_with_the_baseline_of_the_same_set_of_processes(bench):
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0, TORCH: 2.0}, process=0)
    bench.runs(block, {BASELINE: 3.0, TORCH: 6.0}, process=1)
    for one in (BASELINE, TORCH):
        bench.cell(one)
    _, low, high = relative(results(plan_of(TORCH), bench.journal)["codegen=torch"])
    assert low < 2.0 < high
    assert high / low < 1.5, "unpaired, the two sets would differ by a factor of three"


def test_nothing_is_paired_with_a_process_that_had_no_baseline_beside_it(bench):
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0}, process=0)
    bench.runs(block, {TORCH: 2.0}, process=1)
    for one in (BASELINE, TORCH):
        bench.cell(one)
    found = results(plan_of(TORCH), bench.journal)["codegen=torch"]
    assert found["status"] == "ok"
    assert found["latency"] > 0
    assert "relative_latency" not in found


def test_nothing_is_paired_across_hosts(bench):
    here = bench.block()
    for one in (BASELINE, TORCH):
        bench.cell(one)
    bench.runs(here, {BASELINE: 1.0})
    there = bench.block(host="another")
    for one in (BASELINE, TORCH):
        bench.cell(one)
    bench.runs(there, {BASELINE: 1.0, TORCH: 2.0})
    found = results(plan_of(TORCH), bench.journal)
    assert (found["codegen=torch"]["status"], found["codegen=torch"]["reason"]) == ("missing", "not measured yet")
    assert "latency" not in found["codegen=torch"]
    assert found["baseline"]["processes"] == 1


def test_what_was_paired_with_another_baseline_is_not_said_to_be_over_this_one(bench):
    """The same journal after the baseline was changed with --set, or got a new key by an upgrade."""
    block = bench.block(baseline=TORCH)
    bench.runs(block, {BASELINE: 1.0, TORCH: 2.0, INT8: 0.25})
    for one in (BASELINE, TORCH, INT8):
        bench.cell(one)
    found = results(plan_of(TORCH, INT8), bench.journal)
    assert found["baseline"].get("relative_latency", 1.0) == 1.0
    assert found["compression=int8"].get("relative_latency", 0.25) == pytest.approx(0.25, rel=0.1)


# --- clocks -----------------------------------------------------------------------------------------------------


def test_wall_time_is_compared_where_one_side_has_more_threads(bench):
    """The wall clock says three times the CPU time on both sides, so mixed clocks would show a threefold ratio."""
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0, TWO_THREADS: 0.6, TORCH: 2.0})
    for one in (BASELINE, TWO_THREADS, TORCH):
        bench.cell(one)
    found = results(plan_of(TWO_THREADS, TORCH), bench.journal)
    assert found["hardware=cpu@threads=2"]["relative_latency"] == pytest.approx(0.6, rel=0.05)
    assert found["hardware=cpu@threads=2"]["clock"] == "wall"
    assert found["codegen=torch"]["clock"] == "wall, clean repetitions"


def test_wall_time_decides_where_cpu_time_tells_another_tale(bench):
    block = bench.block()
    generator = np.random.default_rng(3)
    rows = []
    for one, cpu, wall in ((BASELINE, 1e-3, 1e-3), (TWO_THREADS, 1.2e-3, 0.6e-3)):
        noise = np.exp(generator.normal(0, 0.02, ROUNDS))
        samples = Samples(np.arange(ROUNDS), wall * noise, cpu * noise, np.zeros(ROUNDS, np.int64))
        rows.append(RunRow(block, key(one), 0, "margin", 0.02, 1.0, {**FACTS, "wall": one == TWO_THREADS}, samples))
        bench.cell(one)
    bench.journal.note_runs(rows)
    found = results(plan_of(TWO_THREADS), bench.journal)["hardware=cpu@threads=2"]
    assert found["relative_latency"] == pytest.approx(0.6, rel=0.03)
    assert found["latency"] == pytest.approx(0.6e-3, rel=0.03)


def test_throughput_counts_the_images_of_a_batch(bench):
    batch = stack(hardware="cpu@batch=8")
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0, batch: 4.0})
    for one in (BASELINE, batch):
        bench.cell(one)
    found = results(plan_of(batch), bench.journal)["hardware=cpu@batch=8"]
    assert found["throughput"] * found["latency"] == pytest.approx(8)


def test_facts_of_several_processes_are_summed_up(bench):
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0}, 0, cold_start=0.1, peak_memory=5e6)
    bench.runs(block, {BASELINE: 1.0}, 1, cold_start=0.3, peak_memory=3e6, outcome="budget")
    bench.cell(BASELINE)
    found = results(plan_of(), bench.journal)["baseline"]
    assert found["cold_start"] == pytest.approx(0.2)
    assert found["peak_memory"] == 5e6
    assert found["stopped_by"] == "budget and margin"
    assert found["latency_p90"] < found["latency_p99"]


# --- accuracy ---------------------------------------------------------------------------------------------------


def test_accuracy_and_its_change_come_from_the_scored_images(bench):
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0, INT8: 1.0})
    bench.cell(BASELINE, right=18)
    bench.cell(INT8, right=15)
    found = results(plan_of(INT8), bench.journal)
    assert (found["baseline"]["accuracy"], found["baseline"]["accuracy_change"]) == (0.9, 0.0)
    assert found["compression=int8"]["accuracy"] == 0.75
    assert found["compression=int8"]["accuracy_change"] == pytest.approx(-0.15)
    assert found["compression=int8"]["accuracy_change_low"] < -0.15 < found["compression=int8"]["accuracy_change_high"]


def test_images_of_other_data_are_not_paired_by_their_numbers(bench):
    """Both are wrong on the images of the same numbers: paired, the two would seem to differ by nought for certain."""
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0, OTHER_DATA: 1.0})
    bench.cell(BASELINE, right=15)
    bench.cell(OTHER_DATA, right=15)
    found = results(plan_of(OTHER_DATA), bench.journal)[f"dataset={OTHER_DATA.dataset}"]
    low, high = (found[f"accuracy_change_{end}"] for end in ("low", "high"))
    assert found["accuracy_change"] == 0.0
    assert (low, high) == (
        pytest.approx(-high),
        pytest.approx(np.hypot(0.75 - found["accuracy_low"], found["accuracy_high"] - 0.75)),
    )


def test_scores_on_other_images_of_the_same_data_are_compared_unpaired(bench):
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0, INT8: 1.0})
    bench.cell(BASELINE, right=18)
    score = a_record(right=15)["score"]
    bench.cell(INT8, score={**score, "images": list(range(100, 120))})
    found = results(plan_of(INT8), bench.journal)["compression=int8"]
    assert found["accuracy_change"] == pytest.approx(-0.15)
    assert found["accuracy_change_low"] < -0.15 < found["accuracy_change_high"]


def test_a_score_of_an_older_dlas_that_knew_no_quantised_agreement_is_read(bench):
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0})
    score = a_record()["score"]
    del score["quantised_agreement"]
    bench.cell(BASELINE, score=score)
    found = results(plan_of(), bench.journal)["baseline"]
    assert (found["agreement"], found["quantised_agreement"]) == (1.0, None)


def test_an_untrained_network_has_no_accuracy_but_its_agreement(bench):
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0})
    bench.cell(BASELINE, trained=False)
    found = results(plan_of(), bench.journal)["baseline"]
    assert "accuracy" not in found
    assert found["agreement"] == 1.0


# --- statuses and remarks ---------------------------------------------------------------------------------------


def test_every_planned_cell_has_a_status_and_only_what_is_ok_has_a_latency(bench):
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0, PRUNED: 1.0})
    bench.cell(BASELINE)
    bench.cell(PRUNED, "timeout", "no answer within 3 s")
    bench.cell(INT8)
    plan = plan_of(TORCH, INT8, PRUNED, TWO_THREADS, obstacles={"hardware=cpu@threads=2": "too many threads"})
    found = results(plan, bench.journal)
    assert {label: values["status"] for label, values in found.items()} == {
        "baseline": "ok",
        "codegen=torch": "missing",
        "compression=int8": "missing",
        "compression=weight-prune@0.9": "timeout",
        "hardware=cpu@threads=2": "inapplicable",
    }
    assert [label for label, values in found.items() if "latency" in values] == ["baseline"]
    assert found["hardware=cpu@threads=2"]["reason"] == "too many threads"
    assert found["compression=int8"]["size"] == 7.0, "what is known of the artifact is told already"


@pytest.mark.parametrize(
    ("milliseconds", "said"), [(1.0, "all 2 convolutions ran dense: zeros bring no speed"), (0.4, "")]
)
def test_zeros_that_bring_no_speed_are_remarked(bench, milliseconds, said):
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0, PRUNED: milliseconds})
    bench.cell(BASELINE)
    bench.cell(PRUNED, parameters=100, nonzeros=10)
    found = results(plan_of(PRUNED), bench.journal)
    assert found["compression=weight-prune@0.9"]["remark"] == said
    assert found["baseline"]["remark"] == ""


def test_a_compressed_cell_is_judged_beside_the_same_stack_without_compression(bench):
    """Pruned in torch it is slower than the baseline, yet much faster than torch alone."""
    both = stack(codegen="torch", compression="weight-prune@0.9")
    block = bench.block()
    bench.runs(block, {BASELINE: 1.0, TORCH: 4.0, both: 2.0})
    for one, nonzeros in ((BASELINE, 100), (TORCH, 100), (both, 10)):
        bench.cell(one, parameters=100, nonzeros=nonzeros)
    found = results(plan_of(TORCH, both), bench.journal)
    assert found["compression=weight-prune@0.9 codegen=torch"]["remark"] == ""
