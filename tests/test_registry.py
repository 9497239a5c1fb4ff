"""Every registered option in its text form; errors as a user reads them; paths; options of other packages."""

import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlas import registry
from dlas.errors import DlasError, OptionError
from dlas.option import LAYERS, names, parameters
from dlas.stack import Stack

REGISTERED = [(layer, name) for layer in LAYERS for name in registry.catalogue(layer)]


def values(kind, declaration):
    """A strategy for what a parameter may hold."""
    if declaration.choices:
        return st.sampled_from(declaration.choices)
    if kind is bool:
        return st.booleans()
    if kind is str:
        return st.text(min_size=1) | st.text("%+,@= :/24BbCcé", min_size=1)
    if kind is int:
        return st.integers(declaration.low, declaration.high)
    bounds = {"exclude_min": declaration.open, "exclude_max": declaration.open and declaration.high is not None}
    return st.floats(declaration.low, declaration.high, allow_nan=False, allow_infinity=False, **bounds)


@st.composite
def options(draw, layers=LAYERS):
    """A layer and an option of it, with any values that its declaration permits."""
    layer, name = draw(st.sampled_from([entry for entry in REGISTERED if entry[0] in layers]))
    kind = registry.catalogue(layer)[name]
    chosen = {
        key: draw(values(type_, declaration) if default is None else st.just(default) | values(type_, declaration))
        for key, (type_, declaration, default) in parameters(kind).items()
    }
    return layer, kind(**names(kind)[name], **chosen)


# --- text and value ---------------------------------------------------------------------------------------------


@given(options())
def test_every_option_survives_its_text(drawn):
    layer, option = drawn
    assert registry.parse(layer, registry.write((option,))) == (option,)


@given(options())
def test_canonical_text_is_its_own_canonical_text(drawn):
    layer, option = drawn
    text = registry.write((option,))
    assert registry.canonical(layer, text) == text


@given(st.lists(options(layers=("compression",)), min_size=1, max_size=4))
def test_every_chain_survives_its_text(drawn):
    chain = tuple(option for _, option in drawn)
    assert registry.parse("compression", registry.write(chain)) == chain


@given(options())
def test_canonical_text_stands_for_no_other_option_when_read_as_a_sweep(drawn):
    layer, option = drawn
    text = registry.write((option,))
    assert registry.expanded(layer, text) == [text]


@given(options())
def test_a_default_is_never_written(drawn):
    _, option = drawn
    text = registry.write((option,))
    for key, (_, _, default) in parameters(type(option)).items():
        if default is not None and getattr(option, key) == default:
            assert f"{key}=" not in text


@pytest.mark.parametrize(("layer", "name"), REGISTERED)
def test_suggestions_are_canonical_texts_of_the_layer(layer, name):
    for text in registry.catalogue(layer)[name].suggested:
        assert registry.canonical(layer, text) == text


@pytest.mark.parametrize(("layer", "name"), REGISTERED)
def test_every_option_and_every_parameter_explains_itself(layer, name):
    kind = registry.catalogue(layer)[name]
    assert kind.__doc__
    assert not kind.__doc__.startswith(kind.__name__ + "(")  # what dataclass writes where nobody did
    assert all(declaration.help for _, declaration, _ in parameters(kind).values())


@pytest.mark.parametrize(
    ("layer", "text", "canonical"),
    [
        ("compression", "weight-prune@0.90", "weight-prune@0.9"),
        ("compression", "weight-prune@sparsity=.5,finetune=6000", "weight-prune@0.5"),
        ("compression", "channel-prune@ratio=0.5,align=8+int8@calibration=128", "channel-prune@0.5+int8"),
        ("model", "resnet20@width=1.0,seed=00", "resnet20"),
        ("model", "resnet8@seed=1,width=2", "resnet8@width=2,seed=1"),
        ("hardware", "cpu@batch=8,threads=2", "cpu@threads=2,batch=8"),
        ("dataset", "npz@file=my%20flowers", "npz@my%20flowers"),
    ],
)
def test_different_texts_of_one_option_have_one_canonical_text(layer, text, canonical):
    assert registry.canonical(layer, text) == canonical


