"""`dlas records` and `dlas tune`: what they print, and what they refuse."""

import sys

import pytest

from dlas.cli import app
from dlas.records import Record, Records

TASK = {"workload": "w", "target": "avx2", "primitive": "SpatialPack", "versions": {}, "kernel": "1x16 16x3 1x16"}


@pytest.fixture
def dlas(tmp_path, monkeypatch, capsys, forget):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLAS_STORE", str(tmp_path / "store"))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dlas", *map(str, arguments)])
        try:
            app.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def filled(root):
    records = Records(root)
    records.add(Record(TASK, "template", {"rows": 1}, "ok", 2e-3, 1.0))
    records.add(Record(TASK, "template", {"rows": 2}, "ok", 1e-3, 0.5))
    records.add(Record(TASK, "template", {"rows": 3}, "crashed"))
    return records


def test_tasks_are_listed_with_their_best_trial(dlas, tmp_path):
    records = filled(tmp_path / "store")
    key = records.all()[0].key[:12]
    assert dlas("records", "list") == (
        0,
        f"{key}  SpatialPack avx2 1x16 16x3 1x16: 3 trials, best 0.500 of the default\n"
        f"3 records of 1 tasks in {records.path}\n",
    )


def test_records_travel_between_stores(dlas, tmp_path):
    filled(tmp_path / "other")
    file = tmp_path / "other" / "tuning" / "records.jsonl"
    assert dlas("records", "export", "out.jsonl") == (
        2,
        f"dlas: {tmp_path}/store/tuning/records.jsonl holds no records; `dlas tune` makes some\n",
    )
    assert dlas("records", "import", file)[1].startswith("3 of 3 lines were new; 3 records in ")
    assert dlas("records", "import", file)[1].startswith("0 of 3 lines were new; 3 records in ")
    assert dlas("records", "export", "out.jsonl") == (0, "3 records written to out.jsonl\n")
    assert (tmp_path / "out.jsonl").read_text() == file.read_text()


def test_damaged_records_are_told_and_dropped(dlas, tmp_path):
    records = filled(tmp_path / "store")
    records.path.write_text(records.path.read_text().replace('"rows": 2', '"rows": 9'))
    assert dlas("records", "verify") == (1, "damaged lines: 2\n")
    assert dlas("records", "verify", "--repair") == (0, "1 damaged lines dropped\n2 records are whole\n")
    assert dlas("records", "verify") == (0, "2 records are whole\n")


def test_a_study_that_tunes_nothing_is_refused(dlas, tmp_path):
    (tmp_path / "plain.toml").write_text('name = "plain"\n[[part]]\ndesign = "factorial"\nvary.codegen = ["tvm"]\n')
    assert dlas("tune", "plain.toml") == (2, 'dlas: plain: nothing is tuned; write codegen = "tvm@schedule=tuned"\n')
