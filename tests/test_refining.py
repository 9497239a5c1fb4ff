"""The loop of `dlas refine`: more runs for the contenders alone, until nothing is open or the time is over."""

import pytest
from handmade import BASELINE, cube_of, interval, measured, stack

from dlas import api
from dlas.analysis.quantities import Z
from dlas.cube import save
from dlas.study.plan import journal_path

ONE, OTHER, SLOW = (stack(codegen=name) for name in ("onnxruntime", "torch", "tvm"))


def cube(half):
    """Two cells about as fast as each other, whose ratios are known to this half of a relative interval."""
    ratios = {BASELINE: 1.0, ONE: 0.50, OTHER: 0.51, SLOW: 0.9}
    return cube_of(
        {one: measured(ratio, 1 + half, **interval("accuracy_change", 0.0, 0.0, 0.0)) for one, ratio in ratios.items()}
    )


@pytest.fixture
def refine(tmp_path, monkeypatch):
    """Runs `refine` on a cube whose intervals shrink with every run; gives what was said and what was asked for."""
    asked = []

    def pretended(study, out, conduct):
        asked.append((conduct.more, tuple(conduct.only)))
        return cube(0.1 / (1 + sum(number for number, _ in asked)) ** 0.5)

    def run(minutes, seconds_a_look):
        save(cube(0.1), tmp_path / "cube.nc")
        journal_path(tmp_path / "cube.nc").touch()
        clock = iter(range(0, 10**6, seconds_a_look))
        monkeypatch.setattr(api, "run_study", pretended)
        said = api.refine(tmp_path / "cube.nc", "best", minutes, now=lambda: next(clock))
        return said, asked

    return run


def test_only_the_contenders_are_measured_again_and_the_runs_double(refine):
    said, asked = refine(minutes=10_000, seconds_a_look=1)
    assert said.startswith("decided after ")
    assert said.endswith(" min: best hangs on no comparison that is open")
    assert [number for number, _ in asked] == [2**i for i in range(len(asked))]
    assert {names for _, names in asked} == {("codegen=onnxruntime", "codegen=torch")}
    last = 0.1 / sum(number for number, _ in asked) ** 0.5
    assert last / Z * 3 > 0.01  # it stopped no later than the two could be told apart


def test_it_stops_when_the_time_is_over_and_names_what_is_open(refine):
    said, asked = refine(minutes=1, seconds_a_look=25)
    assert said == "not decided within 1 min: best still hangs on codegen=onnxruntime, codegen=torch"
    assert len(asked) == 2
