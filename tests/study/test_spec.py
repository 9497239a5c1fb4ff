"""Studies as their authors write them, and what an author is told who wrote something else."""

import itertools
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlas.errors import DlasError, OptionError, StudyError
from dlas.stack import Stack
from dlas.study.quantities import seconds, share
from dlas.study.reading import read
from dlas.study.spec import Measure, Part, Study, compose, suggestions

VARIES = '[[part]]\nvary.compression = ["int8"]\n'

DESIGN = """
name = "pruning-meets-runtimes"

[data]
fashion = "data/fashion.npz"

[baseline]                                # unnamed layers take their defaults
dataset = "npz@fashion"
model = "resnet20"

[[part]]
design = "factorial"
vary.compression = ["weight-prune@0.5:0.9:0.2", "channel-prune@0.5+int8"]
vary.codegen = ["openvino", "onnxruntime", "torch"]

[measure]
margin = "2%"
budget = "3s"
"""


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv("DLAS_DATA", raising=False)


@pytest.fixture
def study(tmp_path):
    """Reads a text as a study; what it says of the file is said of `study FILE`."""

    def of(text, **places):
        file = tmp_path / "study.toml"
        file.write_text(text, encoding="utf-8")
        return read(file, places)

    return of


def sentence(study, tmp_path, text, kind=StudyError):
    """What the author of a text is told, with the file's name shortened."""
    with pytest.raises(kind) as problem:
        study(text)
    said = str(problem.value)
    assert "\n" not in said
    return said.replace(str(tmp_path / "study.toml"), "FILE")


# --- what a study says ------------------------------------------------------------------------------------------


def test_the_study_of_the_design_is_read(study, tmp_path):
    found = study(DESIGN)
    assert found.name == "pruning-meets-runtimes"
    assert found.baseline == Stack(dataset="npz@fashion", model="resnet20")
    assert (found.measure.margin, found.measure.budget) == (0.02, 3.0)
    assert dict(found.places) == {"fashion": tmp_path / "data" / "fashion.npz"}
    assert len(found.stacks()) == 5 * 3


def test_a_range_is_spread_with_its_stop_and_the_baseline_comes_first(study):
    (part,) = study(DESIGN).parts
    assert part.vary["compression"] == (
        "none",
        "weight-prune@0.5",
        "weight-prune@0.7",
        "weight-prune@0.9",
        "channel-prune@0.5+int8",
    )


def test_a_short_study_takes_every_default(study):
    found = study(VARIES)
    assert found == Study("study", Stack(), (Part({"compression": ("none", "int8")}),), Measure())


def test_measure_and_build_are_read(study):
    found = study(VARIES + '[measure]\nmargin = "1%"\nbudget = "500ms"\nimages = 50\nprocesses = 1\n'
                  '[build]\ntimeout = "2h"\n')  # fmt: skip
    assert found.measure == Measure(margin=0.01, budget=0.5, images=50, processes=1)
    assert found.build_timeout == 7200


def test_numbers_without_quotes_are_shares_and_seconds(study):
    found = study(VARIES + "[measure]\nmargin = 0.01\nbudget = 10\n")
    assert (found.measure.margin, found.measure.budget) == (0.01, 10.0)


def test_an_empty_list_means_what_the_layer_suggests(study):
    (part,) = study("[[part]]\nvary.codegen = []\n").parts
    assert part.vary["codegen"][0] == "openvino"
    assert sorted(part.vary["codegen"]) == sorted(suggestions("codegen"))


def test_a_path_becomes_a_name_and_a_place(study):
    found = study('[baseline]\ndataset = "npz@/data/flowers.npz"\n' + VARIES)
    assert found.baseline.dataset == "npz@flowers"
    assert dict(found.places) == {"flowers": Path("/data/flowers.npz")}


def test_the_command_line_wins_over_the_study(study):
    assert dict(study(DESIGN, fashion=Path("/elsewhere")).places) == {"fashion": Path("/elsewhere")}


