import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "cubes.py"


@pytest.mark.slow
def test_the_benchmark_of_large_cubes_writes_its_figures(tmp_path):
    file = tmp_path / "figures.json"
    done = subprocess.run([sys.executable, BENCHMARK, "--quick", "--json", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())
    for name in ("open_and_select", "pareto", "best", "effects"):
        assert figures[f"{name}_cpu_seconds"] > 0
    assert figures["cells"] == figures["effects_cells"] == 10_000
    assert 0 < figures["searched_bytes"] < 2e9
