"""Comparing two cubes: a planted slowdown is found, an A/A pair stays silent, a shared factor is called what it is."""

import json
import re

import numpy as np
import pytest
from handmade import BASELINE, HOST, cube_of, interval, measured, plan_of, stack

from dlas.analysis import changes, gate
from dlas.analysis.compare import compare
from dlas.analysis.drift import reference_kernel
from dlas.cli import compare as command
from dlas.cube import from_journal, save
from dlas.errors import CubeError
from dlas.measure.samples import Samples
from dlas.measure.statistics import Interval, independent_difference
from dlas.study.journal import KERNEL, CellRow, Journal, RunRow

LEVELS = [stack(compression=f"weight-prune@{i / 100:g}") for i in range(2, 48, 2)]  # 23 cells beside the baseline
SLOWED = LEVELS[7]
NOISE = 0.007  # standard error of a cell's log latency


def drawn(seed, slowed=1.0, common=1.0, clock="cpu"):
    """A cube whose latencies are the truth times noise, with the intervals that this noise has."""
    generator = np.random.default_rng(seed)
    values = {}
    for one in (BASELINE, *LEVELS):
        truth = 1e-3 * common * (slowed if one == SLOWED else 1.0)
        latency = truth * float(np.exp(generator.normal(0, NOISE)))
        reach = float(np.exp(1.96 * NOISE))
        values[one] = {
            **measured(clock=clock),
            **interval("latency", latency, latency / reach, latency * reach),
        }
    return cube_of(values)


def standing(found):
    return [change.cell for change in found.changes if change.latency_stands]


# --- a planted slowdown, and none -------------------------------------------------------------------------------


def test_an_a_a_pair_stays_silent():
    """Of 60 pairs of equal cubes with 24 cells each 5 % may cry, give or take what 60 draws allow."""
    cries = sum(bool(standing(compare(drawn(seed), drawn(1000 + seed)))) for seed in range(60))
    assert cries <= 7


def test_a_slowdown_of_five_per_cent_is_found_where_it_was_planted():
    found = [standing(compare(drawn(seed), drawn(1000 + seed, slowed=1.05))) for seed in range(50)]
    name = SLOWED.difference(BASELINE)
    assert sum(name in cells for cells in found) >= 48
    assert sum(len(set(cells) - {name}) for cells in found) <= 10


def test_the_ratio_of_the_slowed_cell_is_recovered_with_an_interval_that_covers():
    covered = []
    for seed in range(50):
        found = compare(drawn(seed), drawn(1000 + seed, slowed=1.05))
        ratio = next(one.latency for one in found.changes if one.cell == SLOWED.difference(BASELINE))
        covered.append(ratio.low <= 1.05 <= ratio.high)
    assert sum(covered) >= 43


def test_a_cube_against_itself_has_no_change():
    found = compare(drawn(1), drawn(1))
    assert standing(found) == []
    assert {one.latency.value for one in found.changes} == {1.0}
    assert changes.rows(found) == []


# --- what all cells share ---------------------------------------------------------------------------------------


def test_a_common_factor_is_told_and_not_blamed_on_the_code():
    found = compare(drawn(1), drawn(2, common=1.2))
    said = changes.sentences(found)[-1]
    assert said.startswith("All cells together took 1.199 [1.195, 1.204] times as long. ")
    assert said.endswith("a factor that all cells share cannot be told apart from a slower machine.")


def test_the_reference_kernel_takes_the_machine_out():
    kernels = Interval(0.0, -0.004, 0.004), Interval(float(np.log(1.2)), float(np.log(1.195)), float(np.log(1.205)))
    found = compare(drawn(1), drawn(2, slowed=1.1, common=1.2), kernels)
    assert standing(found) == [SLOWED.difference(BASELINE)]
    assert found.kernel.value == pytest.approx(1.2)
    assert "this is taken out of every ratio" in changes.sentences(found)[-1]


def test_between_hosts_nothing_is_taken_out_and_the_hosts_are_named():
    other = drawn(2, common=2.0)
    other.attrs["hosts"] = json.dumps({"": {**json.loads(other.attrs["host"]), "cpu": "Big CPU"}})
    found = compare(drawn(1), other, (Interval(0, 0, 0), Interval(0.7, 0.7, 0.7)))
    assert found.kernel is None
    assert len(standing(found)) == 24
    assert changes.sentences(found)[-1].startswith("Two hosts: Toy CPU before, Big CPU after.")


