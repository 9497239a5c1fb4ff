"""What stands in the page: words, thinning, the study that makes it again; the browser's part is tested beside."""

import json
import math
import re
import tomllib
from base64 import b64encode
from datetime import date
from hashlib import sha256
from html import unescape

import pytest
from handmade import cube_of, interval, measured, plan_of, stack
from large import thousand

from dlas.cube import build, frame, open_cube
from dlas.errors import CubeError
from dlas.report import page, reproduce, thin
from dlas.report.summary import summary
from dlas.study import reading

PRUNED, INT8, TORCH = stack(compression="weight-prune@0.9"), stack(compression="int8"), stack(codegen="torch")


def scored(change, low, high):
    return interval("accuracy_change", change, low, high)


@pytest.fixture
def cube():
    return cube_of(
        {
            stack(): measured(size=400_000.0, processes=3),
            PRUNED: measured(
                0.99,
                1.02,
                **scored(-0.05, -0.07, -0.03),
                verdict="inconclusive",
                remark="zeros bring no speed",
                processes=3,
            ),
            INT8: measured(0.5, 1.01, **scored(-0.001, -0.005, 0.003), verdict="faster", size=100_000.0, processes=3),
            TORCH: measured(2.0, 1.05, **scored(0.0, 0.0, 0.0), verdict="slower", processes=1),
        }
    )


# --- summary ----------------------------------------------------------------------------------------------------


def test_the_summary_says_what_was_varied_and_where(cube):
    assert list(summary(cube).study) == [
        "Varied: compression (3 options: none, weight-prune@0.9, int8); codegen (2 options: openvino, torch).",
        "Everything is compared with the baseline: dataset digits, model resnet8, compression none, primitive native, "
        "codegen openvino, hardware cpu.",
        "Measured on Toy CPU (x86_64, 2 usable cores).",
    ]


def test_the_findings_carry_their_intervals(cube):
    found = summary(cube).findings
    assert found[0] == "The fastest cell is compression=int8: 2.000 [1.980, 2.020] times as fast as the baseline."
    assert found[1] == (
        "Of those that certainly keep their accuracy within 1 pp, the fastest is compression=int8: "
        "2.000 [1.980, 2.020] times as fast as the baseline, accuracy changed by -0.1 [-0.5, 0.3] pp."
    )
    assert (
        "Most accuracy lost compression=weight-prune@0.9: -5.0 [-7.0, -3.0] pp; 1 of 3 cells certainly lost some."
        in found
    )
    assert len(found) == 5


def test_what_is_not_certain_is_said(cube):
    doubts = summary(cube).doubts
    assert doubts[0] == "How codegen changes the effect of compression cannot be told: no cells vary both."
    assert "1 of 3 comparisons are inconclusive." in doubts
    assert "1 of 3 ratios are known less well than the ±2.0% that was asked for." in doubts


def test_a_winner_that_cannot_be_told_from_the_next_is_told():
    close = cube_of({stack(): measured(), INT8: measured(0.50, 1.05), TORCH: measured(0.51, 1.05)})
    assert (
        summary(close)
        .findings[0]
        .endswith("It is not certainly the fastest: the interval of codegen=torch overlaps with its own.")
    )


def test_a_cube_of_which_nothing_was_measured_gives_a_page_that_says_so():
    plan = plan_of(PRUNED, TORCH)
    empty = build(plan, {cell.label: {"status": "missing", "reason": "not measured yet"} for cell in plan.cells}, [])
    text = page.html(empty)
    assert "Nothing has been measured yet" in text
    assert "Without figures: 3 missing." in text


# --- the page ---------------------------------------------------------------------------------------------------


def test_it_names_no_address_that_a_browser_would_fetch(cube):
    text = page.html(cube)
    assert "default-src 'none'" in unescape(text)
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    assert re.findall(r'(?:src|href|srcset|action)="(?!#|data:,)[^"]*"', own) == []
    assert "unsafe-eval" not in own


