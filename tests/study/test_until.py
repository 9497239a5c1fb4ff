"""The most compressed variant that loses no more: which levels are tried, what is found, what is said."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas.artifacts import Store
from dlas.cube import study_of
from dlas.errors import StudyError
from dlas.study import spec, until
from dlas.study.progress import nobody

ASKED = "accuracy-drop=1pp"


def study(*options, **more):
    return spec.compose("toys", {}, {"compression": list(options), **more}, spec.Measure(), {})


def settle(monkeypatch, tmp_path, accuracy, composed, asked=ASKED):
    """Settle a study whose networks have the validation accuracy that a function of the level gives."""
    built = []

    def score(study, option, store, build):
        built.append(option)
        return accuracy(until._level(option) or 0.0)

    monkeypatch.setattr(until, "_accuracy", score)
    return until.settle(composed, asked, Store(tmp_path), 1, nobody), built


# --- bisection --------------------------------------------------------------------------------------------------


@given(st.integers(1, 200), st.data())
def test_bisection_finds_the_last_position_that_keeps_in_few_steps(count, data):
    last = data.draw(st.integers(-1, count - 1))
    tried = []
    found = until.bisect(count, lambda position: tried.append(position) or position <= last)
    assert found == (None if last < 0 else last)
    assert len(tried) == len(set(tried)) <= count.bit_length()


def test_a_range_gives_the_levels_and_the_highest_that_keeps_stands_beside_the_baseline(monkeypatch, tmp_path):
    found, built = settle(monkeypatch, tmp_path, lambda level: 0.99 - level / 50, study("weight-prune@0.1:0.9:0.1"))
    (part,) = found.parts
    assert part.vary["compression"] == ("none", "weight-prune@0.5")
    assert built == ["none", "weight-prune@0.5", "weight-prune@0.7", "weight-prune@0.6"]
    assert found.search["baseline"] == 0.99
    assert [visit["kept"] for visit in found.search["visits"]] == [True, False, False]


def test_a_loss_of_exactly_as_much_as_asked_is_permitted(monkeypatch, tmp_path):
    found, _ = settle(
        monkeypatch, tmp_path, lambda level: 0.98 - (0.01 if level else 0), study("weight-prune@0.5:0.9:0.2")
    )
    assert found.search["found"] == ("weight-prune@0.9",)


def test_a_single_level_stands_for_a_grid_of_hundredths(monkeypatch, tmp_path):
    found, built = settle(
        monkeypatch, tmp_path, lambda level: 0.99 - level / 10, study("channel-prune@0.5,align=1+int8")
    )
    assert found.parts[0].vary["compression"] == ("none", "channel-prune@0.1,align=1+int8")
    assert len(built) <= 8


def test_each_technique_is_settled_by_itself_and_what_has_no_level_stays(monkeypatch, tmp_path):
    composed = study(
        "weight-prune@0.5:0.9:0.2", "fp16", "ternary", "channel-prune@0.2:0.6:0.2", codegen=["openvino", "torch"]
    )
    found, _ = settle(monkeypatch, tmp_path, lambda level: 0.99 - level / 50, composed)
    assert found.parts[0].vary["compression"] == ("none", "weight-prune@0.5", "fp16", "ternary", "channel-prune@0.4")
    assert found.parts[0].vary["codegen"] == ("openvino", "torch")


# --- what cannot be ---------------------------------------------------------------------------------------------


def test_where_even_the_lowest_level_loses_more_the_study_stops_with_the_loss(monkeypatch, tmp_path):
    with pytest.raises(StudyError) as caught:
        settle(monkeypatch, tmp_path, lambda level: 0.9 - level, study("weight-prune@0.5:0.9:0.2"))
    lost = "even weight-prune@0.5 loses 50.0 pp on validation data"
    assert str(caught.value) == f"--until {ASKED}: {lost}; allow more, or try lower levels"


@pytest.mark.parametrize(
    "text", ["accuracy-drop=1", "accuracy-drop=-1pp", "accuracy-drop=100pp", "1pp", "", "latency=1ms"]
)
def test_anything_but_a_loss_in_points_is_refused_with_an_example(text):
    with pytest.raises(StudyError) as caught:
        until.limit(text)
    assert str(caught.value) == f"--until {text!r} is unknown; write for example --until accuracy-drop=1pp"


@pytest.mark.parametrize(
    ("text", "share"), [("accuracy-drop=1pp", 0.01), (" accuracy-drop=0.5pp ", 0.005), ("accuracy-drop=0pp", 0)]
)
def test_a_loss_is_read_as_a_share(text, share):
    assert until.limit(text) == share


def test_a_study_without_a_level_is_refused(monkeypatch, tmp_path):
    with pytest.raises(
        StudyError, match="--until needs a technique with a level, as in --layer compression=weight-prune"
    ):
        settle(monkeypatch, tmp_path, lambda level: 1.0, study("int8", "ternary@0.1"))


def test_two_models_have_two_baselines(monkeypatch, tmp_path):
    composed = study("weight-prune@0.5", model=["resnet8", "resnet20"])
    with pytest.raises(StudyError, match="vary model in a study of its own"):
        settle(monkeypatch, tmp_path, lambda level: 1.0, composed)


# --- what is said -----------------------------------------------------------------------------------------------


def test_the_levels_that_were_tried_are_told_and_survive_in_the_cube(monkeypatch, tmp_path):
    from handmade import cube_of, measured, stack

    found, _ = settle(monkeypatch, tmp_path, lambda level: 0.99 - level / 50, study("weight-prune@0.4:0.6:0.2"))
    search = json.loads(json.dumps(found.search))
    assert until.told(search) == [
        "until    accuracy-drop=1pp: weight-prune@0.4; baseline 99.0% on validation data",
        "         weight-prune@0.4  98.2%  loses no more",
        "         weight-prune@0.6  97.8%  loses more",
    ]
    cube = cube_of({stack(): measured()})
    cube.attrs["spec"] = json.dumps({**json.loads(cube.attrs["spec"]), "search": search})
    assert study_of(cube, {}).search == search
    assert until.told({}) == []


@pytest.mark.slow
def test_a_user_finds_how_far_the_digits_network_can_be_pruned(tmp_path):
    import os
    import subprocess
    import sys

    import dlas

    layer = "compression=weight-prune@0.3:0.9:0.3,finetune=0"
    limits = ["--budget", "300ms", "--margin", "20%", "--out", "pruned.nc"]
    command = [sys.executable, "-m", "dlas", "perturb", "--layer", layer, "--until", "accuracy-drop=2pp", *limits]
    environment = {**os.environ, "DLAS_STORE": str(tmp_path / "store")}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    search = json.loads(dlas.open_cube(Path(tmp_path / "pruned.nc")).attrs["spec"])["search"]
    assert "\n".join(until.told(search)) in ended.stdout
    kept = [v["level"] for v in search["visits"] if v["kept"]]
    lost = [v["level"] for v in search["visits"] if not v["kept"]]
    assert search["found"] == [f"weight-prune@{max(kept):g},finetune=0"]
    assert max(kept) < min(lost, default=1)
    cube = dlas.open_cube(Path(tmp_path / "pruned.nc"))
    assert cube["compression"].values.tolist() == ["none", *search["found"]]