# --- sweeps -----------------------------------------------------------------------------------------------------


def test_a_sweep_becomes_canonical_texts_with_the_stop_included():
    texts = registry.expanded("compression", "weight-prune@0.5:0.9:0.2")
    assert texts == ["weight-prune@0.5", "weight-prune@0.7", "weight-prune@0.9"]


def test_a_sweep_in_a_chain_varies_its_link_only():
    texts = registry.expanded("compression", "channel-prune@0.25:0.5:0.25,finetune=0+int8")
    assert texts == ["channel-prune@0.25,finetune=0+int8", "channel-prune@0.5,finetune=0+int8"]


def test_two_sweeps_in_one_text_are_combined():
    texts = registry.expanded("hardware", "cpu@threads=1:2:1,batch=1:9:8")
    assert texts == ["cpu", "cpu@batch=9", "cpu@threads=2", "cpu@threads=2,batch=9"]


def test_what_looks_like_a_range_in_a_text_parameter_is_text():
    assert registry.expanded("dataset", "npz@1:3:1") == ["npz@1:3:1"]


@pytest.mark.parametrize(
    ("layer", "text"),
    [("hardware", "cpu@threads=1:5:1,batch=1:5:1"), ("compression", "int8@calibration=1:5:1+int8@calibration=1:5:1")],
)
def test_several_sweeps_together_respect_the_limit_of_one(monkeypatch, layer, text):
    monkeypatch.setattr("dlas.option.SWEEP_LIMIT", 20)
    with pytest.raises(OptionError):
        registry.expanded(layer, text)


@pytest.mark.parametrize("bounds", ["0.5:0.9:-0.1", "0.1:0.9:0.00001", "0:1:0"])
def test_the_error_of_a_range_names_layer_option_and_parameter(bounds):
    with pytest.raises(OptionError) as caught:
        registry.expanded("compression", f"weight-prune@{bounds}")
    for word in ("compression", "weight-prune", "sparsity", bounds):
        assert word in str(caught.value)


