"""The report in a real browser: no error, no request, filters, keyboard, screen reader, phone, print."""

import csv
import io
import json

import pytest
from handmade import cube_of, measured, stack
from large import thousand

from dlas.cube import open_cube
from dlas.report import page
from dlas.report.charts import figures
from dlas.report.thin import MOST

DEMO = "artifacts/reference/demo.nc"
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</script><b>x", "{{ 7 * 7 }}", "a&b'c\"d")


@pytest.fixture(scope="session")
def demo(tmp_path_factory, pytestconfig):
    """The report of the committed cube."""
    file = tmp_path_factory.mktemp("demo") / "demo.html"
    page.write(open_cube(pytestconfig.rootpath / DEMO), file)
    return file


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """The report of a cube with as many cells as a page keeps."""
    file = tmp_path_factory.mktemp("large") / "large.html"
    page.write(thousand(), file)
    return file


def box(opened, option):
    return opened.page.locator(f'#filter input[value="{option}"]')


def expect_marks(opened, chart, kind, count):
    """Wait until a chart has so many marks of a kind."""
    from playwright.sync_api import expect

    expect(opened.page.locator(f"{chart} svg .mark-{kind}.role-mark path")).to_have_count(count)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_loads_without_an_error_and_asks_for_nothing_but_itself(demo, browse, scheme, pytestconfig):
    opened = browse(demo, color_scheme=scheme)
    opened.draw_all()
    drawn = figures(open_cube(pytestconfig.rootpath / DEMO))
    assert opened.page.locator("figure svg").count() == len(drawn)
    assert opened.errors == []
    assert opened.requests == [demo.as_uri()]


def test_the_policy_forbids_to_fetch_and_to_run_other_scripts(demo, browse):
    opened = browse(demo)
    said = opened.page.evaluate("fetch('data:text/plain,x').then(() => 'fetched', () => 'refused')")
    assert said == "refused"
    opened.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
    )
    assert opened.page.evaluate("window.ran") is None


def test_choosing_an_option_filters_the_table_and_every_chart(demo, browse):
    opened = browse(demo)
    opened.draw_all()
    everything = len(opened.shown())
    box(opened, "int8").check()
    box(opened, "onnxruntime").check()
    assert [" ".join(name.split()) for name in opened.shown()] == ["compression=int8 codegen=onnxruntime"]
    assert opened.page.locator("#shown").inner_text() == f"1 of {everything} cells are shown"
    expect_marks(opened, "#bars", "rect.layer_0_marks", 1)
    for chart in ("#pareto", "#interaction", "#expected", "#noise"):
        expect_marks(opened, chart, "symbol", 1)
    opened.page.get_by_role("button", name="Show all").click()
    expect_marks(opened, "#bars", "rect.layer_0_marks", 12)
    assert len(opened.shown()) == everything
    assert opened.errors == []


def test_a_selection_without_cells_is_told_and_no_error(demo, browse):
    opened = browse(demo)
    opened.draw_all()
    opened.page.evaluate("document.querySelectorAll('#filter input').forEach((box) => { box.value = 'gone'; })")
    opened.page.locator("#filter input").first.check()
    assert opened.page.locator("#shown").inner_text().startswith("0 of ")
    assert opened.errors == []


def test_a_heading_sorts_and_says_so(demo, browse):
    opened = browse(demo)
    head = opened.page.locator("#cells th", has_text="latency")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    first, last = opened.shown()[0], opened.shown()[-1]
    assert "channel-prune@0.5" in first
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert (opened.shown()[0], opened.shown()[-1]) == (last, first)


def test_it_can_be_used_by_keyboard_alone(demo, browse):
    opened = browse(demo)
    keys = opened.page.keyboard
    keys.press("Tab")
    assert opened.page.evaluate("document.activeElement.className") == "skip"
    keys.press("Tab")
    assert opened.page.evaluate("document.activeElement.value") == "none"
    keys.press("Space")
    assert len(opened.shown()) == 2
    opened.page.locator(".cell").first.focus()
    keys.press("Enter")
    dialog = opened.page.locator("dialog[open]")
    assert dialog.locator("h2").inner_text() == "baseline"
    assert "AMD EPYC" in dialog.inner_text()
    keys.press("Escape")
    assert dialog.count() == 0
    assert opened.page.evaluate("document.activeElement.textContent") == "baseline"