def test_the_data_in_the_page_are_strict_json_without_tags(cube):
    data = re.search(r'id="data">(.*?)</script>', page.html(cube), re.S)[1]
    assert "<" not in data
    facts = json.loads(data, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert facts["cells"]["cell"] == ["baseline", "codegen=torch", "compression=weight-prune@0.9", "compression=int8"]
    assert facts["cells"]["relative_latency"] == [1.0, 2.0, 0.99, 0.5]
    shared = [chart["spec"]["data"]["name"] for chart in facts["charts"] if "data" in chart["spec"]]
    assert len(set(shared)) <= 1, "all charts share one table"


def test_no_script_in_the_page_can_end_its_own_element(cube, monkeypatch):
    import vl_convert

    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda **_: 'const ends = "</script></Script>";')
    text, embedded = unescape(page.html(cube)), 'const ends = "<\\/script><\\/Script>";'
    assert f"<script>{embedded}</script>" in text
    assert f"'sha256-{b64encode(sha256(embedded.encode()).digest()).decode()}'" in text


def test_a_page_that_cannot_be_written_is_told(cube, tmp_path):
    with pytest.raises(CubeError, match=r"report .* cannot be written .*; choose another -o"):
        page.write(cube, tmp_path / "none" / "report.html")


# --- thinning ---------------------------------------------------------------------------------------------------


def test_a_larger_cube_is_thinned_and_the_page_says_so(monkeypatch):
    monkeypatch.setattr(thin, "MOST", 40)
    cube = thousand(compressions=("none", "int8", "weight-prune@0.5"))
    kept, count = thin.thinned(cube)
    table = frame(kept)
    assert (count, len(table)) == (120, 40)
    assert table["latency"].min() == frame(cube)["latency"].min()
    assert table["accuracy"].max() == frame(cube)["accuracy"].max()
    assert dict(table.iloc[0][["compression", "codegen", "hardware"]]) == {
        "compression": "none",
        "codegen": "openvino",
        "hardware": "cpu",
    }
    assert "120 cells; the page keeps 40 of them" in page.html(cube)


def test_thinning_leaves_the_cube_alone(monkeypatch):
    monkeypatch.setattr(thin, "MOST", 10)
    cube = thousand(compressions=("none",))
    before = cube.copy(deep=True)
    thin.thinned(cube)
    assert cube.identical(before)


def test_a_cube_that_fits_is_not_thinned(cube):
    assert thin.thinned(cube)[0] is cube


# --- how to reproduce -------------------------------------------------------------------------------------------


def test_the_study_in_the_page_is_the_study_of_the_cube(cube, tmp_path):
    file = tmp_path / "by-hand.toml"
    file.write_text(reproduce.study_toml(cube))
    study = reading.read(file, {})
    spec = json.loads(cube.attrs["spec"])
    assert study.name == spec["name"]
    assert study.baseline.as_dict() == spec["baseline"]
    assert [dict(part.vary) for part in study.parts] == [
        {layer: tuple(options) for layer, options in part["vary"].items()} for part in spec["parts"]
    ]
    assert vars(study.measure) == spec["measure"]
    assert study.build_timeout == spec["build_timeout"]


def test_what_a_part_sets_is_in_the_study_of_the_page(cube, tmp_path):
    spec = json.loads(cube.attrs["spec"])
    spec["parts"][0]["set"] = {"codegen": "tvm"}
    cube.attrs["spec"] = json.dumps(spec)
    file = tmp_path / "by-hand.toml"
    file.write_text(reproduce.study_toml(cube))
    assert reading.read(file, {}).parts[0].set == {"codegen": "tvm"}


def test_a_name_with_quotes_is_still_toml(cube):
    cube.attrs["spec"] = cube.attrs["spec"].replace("by-hand", 'a \\"b\\" \\\\ ü')
    assert tomllib.loads(reproduce.study_toml(cube))["name"] == 'a "b" \\ ü'


def test_the_environment_names_host_and_packages(pytestconfig):
    facts = dict(reproduce.environment(open_cube(pytestconfig.rootpath / "artifacts/reference/demo.nc")))
    assert facts["processor"].startswith("AMD EPYC")
    assert facts["openvino"] == "2026.4.1"
    assert date.fromisoformat(facts["measured on"])


def test_numbers_are_shortened_and_no_number_is_null():
    from dlas.report.charts import shortened

    assert shortened(0.123456789) == 0.123457
    assert shortened(math.nan) is None
    assert shortened(math.inf) is None
    assert shortened("text") == "text"