def test_of_several_hosts_no_kernel_is_taken_out_and_each_is_looked_at_by_its_name():
    cube, kernels = drawn(1), (Interval(0, 0, 0), Interval(0.3, 0.3, 0.3))
    facts = json.loads(cube.attrs["host"])
    both = {"laptop": facts, "server": {**facts, "cpu": "Big CPU"}}
    two, changed = (
        cube.assign_attrs(hosts=json.dumps(hosts)) for hosts in (both, {**both, "server": {**facts, "cpu": "New CPU"}})
    )
    same, other = compare(two, two, kernels), compare(two, changed, kernels)
    assert (same.same_host, same.kernel, standing(same)) == (True, None, [])
    assert (other.same_host, other.hosts[1]) == (False, "Toy CPU and New CPU")


def test_the_ratio_that_all_share_is_known_no_better_than_the_kernel():
    kernels = Interval(0.0, -0.03, 0.03), Interval(0.0, -0.03, 0.03)
    found = compare(drawn(1), drawn(2), kernels)
    assert np.log(found.common.high / found.common.low) / 2 == pytest.approx(np.hypot(0.03, 0.03), rel=0.02)
    assert " times as long, beyond what the machine did. The reference kernel" in changes.sentences(found)[-1]


def test_no_ratio_mixes_clocks():
    found = compare(drawn(1), drawn(2, clock="wall, clean repetitions"))
    assert all(one.latency is None for one in found.changes)
    assert "24 without a latency by the same clock on both sides" in changes.sentences(found)[0]


def journalled(path, seed, machine=1.0, slowed=1.0):
    """A journal of three processes a cell and the reference kernel, and the cube that comes out of it."""
    generator = np.random.default_rng(seed)
    journal = Journal(path.with_suffix(".journal"))
    session = journal.open_session("2024-02-29T12:00:00", HOST.fingerprint, {"cpu": HOST.cpu}, {}, 1)
    plan = plan_of(*LEVELS[4:9])
    keys = {cell.key: 1e-3 * (slowed if cell.stack == SLOWED else 1.0) for cell in plan.cells} | {KERNEL: 5e-5}
    for cell in plan.cells:
        journal.note_cell(session, HOST.fingerprint, cell.stack.as_dict(), CellRow(cell.key, "ok", "", RECORD))
    block = journal.open_block(session, HOST.fingerprint, plan.baseline.key, 1)
    for process in range(3):
        runs = []
        for key, seconds in keys.items():
            level = seconds * machine * np.exp(generator.normal(0, 0.004))
            cpu = level * np.exp(generator.normal(0, 0.03, 150))
            runs.append(RunRow(block, key, process, "margin", 0.02, 1.0, FACTS, _samples(cpu)))
        journal.note_runs(runs)
    journal.close()
    save(from_journal(plan, path), path)
    return path


def _samples(cpu):
    return Samples(np.arange(len(cpu)), cpu, cpu, np.zeros(len(cpu), np.int64))


NUMBERS = ("parameters", "nonzeros", "macs", "size", "weights_size", "train_time", "build_time", "network_accuracy")
RECORD = {
    **dict.fromkeys(NUMBERS, 1.0),
    "compute_precision": "float32",
    "precision": "float32",
    "primitive_share": 1.0,
    "trained": False,
    "score": None,
}
FACTS = {
    "evidence": {"kernels": [], "threads": 1, "isa": "avx2"},
    "wall": False,
    "cold_start": 0.2,
    "call_overhead": 1e-5,
    "peak_memory": 1e6,
}


def test_from_journals_a_slower_machine_is_silent_and_a_slower_cell_is_found(tmp_path, capsys):
    before = journalled(tmp_path / "before.nc", 1)
    again = journalled(tmp_path / "again.nc", 2, machine=1.3)
    after = journalled(tmp_path / "after.nc", 3, machine=1.3, slowed=1.05)
    command.show(before, again, ["slower=3%"], "text")
    kernel = re.search(r"The reference kernel took (\S+) \[(\S+), (\S+)\] times", capsys.readouterr().out)
    assert float(kernel[2]) < 1.3 < float(kernel[3])
    with pytest.raises(command.typer.Exit) as end:
        command.show(before, after, ["slower=3%"], "text")
    assert end.value.exit_code == 1
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("limit broken")] == [said[-1]]
    assert SLOWED.difference(BASELINE) in said[-1]