def test_a_cell_tells_its_provenance_with_units(demo, browse):
    opened = browse(demo)
    opened.page.locator(".cell", has_text="int8").first.click()
    facts = opened.page.locator("dialog[open] dl").inner_text()
    for name in ("clock", "isa used", "processes", "stopped by", "compute precision", "warning"):
        assert name in facts
    assert "e-05 s" in facts or " s\n" in facts


def test_the_csv_has_what_is_shown(demo, browse):
    opened = browse(demo)
    box(opened, "weight-prune@0.9").check()
    with opened.page.expect_download() as waiting:
        opened.page.locator("#download").click()
    assert waiting.value.suggested_filename == "demo.csv"
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_text())))
    assert [row["codegen"] for row in rows] == ["openvino", "onnxruntime"]
    assert {row["compression"] for row in rows} == {"weight-prune@0.9"}
    assert all(0 < float(row["latency_low"]) < float(row["latency"]) < float(row["latency_high"]) for row in rows)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(demo, browse, scheme):
    checker = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no check without axe-core")
    opened = browse(demo, color_scheme=scheme)
    opened.draw_all()
    found = checker.Axe().run(opened.page).response["violations"]
    serious = [(rule["id"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in ("serious", "critical")]
    assert serious == []


def test_a_phone_shows_it_without_scrolling_sideways(demo, browse):
    opened = browse(demo, viewport={"width": 390, "height": 844})
    opened.draw_all()
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = "[...document.querySelectorAll('.chart')].filter((c) => c.scrollWidth > c.clientWidth).length"
    assert opened.page.evaluate(wide) == 0


def test_printed_it_is_light_and_without_controls(demo, browse):
    opened = browse(demo, color_scheme="dark")
    opened.page.emulate_media(media="print")
    assert not opened.page.locator("#filter").is_visible()
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert len(opened.page.pdf()) > 10_000


def test_options_that_look_like_html_are_only_text(browse, tmp_path):
    names = dict(
        zip(["none", "int8", "weight-prune@0.5", "weight-prune@0.9", "channel-prune@0.5"], HOSTILE, strict=True)
    )
    cube = cube_of({stack(compression=name): measured(0.9) for name in names})
    cube = cube.assign_coords(compression=list(HOSTILE))
    cube.attrs["baseline"] = json.dumps({**json.loads(cube.attrs["baseline"]), "compression": HOSTILE[0]})
    cube.attrs["title"] = HOSTILE[2]
    cube["remark"].values[:] = HOSTILE[1]
    page.write(cube, tmp_path / "hostile.html")
    opened = browse(tmp_path / "hostile.html")
    opened.page.on("dialog", lambda _: opened.errors.append("alert"))
    opened.draw_all()
    opened.page.locator(".cell").nth(1).click()
    assert opened.errors == []
    assert opened.requests == [(tmp_path / "hostile.html").as_uri()]
    assert opened.page.locator("img, b, main script").count() == 0
    assert opened.page.locator("h1").inner_text() == HOSTILE[2]
    assert [label.strip() for label in opened.page.locator("#filter label").all_inner_texts()] == list(HOSTILE)


@pytest.mark.slow
def test_a_thousand_cells_are_ready_within_a_second_of_processor_time(large, browse):
    assert large.stat().st_size <= 3_000_000
    opened = browse(large)
    session = opened.context.new_cdp_session(opened.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    opened.page.reload()
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    assert opened.page.locator("#shown").inner_text() == f"{MOST} of {MOST} cells are shown"
    assert 0 < metrics["TaskDuration"] <= 1.0
    opened.draw_all()
    assert opened.errors == []