def test_places_that_no_cell_uses_are_left_out(study):
    assert study('[data]\nflowers = "flowers.npz"\n' + VARIES).places == ()


def test_data_that_nobody_located_are_looked_for_in_the_data_folder(study, tmp_path, monkeypatch):
    folder = tmp_path / "all-my-data"
    folder.mkdir()
    for name in ("flowers.npz", "flowers-old.npz"):
        (folder / name).touch()
    monkeypatch.setenv("DLAS_DATA", str(folder))
    found = study('[baseline]\ndataset = "npz@flowers"\n' + VARIES)
    assert dict(found.places) == {"flowers": folder / "flowers.npz"}


def test_composing_gives_what_the_same_study_in_toml_gives(study):
    vary = {"compression": ["weight-prune@0.5:0.9:0.2", "channel-prune@0.5+int8"]}
    vary["codegen"] = ["openvino", "onnxruntime", "torch"]
    baseline = {"dataset": "npz@fashion", "model": "resnet20"}
    written = study(DESIGN)
    assert compose(written.name, baseline, vary, Measure(), dict(written.places)) == written


# --- designs ----------------------------------------------------------------------------------------------------

COMPRESSIONS = ("none", "int8", "weight-prune@0.5", "weight-prune@0.9", "channel-prune@0.5")
CODEGENS = ("openvino", "onnxruntime", "torch")
HARDWARES = ("cpu", "cpu@threads=2", "cpu@batch=2", "cpu@batch=4")
VARY = {"compression": COMPRESSIONS, "codegen": CODEGENS, "hardware": HARDWARES}
TOTAL = len(COMPRESSIONS) * len(CODEGENS) * len(HARDWARES)


def test_a_factorial_is_every_combination_once_with_the_baseline_first():
    stacks = Study("s", parts=(Part(VARY),)).stacks()
    assert stacks[0] == Stack()
    combinations = itertools.product(COMPRESSIONS, CODEGENS, HARDWARES)
    assert set(stacks) == {Stack(compression=c, codegen=g, hardware=h) for c, g, h in combinations}
    assert len(stacks) == TOTAL


def test_a_star_departs_from_the_baseline_in_one_layer_at_a_time():
    baseline = Stack(model="resnet20", codegen="torch")
    stacks = Study("s", baseline, (Part(VARY, "star"),)).stacks()
    assert stacks[0] == baseline
    names = {stack.difference(baseline) for stack in stacks[1:]}
    expected = {f"compression={c}" for c in COMPRESSIONS[1:]} | {"codegen=openvino", "codegen=onnxruntime"}
    assert names == expected | {f"hardware={h}" for h in HARDWARES[1:]}
    assert len(stacks) == 1 + len(names)


def test_the_baseline_comes_first_though_no_part_names_it():
    baseline = Stack(model="resnet20")
    parts = (Part({"model": ("mobilenetv1", "resnet8")}),)
    assert [stack.model for stack in Study("s", baseline, parts).stacks()] == ["resnet20", "mobilenetv1", "resnet8"]


def test_parts_are_united_and_a_cell_of_two_parts_is_one_cell():
    one, two = Part({"compression": ("none", "int8")}), Part({"compression": ("none", "int8", "weight-prune@0.5")})
    stacks = Study("s", parts=(one, two)).stacks()
    assert [stack.compression for stack in stacks] == ["none", "int8", "weight-prune@0.5"]


SET = """
[baseline]
codegen = "onnxruntime"
[[part]]
set.codegen = "tvm"
set.compression = "weight-prune@0.80"
vary.compression = ["weight-prune@0.9"]
vary.primitive = ["csr-direct"]
"""


def test_a_part_may_replace_layers_of_the_baseline_before_it_varies_others(study):
    found = study(SET)
    cells = [(stack.compression, stack.primitive, stack.codegen) for stack in found.stacks()]
    assert cells == [
        ("none", "native", "onnxruntime"),
        ("weight-prune@0.8", "native", "tvm"),
        ("weight-prune@0.8", "csr-direct", "tvm"),
        ("weight-prune@0.9", "native", "tvm"),
        ("weight-prune@0.9", "csr-direct", "tvm"),
    ]