def test_a_journal_without_the_kernel_gives_none(tmp_path):
    assert reference_kernel(tmp_path / "none.journal", HOST.fingerprint) is None
    assert not (tmp_path / "none.journal").exists()
    Journal(tmp_path / "empty.journal").close()
    assert reference_kernel(tmp_path / "empty.journal", HOST.fingerprint) is None


# --- accuracy, size, status -------------------------------------------------------------------------------------


def pair(**after):
    """One cell beside the baseline, changed in the second cube."""
    plain = {BASELINE: measured(), SLOWED: measured()}
    return cube_of(plain), cube_of({BASELINE: measured(), SLOWED: measured(**after)})


def the_change(found):
    return next(one for one in found.changes if one.cell == SLOWED.difference(BASELINE))


def test_a_lost_accuracy_stands_and_breaks_its_limit():
    found = compare(*pair(**interval("accuracy", 0.90, 0.88, 0.92)))
    assert the_change(found).accuracy_stands
    assert the_change(found).accuracy.value == pytest.approx(-0.08)
    broken = gate.breaches(found, gate.limits(["accuracy-drop=1pp"]))
    assert broken == [f"{SLOWED.difference(BASELINE)}: accuracy dropped by 8 pp, the limit is 1 pp"]


def test_an_accuracy_within_its_intervals_does_not_stand():
    assert not the_change(compare(*pair(**interval("accuracy", 0.975, 0.955, 0.987)))).accuracy_stands


def test_the_difference_of_two_intervals_takes_the_ends_that_face_each_other():
    """Newcombe (1998), example: 56/70 against 48/80, difference 0.2 with the interval 0.0524 to 0.3339."""
    first, second = Interval(0.8, 0.6918, 0.8769), Interval(0.6, 0.4904, 0.7004)
    found = independent_difference(first, second)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=2e-4)


@pytest.mark.parametrize(("size", "resized"), [(312_000.0, False), (313_000.0, False), (280_000.0, True)])
def test_a_size_changes_by_more_than_names_and_dates_do(size, resized):
    assert the_change(compare(*pair(size=size))).resized == resized


def test_a_cell_that_fails_now_breaks_status_with_its_reason():
    before, after = pair(status="failed", reason="wrong numbers")
    found = compare(before, after)
    assert gate.breaches(found, gate.limits(["status"])) == [
        f"{SLOWED.difference(BASELINE)}: was ok, is failed (wrong numbers)"
    ]
    assert gate.breaches(compare(after, before), gate.limits(["status"])) == []


def test_cells_of_one_side_only_are_named():
    before, after = cube_of({BASELINE: measured(), SLOWED: measured()}), cube_of({BASELINE: measured()})
    assert f"Only before: {SLOWED.difference(BASELINE)}." in changes.sentences(compare(before, after))


def test_cubes_without_a_common_cell_are_refused():
    other = cube_of({stack(model="resnet20"): measured()}, baseline=stack(model="resnet20"))
    with pytest.raises(CubeError, match="share no cell; compare cubes of the same study"):
        compare(cube_of({BASELINE: measured()}), other)


# --- words and limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["faster=3%", "slower", "slower=much", "accuracy-drop=x", ""])
def test_a_limit_that_is_none_is_told(text):
    with pytest.raises(CubeError, match="write slower=3%, accuracy-drop=1pp or status"):
        gate.limits([text])


def test_a_limit_finer_than_what_is_known_is_told():
    found = compare(drawn(1), drawn(2))
    assert gate.unseen(found, gate.limits(["slower=1%"])) == 24
    assert gate.unseen(found, gate.limits(["slower=3%"])) == 0
    assert gate.unseen(found, gate.limits([])) == 0


def test_the_verdicts_are_the_words_of_the_house():
    found = compare(drawn(1), drawn(2, slowed=1.2))
    words = {changes.word(one).partition(" within")[0] for one in found.changes}
    assert words <= {"faster", "slower", "the same", "inconclusive"}
    assert changes.word(the_change(found)) == "slower"


def test_markdown_is_a_table_of_what_changed():
    text = changes.markdown(compare(drawn(1), drawn(2, slowed=1.2)))
    lines = text.splitlines()
    assert lines[0] == "## Comparison"
    table = [line for line in lines if line.startswith("|")]
    assert table[1] == "| --- | --- | --- | --- | --- |"
    assert table[2].startswith("| compression=weight-prune@0.16 | 1.199 [1.176, 1.223]× slower | ")
    assert changes.markdown(compare(drawn(1), drawn(1))).endswith("Nothing changed beyond noise.")