# --- mistakes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "text", "sentence"),
    [
        (
            "compression",
            "weigth-prune@0.5",
            "compression: unknown option 'weigth-prune' (did you mean 'weight-prune'?); "
            "`dlas layers compression` lists them",
        ),
        ("codegen", "gcc", "codegen: unknown option 'gcc'; `dlas layers codegen` lists them"),
        (
            "compresion",
            "int8",
            "unknown layer 'compresion' (did you mean 'compression'?); the layers are: "
            "dataset, model, compression, primitive, codegen, hardware",
        ),
        (
            "compression",
            "weight-prune@1.5",
            "compression weight-prune: sparsity=1.5 is not allowed; it must be above 0 and below 1",
        ),
        (
            "compression",
            "weight-prune",
            "compression weight-prune: sparsity is missing (share of the weights that become zero); "
            "write weight-prune@VALUE",
        ),
        (
            "compression",
            "weight-prune@half",
            "compression weight-prune: sparsity=half is no number; share of the weights that become zero",
        ),
        (
            "compression",
            "weight-prune@0.5,sparsity=0.6",
            "compression weight-prune: sparsity is given twice; give it once",
        ),
        (
            "hardware",
            "cpu@cores=2",
            "hardware cpu: unknown parameter 'cores'; its parameters are: threads, isa, batch, at",
        ),
        ("hardware", "cpu@threads=0", "hardware cpu: threads=0 is not allowed; it must be at least 1"),
        (
            "hardware",
            "cpu@threads=1.5",
            "hardware cpu: threads=1.5 is no whole number; threads of the runtime",
        ),
        (
            "model",
            "resnet8@recipe=long",
            "model resnet8: recipe=long is not allowed; it must be one of short, full",
        ),
        (
            "model",
            "resnet8+resnet20",
            "model: 'resnet8+resnet20' is a chain; only compression takes one (in values write + as %2B)",
        ),
        ("compression", "none@0.5", "compression none: unknown parameter '0.5'; its parameters are: none"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(layer, text, sentence):
    with pytest.raises(OptionError) as caught:
        registry.parse(layer, text)
    assert str(caught.value) == sentence


def test_a_misspelt_layer_is_told_before_anything_about_its_option():
    with pytest.raises(OptionError, match="did you mean 'compression'"):
        registry.parse("compresion", "channel-prune@0.5+int8")


def test_a_field_that_the_name_fixes_cannot_be_given():
    with pytest.raises(OptionError, match="unknown parameter 'blocks'"):
        registry.parse("model", "resnet8@blocks=3")


pieces = st.sampled_from(
    [*(name for _, name in REGISTERED), *"+,@=%:/~. \n\0", "sparsity", "file", "threads", "%zz", "%FF", "0.5", "1e999"]
)
fuzzed = st.text() | st.lists(pieces | st.text(string.printable, max_size=3), max_size=8).map("".join)


def complaint(read, layer, text):
    """What an option error says, empty where there is none."""
    try:
        read(layer, text)
    except OptionError as problem:
        return str(problem)
    return ""


@given(st.sampled_from(LAYERS) | st.text(), fuzzed)
def test_fuzzed_text_raises_nothing_but_an_option_error(layer, text):
    assert bool(complaint(registry.canonical, layer, text)) or registry.parse(layer, text)
    assert bool(complaint(registry.expanded, layer, text)) or registry.expanded(layer, text)


@example("compression", "weight-prune@half\nway")
@given(st.sampled_from(LAYERS), fuzzed)
def test_the_error_of_a_fuzzed_text_is_one_line(layer, text):
    assert len(complaint(registry.canonical, layer, text).splitlines()) <= 1


@given(st.sampled_from(LAYERS), fuzzed)
def test_what_fuzzed_text_stands_for_has_a_canonical_text(layer, text):
    try:
        canonical = registry.canonical(layer, text)
    except OptionError:
        return
    assert registry.canonical(layer, canonical) == canonical
    assert registry.parse(layer, canonical) == registry.parse(layer, text)


# --- paths ------------------------------------------------------------------------------------------------------


def test_a_typed_path_becomes_its_stem(tmp_path):
    text, places = registry.take_paths("dataset", f"npz@{tmp_path}/flowers.npz,seed=1")
    assert text == "npz@flowers,seed=1"
    assert places == {"flowers": tmp_path.resolve() / "flowers.npz"}


def test_a_relative_path_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text, places = registry.take_paths("dataset", "npz@./flowers.npz")
    assert (text, places) == ("npz@flowers", {"flowers": tmp_path.resolve() / "flowers.npz"})


def test_a_path_below_home_is_a_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert registry.take_paths("dataset", "npz@~/a%20b.npz") == ("npz@a%20b", {"a b": tmp_path.resolve() / "a b.npz"})


def test_every_path_of_an_option_is_located():
    text, places = registry.take_paths("dataset", "image-folder@/a/flowers.tar,labels=/b/order.txt")
    assert text == "image-folder@flowers,labels=order"
    assert places == {"flowers": Path("/a/flowers.tar"), "order": Path("/b/order.txt")}


def test_two_paths_of_one_stem_cannot_be_told_apart():
    text = "image-folder@/a/flowers.tar,labels=/b/flowers.txt"
    with pytest.raises(OptionError) as caught:
        registry.take_paths("dataset", text)
    assert str(caught.value) == f"dataset {text}: two paths are called 'flowers'; rename one of them"


def test_a_bare_name_locates_nothing():
    assert registry.take_paths("dataset", "npz@flowers") == ("npz@flowers", {})
    assert registry.take_paths("model", "resnet8@weights=random") == ("resnet8@weights=random", {})


def test_the_stem_is_that_of_the_path_as_it_was_typed(tmp_path):
    (tmp_path / "version-3.npz").touch()
    (tmp_path / "flowers.npz").symlink_to(tmp_path / "version-3.npz")
    text, _ = registry.take_paths("dataset", f"npz@{tmp_path}/flowers.npz")
    assert text == "npz@flowers"


@pytest.mark.parametrize("path", ["/", "~nobody-of-this-name/x.npz", "a/\0.npz"])
def test_a_path_that_cannot_be_is_refused_by_an_option_error(path):
    with pytest.raises(DlasError):
        Stack(dataset=registry.take_paths("dataset", f"npz@{path}")[0])


def test_locators_are_the_names_of_the_data_an_option_asks_for():
    assert registry.locators(*registry.parse("dataset", "npz@flowers")) == ["flowers"]
    assert registry.locators(*registry.parse("dataset", "digits")) == []


def test_a_locator_s_choices_name_no_data():
    assert registry.locators(*registry.parse("dataset", "image-folder@flowers")) == ["flowers"]
    assert registry.locators(*registry.parse("dataset", "image-folder@flowers,labels=folders")) == ["flowers"]
    assert registry.locators(*registry.parse("dataset", "image-folder@flowers,labels=a")) == ["flowers", "a"]


# --- options of other packages ----------------------------------------------------------------------------------


def python(code, site):
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_an_installed_package_brings_its_option(toy_site):
    said = python(
        "from dlas import registry; from dlas.stack import Stack\n"
        "print('toy' in registry.catalogue('compression'), 'toy' in registry.catalogue('model'))\n"
        "print(type(*registry.parse('compression', 'toy@2')).__module__)\n"
        "print(Stack(compression='int8+toy@level=1').compression, *registry.expanded('compression', 'toy@1:3:1'))",
        toy_site,
    )
    assert said == ["True", "False", "dlas_toy", "int8+toy", "toy", "toy@2", "toy@3"]


def test_without_the_package_its_option_is_unknown():
    assert "toy" not in registry.catalogue("compression")


@pytest.fixture
def installed(tmp_path, monkeypatch, forget):
    """Installs a package of one module that declares one entry point."""

    def install(source, point):
        (tmp_path / "plug_in.py").write_text(source)
        info = tmp_path / "plug_in-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug-in\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[dlas.options]\n{point}\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "plug_in", raising=False)

    return install


@pytest.mark.parametrize("source", ["import no_such_package_anywhere", "Other = 1", "def f(:"])
def test_a_package_that_cannot_be_imported_is_named(installed, source):
    installed(source, "compression.broken = plug_in:Broken")
    with pytest.raises(OptionError, match="compression broken: its package cannot be imported"):
        registry.catalogue("compression")
    assert registry.catalogue("model")


def test_a_package_does_not_replace_an_option(installed):
    installed("class Int8:\n    name = 'int8'\n    suggested = ()", "compression.int8 = plug_in:Int8")
    with pytest.raises(OptionError, match=r"compression int8: given twice, by dlas\..* and by plug_in; rename"):
        registry.catalogue("compression")


def test_an_entry_point_of_no_layer_is_named(installed):
    installed("Mine = 1", "compresion.mine = plug_in:Mine")
    with pytest.raises(OptionError, match=r"'compresion.mine'.* \(did you mean 'compression'\?\)"):
        registry.catalogue("model")


def test_listing_all_options_imports_no_heavy_package():
    heavy = "{'torch', 'onnx', 'onnxruntime', 'openvino', 'sklearn', 'tvm'}"
    code = f"""
import sys
from dlas import registry, realise
[registry.catalogue(layer) for layer in registry.LAYERS]
print(*{heavy} & set(sys.modules))
"""
    assert python(code, "") == []