def test_a_path_that_a_part_sets_becomes_a_name_and_a_place(study):
    found = study('[[part]]\nset.dataset = "npz@/data/flowers.npz"\nvary.compression = ["int8"]\n')
    assert found.stacks()[1].dataset == "npz@flowers"
    assert dict(found.places) == {"flowers": Path("/data/flowers.npz")}


def sampled(cells, seed=1):
    return Part(VARY, "sample", cells, seed).stacks(Stack())


@pytest.mark.parametrize("cells", [1, 7, 30, TOTAL - 1, TOTAL])
def test_a_sample_has_the_cells_asked_for_and_none_twice(cells):
    assert len(sampled(cells)) == len(set(sampled(cells))) == cells


def test_a_sample_larger_than_everything_is_everything():
    assert set(sampled(10 * TOTAL)) == set(Part(VARY).stacks(Stack()))


def test_a_sample_is_decided_by_its_seed():
    assert sampled(20, seed=5) == sampled(20, seed=5)
    assert sampled(20, seed=5) != sampled(20, seed=6)


def imbalance(cells, seed):
    """Largest difference between how often two options of one layer occur."""
    stacks = sampled(cells, seed)
    counts = [Counter(getattr(stack, layer) for stack in stacks) for layer in VARY]
    spreads = [max(c[text] for text in texts) - min(c[text] for text in texts)
               for c, texts in zip(counts, VARY.values(), strict=True)]  # fmt: skip
    return max(spreads)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cells", [12, 20, 30])
def test_a_sample_holds_every_option_about_equally_often(cells, seed):
    """Drawing each cell by itself differs by about twice as much."""
    fair = cells / len(COMPRESSIONS)
    assert imbalance(cells, seed) <= max(3, fair)


def test_a_sample_is_balanced_to_the_cell():
    assert max(imbalance(cells, seed) for cells in (12, 24, 36) for seed in range(5)) <= 1


# --- what an author is told -------------------------------------------------------------------------------------


def test_broken_toml_names_the_line(study, tmp_path):
    said = sentence(study, tmp_path, 'name = "x"\n[baseline\n')
    assert said == (
        "study FILE is no valid TOML: expected ']' at the end of a table declaration (at line 2, column 10)"
    )


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(StudyError) as problem:
        read(tmp_path / "none.toml", {})
    expected = f"study {tmp_path / 'none.toml'} cannot be read (no such file or directory); name a TOML file"
    assert str(problem.value) == expected


