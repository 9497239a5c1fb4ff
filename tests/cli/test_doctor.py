"""What `dlas doctor` prints of a diagnosis that is known."""

import json
import sys
from dataclasses import replace

import pytest
from healthy import AROUND, HEALTHY, RUNTIMES

from dlas.cli import app, doctor
from dlas.measure.diagnosis import QUICK, THOROUGH
from dlas.measure.runtimes import Runtime
from dlas.measure.statistics import Interval
from dlas.measure.surroundings import Throttling

TEXT = """\
processor      Toy CPU (x86_64), 2 of 2 processors usable
instructions   below avx2
caches         L1 data 32K
core siblings  1, the one measured on, shares its core with none
governor       performance
container      no processor quota, no memory limit
throttled      0 times, 0.0 s since the container began; 0 times meanwhile
priority       the highest while measuring
load           0.50, 0.25, 0.12 over 1, 5, 15 min; 0.25 a processor before this run
threads        asked for 1: openvino 1.0 1, onnxruntime 2.0 1, torch not installed
noise floor    ±0.5%; a kernel takes 1.001 [0.996, 1.006] times as long as itself (3 fresh processes, 3 s a cell, 95 %)
undisturbed    88% of 9000 repetitions, without an involuntary context switch
kernel drift   1.2% between the slowest and the fastest third of a process
arithmetic     92.1 GFLOP/s float32, one thread (toyblas 1.0, best of many)
memory         18.8 GB/s read + written, one thread (copy of 128 MiB; a write's own fetch is not counted)

advice
  nothing to change
"""


@pytest.fixture
def dlas(monkeypatch, capsys):
    """Runs `dlas doctor` on a diagnosis made by hand; returns exit code, output, errors and the effort asked for."""
    efforts = []

    def diagnose(effort, tell):
        efforts.append(effort)
        tell("looking")
        return HEALTHY

    def run(*arguments):
        monkeypatch.setattr(doctor, "diagnose", diagnose)
        monkeypatch.setattr(sys, "argv", ["dlas", "doctor", *arguments])
        with pytest.raises(SystemExit) as end:
            app.main()
        said = capsys.readouterr()
        return end.value.code or 0, said.out, said.err, efforts

    return run


def test_the_text_in_full(dlas):
    assert dlas() == (0, TEXT, "measuring 0/6: looking\n", [THOROUGH])


def test_quick_and_quiet(dlas):
    assert dlas("--quick", "--quiet") == (0, TEXT, "", [QUICK])


def test_json_has_flat_keys_and_the_same_facts(dlas):
    found = json.loads(dlas("--format", "json")[1])
    assert not any(isinstance(value, dict) for value in found.values())
    assert (found["cpu"], found["cores_usable"], found["governor"]) == ("Toy CPU", 2, "performance")
    assert (found["threads_onnxruntime"], found["version_onnxruntime"], found["version_torch"]) == (1, "2.0", None)
    assert found["noise_floor"] == pytest.approx(0.005, rel=1e-2)
    assert found["aa_ratio_low"] < found["aa_ratio"] < found["aa_ratio_high"]
    assert (found["float32_gflops"], found["bandwidth_gbytes_per_second"]) == (92.13, 18.77)
    assert (found["load_1min"], found["load_15min"]) == (0.5, 0.125)
    assert found["advice"] == ["nothing to change"]


def test_an_unknown_format_is_refused_before_anything_is_measured(dlas):
    said = "dlas: --format xml is unknown; choose one of text, json\n"
    assert dlas("--format", "xml") == (2, "", said, [])


def test_limits_siblings_and_a_silent_runtime_are_told():
    around = replace(
        AROUND,
        governor=None,
        siblings=(1, 65),
        quota=1.5,
        memory_limit=2**32,
        throttling=Throttling(7, 1.25),
        outranks=False,
    )
    silent = (*RUNTIMES[:1], Runtime("torch", "2.9", problem="out of memory"))
    lines = doctor.text(replace(HEALTHY, surroundings=around, runtimes=silent, throttled=2)).splitlines()
    facts = dict(line.split("  ", 1) for line in lines[:10])
    assert facts["core siblings"].endswith("shares its core with 65")
    assert facts["governor"].strip() == "not told by this host"
    assert facts["container"].strip() == "at most 1.5 cores, at most 4.0 GiB"
    assert facts["throttled"].strip() == "7 times, 1.2 s since the container began; 2 times meanwhile"
    assert facts["priority"].strip() == "as all others: this user may not raise it"
    assert facts["threads"].strip() == "asked for 1: openvino 1.0 1, torch 2.9 not told"
    assert lines[-3].startswith("  the container sees 2 cores")


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (Interval(1.0, 0.94, 1.06), "1.00 [0.94, 1.06]"),
        (Interval(1.0001, 0.9996, 1.0006), "1.0001 [0.9996, 1.0006]"),
        (Interval(1.0, 1.0, 1.0), "1.0000 [1.0000, 1.0000]"),
        (Interval(2.0, 1.0, 3.0), "2.0 [1.0, 3.0]"),
    ],
)
def test_a_ratio_has_no_more_digits_than_its_interval_allows(ratio, said):
    noise = replace(HEALTHY.noise, ratio=ratio)
    assert f"a kernel takes {said} times" in doctor.text(replace(HEALTHY, noise=noise))
