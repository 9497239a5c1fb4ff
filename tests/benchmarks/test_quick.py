import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SHARES = ("slower_share", "identical_different_share", "slower_ratio", "identical_ratio")


@pytest.mark.slow
def test_a_quick_benchmark_writes_its_figures_with_intervals(tmp_path):
    file = tmp_path / "figures.json"
    command = [sys.executable, BENCHMARKS / "slowdown.py", "--quick", "--json", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())
    assert set(figures) == {"processor", "date", "comparisons", "slowdown", "margin"} | {
        n + e for n in SHARES for e in ("", "_low", "_high")
    }
    assert all(figures[f"{n}_low"] <= figures[n] <= figures[f"{n}_high"] for n in SHARES)
    assert figures["slower_ratio"] > figures["identical_ratio"]