def test_a_file_that_is_no_text_is_told(tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(StudyError) as problem:
        read(file, {})
    assert str(problem.value) == f"study {file} cannot be read (it is not UTF-8 text); name a TOML file"


GOLDEN = {
    "nothing varied": ("", 'study FILE has no [[part]]; add one with vary.LAYER = ["option", …]'),
    "unknown key": ("nmae = 'x'\n" + VARIES, "study FILE: unknown key 'nmae' (did you mean 'name'?)"),
    "unknown key far off": (
        "colour = 'x'\n" + VARIES,
        "study FILE: unknown key 'colour'; known are name, data, options, baseline, part, measure, build",
    ),
    "unknown layer of the baseline": (
        "[baseline]\ncodgen = 'torch'\n" + VARIES,
        "study FILE [baseline]: unknown key 'codgen' (did you mean 'codegen'?)",
    ),
    "unknown layer varied": (
        "[[part]]\nvary.modle = ['resnet8']\n",
        "study FILE [[part]] vary: unknown key 'modle' (did you mean 'model'?)",
    ),
    "unknown key of a part": (
        "[[part]]\ndesing = 'star'\nvary.model = ['resnet8']\n",
        "study FILE [[part]]: unknown key 'desing' (did you mean 'design'?)",
    ),
    "unknown key of measure": (
        VARIES + "[measure]\nmargins = '2%'\n",
        "study FILE [measure]: unknown key 'margins' (did you mean 'margin'?)",
    ),
    "unknown key of build": (
        VARIES + "[build]\ntime = '2h'\n",
        "study FILE [build]: unknown key 'time' (did you mean 'timeout'?)",
    ),
    "unknown design": (
        "[[part]]\ndesign = 'random'\nvary.model = []\n",
        "study FILE [[part]]: design 'random' is unknown; it is one of factorial, star, sample",
    ),
    "sample without cells": (
        "[[part]]\ndesign = 'sample'\nvary.model = []\n",
        'study FILE [[part]]: design "sample" needs cells = NUMBER above 0',
    ),
    "sample of no cells": (
        "[[part]]\ndesign = 'sample'\ncells = 0\nvary.model = []\n",
        'study FILE [[part]]: design "sample" needs cells = NUMBER above 0',
    ),
    "part that varies nothing": (
        "[[part]]\ndesign = 'star'\n",
        'study FILE [[part]] varies nothing; add vary.LAYER = ["option", …]',
    ),
    "number in place of a list": (
        "[[part]]\nvary.model = 8\n",
        "study FILE [[part]]: vary.model must be a list of option texts",
    ),
    "name of no list": (
        "[[part]]\nvary.model = 'resnet8'\n",
        "study FILE [[part]]: vary.model: [options] has no list 'resnet8'; add it, or write a list here",
    ),
    "named list that is none": (
        "[options]\nsmall = 'resnet8'\n[[part]]\nvary.model = 'small'\n",
        "study FILE [[part]]: [options] small must be a list of option texts",
    ),
    "text in place of a table": ("data = 'x'\n" + VARIES, "study FILE: [data] must be a table"),
    "bad margin": (VARIES + "[measure]\nmargin = 'two'\n", "margin 'two' is no share; write for example 2%"),
    "margin without percent": (VARIES + "[measure]\nmargin = 2\n", "margin '2' is no share; write for example 2%"),
    "bad budget": (
        VARIES + "[measure]\nbudget = '3 weeks'\n",
        "duration '3 weeks' is no time; write for example 3s, 500ms or 2min",
    ),
    "no images": (
        VARIES + "[measure]\nimages = 0\n",
        "study FILE [measure]: images must be a whole number above 0",
    ),
    "half a process": (
        VARIES + "[measure]\nprocesses = 1.5\n",
        "study FILE [measure]: processes must be a whole number above 0",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_an_author_is_told_in_one_sentence(study, tmp_path, name):
    text, expected = GOLDEN[name]
    assert sentence(study, tmp_path, text) == expected


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ('["int8", "int8"]', "compression: int8 is named twice; name it once"),
        ('["weight-prune@0.5", "weight-prune@.50"]', "compression: weight-prune@0.5 is named twice; name it once"),
        ('["weight-prune@0.5:0.9:0.2", "weight-prune@0.7"]',
         "compression: weight-prune@0.7 is named twice; name it once"),
    ],
)  # fmt: skip
def test_an_option_named_twice_is_told(study, tmp_path, texts, told):
    assert sentence(study, tmp_path, f"[[part]]\nvary.compression = {texts}\n", OptionError) == told


def test_an_unknown_option_is_told_with_the_nearest(study, tmp_path):
    said = sentence(study, tmp_path, '[[part]]\nvary.codegen = ["openvno"]\n', OptionError)
    assert said == "codegen: unknown option 'openvno' (did you mean 'openvino'?); `dlas layers codegen` lists them"


BUGS = {
    "seed that is text": '[[part]]\ndesign = "sample"\ncells = 2\nseed = "x"\nvary.model = []\n',
    "seed below nought": '[[part]]\ndesign = "sample"\ncells = 2\nseed = -1\nvary.model = []\n',
    "cells that are true": '[[part]]\ndesign = "sample"\ncells = true\nvary.model = []\n',
    "part that is a number": "part = 5\n",
    "part of numbers": "part = [1]\n",
    "data that are a number": "[data]\nflowers = 3\n" + VARIES,
    "data with a nought byte": '[data]\nflowers = "\\u0000"\n' + VARIES,
    "path with a nought byte": '[baseline]\ndataset = "npz@/a\\u0000b"\n' + VARIES,
    "path of nobody": '[baseline]\ndataset = "npz@~nobody-here/x"\n' + VARIES,
    "number of 5000 digits": f"name = {'1' * 5000}\n" + VARIES,
    "list in a list in a list": f"name = {'[' * 5000}\n" + VARIES,
    "images that are true": VARIES + "[measure]\nimages = true\n",
    "budget without end": VARIES + f'[measure]\nbudget = "{"9" * 400}s"\n',
    "range beyond all decimals": '[[part]]\nvary.compression = ["weight-prune@0:1e999999:1e-99999"]\n',
}


@pytest.mark.parametrize("name", BUGS)
def test_an_author_of_nonsense_is_told_in_one_sentence_too(study, tmp_path, name):
    assert sentence(study, tmp_path, BUGS[name], DlasError)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('set = "tvm"', 'study FILE [[part]]: set must be a table of options, as in set.codegen = "tvm"'),
        ("set.codegen = 3", 'study FILE [[part]]: set must be a table of options, as in set.codegen = "tvm"'),
        ('set.codgen = "tvm"', "study FILE [[part]] set: unknown key 'codgen' (did you mean 'codegen'?)"),
    ],
)
def test_a_part_that_sets_nonsense_is_told(study, tmp_path, text, told):
    assert sentence(study, tmp_path, f'[[part]]\n{text}\nvary.compression = ["int8"]\n') == told


