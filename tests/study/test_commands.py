"""`dlas plan`, `run` and `show` on a study of toys, as a user types them."""

import re
import subprocess
import sys

import pytest

STUDY = """
[[part]]
vary.codegen = ["toygen@2", "toygen@behaviour=build-raise"]
vary.hardware = ["cpu@threads=64"]
"""

PLAN = """\
toys: 6 cells, 3 of them inapplicable
  baseline
  hardware=cpu@threads=64: inapplicable, 64 threads asked for, but this process may use N
  codegen=toygen@2
  codegen=toygen@2 hardware=cpu@threads=64: inapplicable, 64 threads asked for, but this process may use N
  codegen=toygen@behaviour=build-raise
  codegen=toygen@behaviour=build-raise hardware=cpu@threads=64: inapplicable, 64 threads asked for, but this process \
may use N

to build: 5 of 5 steps
  dataset toydata
  model toynet
  codegen toygen
  codegen toygen@2
  codegen toygen@behaviour=build-raise
to measure: 3 of 3 cells
time: about 6 s to measure; nothing comparable was built yet, so building is unknown
"""

PLAN_AFTERWARDS = """\
to build: 0 of 5 steps
to measure: 0 of 3 cells
time: about 0 s of building, about 0 s of measuring
"""

SHOWN = """\
option accuracy % status remark
baseline 100 [94, 100] ok
hardware=cpu@threads=64 inapplicable 64 threads asked for, but this process may use N
codegen=toygen@2 100 [94, 100] ok
"""


def dlas(bench, *arguments):
    """What a command printed, and what it told beside."""
    command = [sys.executable, "-m", "dlas", *arguments]
    ended = subprocess.run(command, cwd=bench.folder, env=bench.env, capture_output=True, text=True, check=True)
    return re.sub(r"may use \d+", "may use N", ended.stdout), ended.stderr


def static(markdown):
    """The columns of a Markdown table in which no time is, without their ruling."""
    rows = [[text.strip() for text in line.strip("|").split("|")] for line in markdown.splitlines()]
    chosen = [i for i, heading in enumerate(rows[0]) if heading not in ("latency", "speed-up", "verdict", "size")]
    return [" ".join(filter(None, (row[i] for i in chosen))) for row in rows if row[0] != "---"]


def test_plan_says_what_there_is_to_do_and_touches_nothing(bench):
    bench.write(STUDY)
    assert dlas(bench, "plan", "toys.toml") == (PLAN, "")
    assert [path.name for path in bench.folder.iterdir()] == ["toys.toml"]


def test_plan_why_says_what_was_never_built(bench):
    bench.write(STUDY)
    told, _ = dlas(bench, "plan", "toys.toml", "--why")
    assert "  model toynet: never built\n" in told
    assert told.count(": never built") == 5


@pytest.mark.slow
def test_what_was_run_is_shown_and_planned_no_more(bench):
    bench.write(STUDY)
    out, err = dlas(bench, "run", "toys.toml", "--quiet")
    assert err == "", "--quiet tells of no progress"
    assert out.startswith("baseline: dataset=toydata model=toynet compression=none primitive=native codegen=toygen")
    assert "cube     toys.nc\n" in out

    shown, _ = dlas(bench, "show", "toys.nc")
    assert [line.rstrip() for line in shown.splitlines()] == [line.rstrip() for line in out.splitlines()[:-3]]

    markdown, _ = dlas(bench, "show", "toys.nc", "--format", "markdown")
    lines = static(markdown)
    assert "\n".join(lines[:4]) + "\n" == SHOWN
    failed = next(line for line in lines if line.startswith("codegen=toygen@behaviour=build-raise failed"))
    assert "RuntimeError: the toy compiler does not like this network" in failed

    planned, _ = dlas(bench, "plan", "toys.toml")
    assert planned.endswith(PLAN_AFTERWARDS)
