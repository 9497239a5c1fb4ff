"""A user's own function: what it is called with, what it may return, what makes its network stale."""

import sys

import pytest
import torch

from dlas import process, realise, registry
from dlas.errors import BuildFailed, OptionError
from dlas.host import Host
from dlas.layers.model import origin
from dlas.stack import Stack

HOST = Host("A CPU", "x86_64", ("avx", "avx2"), ("L1 data 32K",), 4, None, 2**34)

SOURCE = """
from torch import nn

def network(shape, classes):
    return nn.Sequential(nn.Conv2d(shape[0], 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))

def none(shape, classes):
    return "no network"

def other(shape, classes):
    return network(shape, classes + 1)

def demanding(shape, classes):
    raise ValueError("shape has no depth")

value = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch, forget):
    """The folder of a user's module, in which dlas is run."""
    (tmp_path / "mine.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    yield tmp_path
    sys.modules.pop("mine", None)


def option(text):
    return registry.parse("model", text)[0]


def test_the_function_is_found_in_the_current_folder_and_told_shape_and_classes(own):
    assert option("python@mine:network").module((3, 8, 8), 4)(torch.zeros(2, 3, 8, 8)).shape == (2, 4)


def test_the_text_is_canonical():
    assert registry.canonical("model", "python@target=a.b:c,weights=random") == "python@a.b:c,weights=random"


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("nowhere:f", "there is no module 'nowhere'; run in its folder, or name that in PYTHONPATH"),
        ("mine.where:f", "there is no module 'mine.where'; run in its folder, or name that in PYTHONPATH"),
        ("no.where:f", "there is no module 'no.where'; run in its folder, or name that in PYTHONPATH"),
        ("mine:missing", "mine has no function 'missing'; write package.module:function"),
        ("mine:value", "mine has no function 'value'; write package.module:function"),
        ("mine", "mine has no function ''; write package.module:function"),
        ("mine:none", "the function returns a str, not a torch module; return one"),
    ],
)
def test_what_is_no_network_is_told(target, sentence, own):
    with pytest.raises(OptionError) as caught:
        option(f"python@{target}").module((3, 8, 8), 4)
    assert str(caught.value) == f"model python@{target}: {sentence}"


def test_a_network_for_other_classes_is_told(own, small):
    with pytest.raises(OptionError) as caught:
        origin.fresh(option("python@mine:other"), small)
    assert str(caught.value) == (
        "model python@mine:other gives (2, 5) for two images; it must give one tensor of shape (2, 4)"
    )


def test_what_the_function_raises_is_told_as_what_it_is(own, small):
    with pytest.raises(BuildFailed) as caught:
        origin.fresh(option("python@mine:demanding"), small)
    assert str(caught.value) == (
        "model python@mine:demanding: the function raised ValueError (shape has no depth); mend it"
    )


@pytest.fixture
def package(own, monkeypatch):
    """A user's package, whose own module cannot be run."""
    monkeypatch.setattr(sys, "path", [str(own), *sys.path])
    for name, text in {"__init__": "def broken(:", "net": SOURCE, "blocks/small": "width = 8"}.items():
        path = own / "nets" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return own / "nets"


def test_nothing_of_a_package_is_run_before_the_network_is_built(package, store, small):
    step = realise.realisation(Stack(model="python@nets.net:network"), (), HOST).networks[0]
    message = {"step": {**realise.as_message(step), "inputs": [small.key]}, "store": str(store.root)}
    environment = {**process.environment(1), "PYTHONPATH": str(package.parent)}
    with (
        process.Child([sys.executable, "-m", "dlas.realise"], environment) as child,
        pytest.raises(BuildFailed, match=r"^SyntaxError: invalid syntax \(__init__\.py, line 1\)$"),
    ):
        child.ask(message, 60)


def test_all_python_files_of_a_package_decide_the_key(package, forget):
    def found():
        forget()
        return option("python@nets.net:network").ingredients()

    before = found()
    (package / "weights.pt").write_bytes(b"1")
    assert found() == before
    (package / "blocks" / "small.py").write_text("width = 16", encoding="utf-8")
    assert found() != before


def test_the_modules_source_decides_the_key(own, forget):
    before = option("python@mine:network").ingredients()
    (own / "mine.py").write_text(SOURCE + "\n", encoding="utf-8")
    assert option("python@mine:network").ingredients() != before


def test_a_changed_module_makes_the_network_stale_and_not_the_data(own, forget):
    def keys():
        forget()
        return realise.realisation(Stack(model="python@mine:network"), (), HOST).steps

    data, before, _ = keys()
    (own / "mine.py").write_text(SOURCE.replace("8, 3", "16, 3"), encoding="utf-8")
    same, after, _ = keys()
    assert (data.key == same.key, before.key == after.key) == (True, False)