def test_a_part_in_single_brackets_is_told_as_such(study, tmp_path):
    assert "[[part]]" in sentence(study, tmp_path, '[part]\nvary.compression = ["int8"]\n')
    assert "unknown key" not in sentence(study, tmp_path, '[part]\nvary.compression = ["int8"]\n')


@pytest.mark.parametrize("name", ["**", "roses[1]"])
def test_a_name_of_data_is_no_pattern(study, tmp_path, monkeypatch, name):
    monkeypatch.setenv("DLAS_DATA", str(tmp_path))
    (tmp_path / f"{name}.npz").touch()
    found = study(f'[baseline]\ndataset = "npz@{name}"\n' + VARIES)
    assert dict(found.places) == {name: tmp_path / f"{name}.npz"}


# --- quantities -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"), [("2%", 0.02), ("0.02", 0.02), (" 0.5% ", 0.005), (".5", 0.5), ("99%", 0.99)]
)
def test_shares(text, value):
    assert share(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "value"), [("3s", 3), ("500ms", 0.5), ("2min", 120), ("1.5h", 5400), ("4", 4), (" 1 s ", 1)]
)
def test_durations(text, value):
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["", "%", "0", "0%", "100%", "1", "-2%", "2 percent", "1.2.3", "nan", "inf", "2%%", "٢%"]
)
def test_no_shares(text):
    with pytest.raises(StudyError, match="is no share; write for example 2%"):
        share(text)


@pytest.mark.parametrize("text", ["", "s", "0s", "-1s", "1..2s", "3 days", "nan", "inf", "1e999s", "3S", "٣s"])
def test_no_durations(text):
    with pytest.raises(StudyError, match="is no time; write for example 3s"):
        seconds(text)


@given(st.text() | st.from_regex(r"[0-9.]{1,30} ?(ms|s|min|h|%)?", fullmatch=True))
def test_any_text_is_a_quantity_or_told_to_be_none(text):
    for read_quantity, most in ((share, 1.0), (seconds, float("inf"))):
        try:
            assert 0 < read_quantity(text) < most
        except StudyError as problem:
            assert repr(text) in str(problem)  # noqa: PT017 - that it may be raised is the point


