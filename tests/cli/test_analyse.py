"""`dlas analyse`: findings in words, tables for programs, one sentence for what cannot be asked."""

import io
import json
import sys

import numpy as np
import pandas
import pytest
from handmade import cube_of, interval, measured, stack

from dlas.cli import app
from dlas.cube import save

RATIOS = {("none", "openvino"): 1.0, ("none", "torch"): 1.5, ("int8", "openvino"): 0.5, ("int8", "torch"): 2.0}
SURE = interval("accuracy_change", 0.0, -0.001, 0.001)


@pytest.fixture
def analyse(tmp_path, monkeypatch, capsys):
    """Runs `dlas analyse` on a cube of two compressions and two code generators; gives code, output and error."""

    def run(*arguments, ratios=RATIOS):
        values = {
            stack(compression=c, codegen=g): measured(ratio, 1.01, 1e-3 * ratio, macs=1e6, nonzeros=5e5, **SURE)
            for (c, g), ratio in ratios.items()
        }
        save(cube_of(values), tmp_path / "cube.nc")
        monkeypatch.setattr(sys, "argv", ["dlas", "analyse", str(tmp_path / "cube.nc"), *arguments])
        try:
            app.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_by_default_every_analysis_says_what_it_found(analyse):
    code, out, _ = analyse()
    assert code == 0
    assert "best          Best by latency with accuracy_change >= -1pp: compression=int8, 500 [490, 510] µs." in out
    assert "interactions  codegen" not in out
    assert "flips         Best codegen by latency" not in out
    told = [line.split(maxsplit=1)[0] for line in out.splitlines()]
    assert list(dict.fromkeys(told)) == [*("speedup", "best", "pareto", "effects", "interactions", "flips", "proxies")]
    assert "interactions  compression=int8 multiplies latency by 0.500 [0.493, 0.507]× with codegen=openvino" in out


def test_a_flip_is_told_in_plain_words(analyse):
    code, out, _ = analyse("--what", "flips")
    assert code == 0
    assert "flips  Best compression by latency: int8 with codegen=openvino; none with codegen=torch." in out or (
        "flips  Best compression by latency: none with codegen=torch; int8 with codegen=openvino." in out
    )


def test_json_has_findings_and_rows_and_nothing_that_is_no_json(analyse):
    code, out, _ = analyse("--what", "best", "--what", "effects", "--format", "json")
    assert code == 0
    told = json.loads(out, parse_constant=pytest.fail)  # NaN is no JSON
    assert list(told) == ["best", "effects"]
    assert told["best"]["rows"][0]["cell"] == "compression=int8"
    assert told["best"]["findings"][0].startswith("Best by latency")
    assert {row["term"] for row in told["effects"]["rows"]} >= {"compression", "codegen", "noise"}


def test_csv_is_one_table(analyse):
    code, out, _ = analyse("--what", "speedup", "--format", "csv")
    assert code == 0
    table = pandas.read_csv(io.StringIO(out))
    np.testing.assert_allclose(sorted(table["speedup"]), sorted(1 / ratio for ratio in RATIOS.values()))


def test_limits_and_objective_are_asked_for(analyse):
    code, out, _ = analyse("--what", "best", "--subject-to", "latency >= 0.8ms", "--format", "json")
    assert code == 0
    assert json.loads(out)["best"]["rows"][0]["cell"] == "baseline"


def test_without_limits_the_fastest_of_all_is_asked_for_and_what_is_misspelt_is_told_before_all(analyse):
    _, out, _ = analyse("--what", "best", "--subject-to", "none", "--format", "json")
    assert json.loads(out)["best"]["findings"][0].startswith("Best by latency: compression=int8")
    for wrong in (("--objective", "latncy"), ("--subject-to", "rubbish")):
        code, out, err = analyse(*wrong)
        assert (code, out) == (2, "")
        assert wrong[1] in err


def test_a_roofline_takes_the_peaks_that_are_given(analyse):
    code, out, _ = analyse("--what", "roofline", "--gflops", "50", "--bandwidth", "20")
    assert code == 0
    assert out.startswith("roofline  No cell can be placed under the roof")


def test_what_was_not_asked_for_by_name_may_have_nothing_to_say(analyse):
    alone = {("none", "openvino"): 1.0}
    code, out, _ = analyse(ratios=alone)
    assert code == 0
    assert "effects       not told: no layer varies among the cells that ended well; effects need two options" in out
    assert "flips         not told: fewer than two layers vary among the cells with latency" in out
    code, out, err = analyse("--what", "effects", ratios=alone)
    assert (code, out) == (2, "")
    assert err == "dlas: no layer varies among the cells that ended well; effects need two options or more\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--what", "magic"], "--what magic is unknown; choose of speedup, best, pareto, effects, interactions, "),
        (["--format", "xml"], "--format xml is unknown; choose one of text, json, csv"),
        (["--format", "csv"], "--format csv writes one table; name one analysis with --what"),
        (["--what", "best", "--subject-to", "fast"], "'fast' is no limit; write for example "),
        (["--what", "best", "--objective", "speed"], "'speed' cannot be analysed; choose one of latency, "),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(analyse, arguments, said):
    code, out, err = analyse(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"dlas: {said}")
    assert err.count("\n") == 1
