"""What changes a hash and what does not. Which keys that makes stale is in test_realise.py."""

import importlib
import pkgutil
import sys

import pytest

from dlas import fingerprint, registry
from dlas.errors import DataError

CODE = '''
"""What this module is about."""
import math


class Area:
    """Of a circle."""

    def of(self, radius):
        """Square of the radius times pi."""
        return math.pi * radius**2
'''


@pytest.fixture
def plug_in(tmp_path, monkeypatch, forget):
    """Writes the files of a plug-in package and returns the code version of its option."""
    monkeypatch.syspath_prepend(tmp_path)

    def version(**files):
        for name, text in files.items():
            path = tmp_path / "plug_in" / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        forget()
        return fingerprint.code_version("plug_in.option")

    yield version
    for name in [name for name in sys.modules if name.partition(".")[0] == "plug_in"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import math", "import math  # for pi"),
        ("What this module is about", "Quite something else"),
        ("Of a circle", "Of a disc,\n\n    properly speaking"),
        ("Square of the radius times pi", "See Archimedes"),
        ('        """Square of the radius times pi."""\n', ""),
        ("math.pi * radius**2", "(\n            math.pi\n            * radius ** 2\n        )"),
        ("\n\n\nclass", "\n\n\n\n# --- shapes ---\n\n\nclass"),
    ],
)
def test_comments_docstrings_and_layout_never_count(plug_in, old, new):
    before = plug_in(__init__="", option=CODE)
    assert old in CODE
    assert plug_in(option=CODE.replace(old, new)) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("radius**2", "radius**3"),
        ("radius", "diameter"),
        ("import math", "import cmath as math"),
        ("(self, radius)", "(self, radius=1)"),
        ("    def of", "    @staticmethod\n    def of"),
        ("return math", "'no docstring'\n        return 2 * math"),
    ],
)
def test_code_counts(plug_in, old, new):
    before = plug_in(__init__="", option=CODE)
    assert old in CODE
    assert plug_in(option=CODE.replace(old, new)) != before


def test_the_whole_package_of_a_plug_in_counts(plug_in):
    first = plug_in(__init__="", option="x = 1", other="y = 1")
    second = plug_in(other="y = 2")
    third = plug_in(another="")
    assert len({first, second, third}) == 3


def test_a_plug_in_with_a_compiled_module_has_a_version(plug_in, tmp_path):
    before = plug_in(__init__="", option="x = 1")
    (tmp_path / "plug_in" / "kernel.so").write_bytes(b"\x7fELF\xff\x00\xfe")
    assert plug_in() != before


def test_an_option_counts_what_it_imports_in_its_own_layer_and_the_shared_modules(forget, monkeypatch):
    versions = {}
    for changed in ("", "model.origin", "model.resnet", "model.mobilenet", "compression.int8"):
        with monkeypatch.context() as patch:
            alter(patch, f"dlas.layers.{changed}")
            forget()
            versions[changed] = fingerprint.code_version("dlas.layers.model.resnet")
    assert [name for name, version in versions.items() if version != versions[""]] == ["model.origin", "model.resnet"]


@pytest.mark.parametrize(
    ("module", "counts"),
    [("network", True), ("training", True), ("registry", False), ("option", False), ("process", False)],
)
def test_of_the_rest_of_dlas_only_network_and_training_count(forget, monkeypatch, module, counts):
    before = fingerprint.code_version("dlas.layers.model.resnet")
    alter(monkeypatch, f"dlas.{module}")
    forget()
    assert (fingerprint.code_version("dlas.layers.model.resnet") != before) is counts


def test_every_schedule_belongs_to_the_code_of_a_lowering():
    folder = "dlas.layers.primitive.tvm"
    lowerings = [option.lowerings.get("tvm") for option in registry.catalogue("primitive").values()]
    counted = {part for name in lowerings if name for part in fingerprint._implementation(name.rpartition(".")[0])}
    modules = [module.name for module in pkgutil.iter_modules(importlib.import_module(folder).__path__, f"{folder}.")]
    schedules = {name for name in modules if "schedule" in name}
    assert schedules
    assert schedules <= counted


def test_the_code_of_an_option_is_not_that_of_the_lowerings_that_it_names():
    assert fingerprint._implementation("dlas.layers.primitive.gemm") == ["dlas.layers.primitive.gemm"]
    assert fingerprint._implementation("dlas.layers.primitive.csr") == ["dlas.layers.primitive.csr"]


def alter(patch, module):
    """Make fingerprint read other code for a module."""
    source = fingerprint._source
    patch.setattr(fingerprint, "_source", lambda name: source(name) + ("\nALTERED = 1" if name == module else ""))


def test_a_recipe_is_hashed_whatever_the_order_of_its_keys():
    assert fingerprint.digest({"a": 1, "b": [1, 2]}) == fingerprint.digest({"b": [1, 2], "a": 1})
    assert fingerprint.digest({"a": 1, "b": [1, 2]}) != fingerprint.digest({"a": 1, "b": [2, 1]})


def test_a_file_is_its_content_wherever_it_lies(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"flowers")
    (tmp_path / "b.npz").write_bytes(b"flowers")
    (tmp_path / "c.npz").write_bytes(b"trees")
    a, b, c = (fingerprint.content(tmp_path / name) for name in ("a.npz", "b.npz", "c.npz"))
    assert a == b != c


def test_a_folder_is_the_names_and_contents_of_its_files(tmp_path):
    contents = [{"x/1": "a", "x/2": "b"}, {"x/2": "b", "x/1": "a"}, {"x/1": "b", "x/2": "a"}, {"y/1": "a", "x/2": "b"}]
    for number, files in enumerate(contents):
        for name, text in files.items():
            path = tmp_path / str(number) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    first, same, swapped, renamed = (fingerprint.content(tmp_path / str(number)) for number in range(4))
    assert first == same
    assert len({first, swapped, renamed}) == 3


def test_a_file_that_changes_while_the_process_lives_gets_another_fingerprint(tmp_path):
    path = tmp_path / "flowers.npz"
    path.write_bytes(b"before")
    before = fingerprint.content(path)
    path.write_bytes(b"changed since")
    assert fingerprint.content(path) != before


def test_a_folder_that_changes_while_the_process_lives_gets_another_fingerprint(tmp_path):
    (tmp_path / "1.png").write_bytes(b"rose")
    before = fingerprint.content(tmp_path)
    (tmp_path / "2.png").write_bytes(b"tulip")
    assert fingerprint.content(tmp_path) != before


def test_data_that_are_not_there_are_named(tmp_path):
    with pytest.raises(DataError) as caught:
        fingerprint.content(tmp_path / "nowhere")
    assert str(caught.value) == f"{tmp_path / 'nowhere'} does not exist; name a file or a folder that does"


def test_an_absent_package_has_no_version():
    assert fingerprint.package_version("no-such-package-anywhere") is None
    assert fingerprint.package_version("numpy").count(".") == 2