# --- any text at all --------------------------------------------------------------------------------------------

LAYER_NAMES = ("dataset", "model", "compression", "primitive", "codegen", "hardware")
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    ["none", "int8", "weight-prune@0.5", "torch", "resnet8", "npz@x", "cpu@threads=2", "star", "sample", "2%", "3s"]
)
lists = st.lists(texts, max_size=3)
tables = {
    "data": st.dictionaries(texts, texts, max_size=2),
    "baseline": st.dictionaries(st.sampled_from(LAYER_NAMES) | texts, texts | st.integers() | lists, max_size=2),
    "measure": st.dictionaries(
        st.sampled_from(["margin", "budget", "images", "processes"]) | texts, texts | st.integers(-2, 9), max_size=3
    ),
    "build": st.dictionaries(st.sampled_from(["timeout"]) | texts, texts | st.integers(-2, 9), max_size=2),
}
parts = st.fixed_dictionaries(
    {},
    optional={
        "design": st.sampled_from(["star", "sample", "factorial"]) | texts,
        "cells": st.integers(-1, 5) | texts,
        "seed": st.integers(0, 9),
        "vary": st.dictionaries(st.sampled_from(LAYER_NAMES) | texts, lists | texts, max_size=2),
    },
)
documents = st.tuples(
    st.fixed_dictionaries({}, optional={"name": texts, **tables}),
    st.lists(parts, max_size=2),
)


def as_toml(value):
    """A value in TOML, whose inline tables differ from JSON in the equals sign only."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(key)} = {as_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "study.toml"


def read_or_told(file, text):
    file.write_text(text, encoding="utf-8")
    try:
        return read(file, {})
    except DlasError as problem:
        assert str(problem)  # noqa: PT017 - that it may be raised is the point
        return None


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("[[part]]")
@example("\x00")
def test_any_text_is_a_study_or_told_to_be_none(scratch, text):
    read_or_told(scratch, text)


@given(documents)
@settings(max_examples=300)
def test_any_document_is_a_study_or_told_to_be_none(scratch, document):
    head, parts = document
    lines = [f"{as_toml(key)} = {as_toml(value)}" for key, value in {**head, "part": parts}.items()]
    found = read_or_told(scratch, "\n".join(lines))
    assert found is None or found.stacks()[0] == found.baseline


def test_two_paths_that_would_have_one_name_are_refused():
    with pytest.raises(
        StudyError, match=r"dataset npz@b/x\.npz: .*/a/x\.npz and .*/b/x\.npz would both be called x; rename one"
    ):
        compose("s", {}, {"dataset": ["npz@a/x.npz", "npz@b/x.npz"]}, Measure(), {})


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_study_of_the_page_is_what_the_page_says(study):
    page = (Path(__file__).parents[2] / "docs" / "studies.md").read_text(encoding="utf-8")
    found = study(page.split("```toml\n")[1].split("```")[0])
    factorial, around, star = (part.stacks(found.baseline) for part in found.parts)
    assert (len(factorial), len(around), len(star)) == (5 * 2, 3, 2 + 3)
    assert {(stack.codegen, stack.compression) for stack in around} == {("tvm", "weight-prune@0.9")}
    assert len(found.stacks()) == 10 + 3 + 3
    assert (found.measure, found.build_timeout) == (Measure(), 3600)


def test_parts_may_name_the_same_list(study):
    named = study(
        "[options]\nsmall = ['resnet8@width=0.5', 'resnet8@width=0.25']\n"
        "[[part]]\nvary.model = 'small'\n[[part]]\nset.codegen = 'onnxruntime'\nvary.model = 'small'\n"
    )
    plain, other = (part.stacks(named.baseline) for part in named.parts)
    assert [stack.model for stack in plain] == ["resnet8", "resnet8@width=0.5", "resnet8@width=0.25"]
    assert [stack.model for stack in other] == [stack.model for stack in plain]
