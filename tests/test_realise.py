"""Which steps a stack takes, what makes their keys stale, and doing one."""

import json
import shutil
import sys
from dataclasses import replace

import pytest

from dlas import data, fingerprint, process
from dlas.errors import BuildFailed, DataError
from dlas.host import Host
from dlas.realise import Step, as_message, obstacle, perform, realisation
from dlas.stack import Stack

HOST = Host("A CPU", "x86_64", ("avx", "avx2"), ("L1 data 32K",), 4, None, 2**34)
STACK = Stack(compression="weight-prune@0.5+int8")


def steps(stack=STACK, places=(), host=HOST):
    """The steps by name, in their order."""
    whole = realisation(stack, places, host)
    chain = stack.compression.split("+") if stack.compression != "none" else []
    names = ["data", "model", *chain, "executable"]
    return dict(zip(names, whole.steps, strict=True))


def keys(*args, **kwargs):
    return {name: step.key for name, step in steps(*args, **kwargs).items()}


def differing(before, after):
    return [name for name in before if before[name] != after[name]]


# --- steps ------------------------------------------------------------------------------------------------------


def test_each_step_builds_on_those_before_it():
    data, model, prune, int8, executable = steps().values()
    assert [step.layer for step in steps().values()] == ["dataset", "model", "compression", "compression", "codegen"]
    assert data.inputs == ()
    assert model.inputs == (data.key,)
    assert prune.inputs == (model.key, data.key)
    assert int8.inputs == (prune.key, data.key)
    assert executable.inputs == (int8.key,)


def test_no_compression_takes_no_step():
    assert list(steps(Stack())) == ["data", "model", "executable"]


def test_chains_share_their_beginning():
    one, two = keys(Stack(compression="weight-prune@0.5")), keys(STACK)
    assert differing(one, two) == ["executable"]


def test_the_key_is_the_hash_of_the_recipe_and_survives_the_way_to_the_child():
    for step in steps().values():
        assert step.key == fingerprint.digest(step.recipe)
        assert Step(**json.loads(json.dumps(as_message(step)))).key == step.key


# --- what makes keys stale --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        ({"model": "resnet8@seed=1"}, ["model", "weight-prune@0.5", "int8", "executable"]),
        ({"codegen": "onnxruntime"}, ["executable"]),
        ({"hardware": "cpu@batch=2"}, ["executable"]),
        ({"hardware": "cpu@threads=2"}, []),
    ],
)
def test_an_option_changes_its_own_key_and_later_ones(change, stale):
    assert differing(keys(), keys(STACK.perturb(**change))) == stale


@pytest.mark.parametrize(
    "host", [replace(HOST, cpu="B CPU"), replace(HOST, flags=("avx512f",)), replace(HOST, cores=2, quota=1.0)]
)
def test_no_key_depends_on_the_model_of_the_processor(host):
    assert keys(host=host) == keys()


def test_another_architecture_needs_another_executable():
    assert differing(keys(), keys(host=replace(HOST, architecture="aarch64"))) == ["executable"]


@pytest.mark.parametrize(
    ("module", "stale"),
    [
        ("dlas.layers.dataset.digits", ["data", "model", "weight-prune@0.5", "int8", "executable"]),
        ("dlas.layers.model.resnet", ["model", "weight-prune@0.5", "int8", "executable"]),
        ("dlas.layers.compression.weight_prune", ["weight-prune@0.5", "int8", "executable"]),
        ("dlas.layers.compression.int8", ["int8", "executable"]),
        ("dlas.layers.primitive.native", ["executable"]),
        ("dlas.layers.codegen.openvino", ["executable"]),
        ("dlas.layers.codegen.onnxruntime", []),
        ("dlas.layers.model.mobilenet", []),
        ("dlas.layers.hardware.cpu", []),
        ("dlas.registry", []),
    ],
)
def test_changed_code_makes_its_own_step_and_later_ones_stale(forget, monkeypatch, module, stale):
    before = keys()
    alter(monkeypatch, module)
    forget()
    assert differing(before, keys()) == stale


@pytest.mark.parametrize(
    ("module", "codegen", "primitive", "stale"),
    [
        ("schedules", "tvm", "native", ["executable"]),
        ("schedules", "tvm", "gemm", ["executable"]),
        ("schedules", "torch", "gemm", []),
        ("integer_schedule", "tvm", "spatial-pack", ["executable"]),
        ("csr_schedule", "tvm", "csr-direct", ["executable"]),
        ("csr_schedule", "tvm", "direct", []),
    ],
)
def test_a_changed_schedule_makes_the_executables_stale_whose_kernels_name_it(
    forget, monkeypatch, module, codegen, primitive, stale
):
    stack = STACK.perturb(codegen=codegen, primitive=primitive)
    before = keys(stack)
    alter(monkeypatch, f"dlas.layers.primitive.tvm.{module}")
    forget()
    assert differing(before, keys(stack)) == stale


def alter(patch, module):
    """Make fingerprint read other code for a module."""
    source = fingerprint._source
    patch.setattr(fingerprint, "_source", lambda name: source(name) + ("\nALTERED = 1" if name == module else ""))


def test_another_package_version_makes_executables_stale_and_never_a_network(forget, monkeypatch):
    before = keys()
    monkeypatch.setattr(fingerprint, "package_version", lambda package: "99.0")
    forget()
    assert differing(before, keys()) == ["executable"]


def test_only_the_versions_of_the_packages_that_compile_count(forget, monkeypatch):
    before = keys()
    version = fingerprint.package_version
    monkeypatch.setattr(fingerprint, "package_version", lambda p: "99.0" if p == "onnxruntime" else version(p))
    forget()
    assert differing(before, keys()) == []
    assert keys(STACK.perturb(codegen="onnxruntime"))["executable"] != before["executable"]


# --- the user's data --------------------------------------------------------------------------------------------

FLOWERS = Stack(dataset="npz@flowers")


def test_keys_depend_on_the_content_of_the_users_data_and_not_on_where_they_lie(tmp_path):
    for name, text in {"a": "roses", "b": "roses", "c": "tulips"}.items():
        (tmp_path / name).write_text(text)
    a, b, c = (keys(FLOWERS, (("flowers", tmp_path / name),)) for name in "abc")
    assert a == b
    assert differing(a, c) == ["data", "model", "executable"]


def test_data_that_change_while_the_process_lives_make_every_key_stale(tmp_path):
    places = (("flowers", tmp_path / "flowers.npz"),)
    (tmp_path / "flowers.npz").write_text("roses")
    before = keys(FLOWERS, places)
    (tmp_path / "flowers.npz").write_text("tulips, since noon")
    assert differing(before, keys(FLOWERS, places)) == ["data", "model", "executable"]


def test_a_path_is_no_part_of_the_recipe(tmp_path):
    (tmp_path / "flowers.npz").write_text("roses")
    step = steps(FLOWERS, (("flowers", tmp_path / "flowers.npz"),))["data"]
    assert step.sources == {"flowers": str(tmp_path / "flowers.npz")}
    assert str(tmp_path) not in json.dumps(step.recipe)


def test_every_file_that_an_option_names_decides_the_key(tmp_path):
    for name, text in {"flowers.tar": "roses", "order.txt": "rose tulip", "other.txt": "tulip rose"}.items():
        (tmp_path / name).write_text(text)
    stack = Stack(dataset="image-folder@flowers,labels=order")
    places = (("flowers", tmp_path / "flowers.tar"), ("order", tmp_path / "order.txt"))
    first = steps(stack, places)["data"]
    assert first.sources == {name: str(path) for name, path in places}
    other = steps(stack, (places[0], ("order", tmp_path / "other.txt")))["data"]
    assert other.key != first.key


def test_a_second_file_that_nobody_located_is_told_too(tmp_path):
    (tmp_path / "flowers.tar").write_text("roses")
    with pytest.raises(DataError, match="nobody said where 'order' lies"):
        realisation(Stack(dataset="image-folder@flowers,labels=order"), (("flowers", tmp_path / "flowers.tar"),), HOST)


def test_data_that_nobody_located_are_told_with_the_remedy():
    with pytest.raises(DataError) as caught:
        realisation(FLOWERS, (), HOST)
    assert str(caught.value) == (
        "dataset npz@flowers: nobody said where 'flowers' lies; "
        'add --data flowers=PATH, or `flowers = "PATH"` under [data], or put it into $DLAS_DATA'
    )


# --- obstacles --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"compression": "weight-prune@0.5+int8"}, None),
        ({"codegen": "torch", "compression": "weight-prune@0.5"}, None),
        ({"hardware": "cpu@threads=5"}, "5 threads asked for, but this process may use 4"),
        ({"codegen": "torch", "compression": "int8"}, "torch needs a torch module, which int8 does not leave"),
        ({"compression": "bf16@compute=bf16"}, None),
        (
            {"codegen": "onnxruntime", "compression": "bf16@compute=bf16"},
            "onnxruntime does not compute in bfloat16; bf16@compute=bf16 cannot be kept there",
        ),
        (
            {"codegen": "torch", "compression": "weight-prune@0.5+fp16@compute=fp16"},
            "this processor has neither avx512_fp16 nor amx_fp16: PyTorch would emulate float16",
        ),
        ({"codegen": "torch", "compression": "fp16"}, None),
        (
            {"compression": "int8@quantizer=nncf,method=entropy"},
            "nncf sets ranges its own way, not by entropy; leave method out, or use quantizer=onnxruntime",
        ),
        (
            {"compression": "int8+weight-prune@0.5"},
            "weight-prune cannot follow int8, whose stored weights it would change; put int8 last",
        ),
    ],
)
def test_an_obstacle_is_told_before_anything_is_built(forget, monkeypatch, change, reason):
    monkeypatch.setattr(fingerprint, "package_version", lambda package: "1.0")
    assert obstacle(Stack().perturb(**change), HOST) == reason


def test_a_missing_package_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setattr(fingerprint, "package_version", lambda p: None if p == "openvino" else "1.0")
    reason = "codegen openvino needs the package openvino; install dlas[all], or openvino alone"
    assert obstacle(Stack(), HOST) == reason


# --- doing a step -----------------------------------------------------------------------------------------------


def silent(progress):
    """Nobody listens."""


def test_a_step_is_done_once(store, forget):
    pytest.importorskip("sklearn")
    step = steps()["data"]
    artifact = perform(step, store, silent)
    assert artifact.key == step.key
    assert perform(step, store, silent) == artifact
    assert store.artifacts() == [artifact]


def test_a_child_does_a_step_into_the_same_store(store, tmp_path):
    npz(tmp_path / "flowers.npz")
    step = steps(FLOWERS, (("flowers", tmp_path / "flowers.npz"),))["data"]
    with process.Child([sys.executable, "-m", "dlas.realise"], process.environment(1)) as child:
        answer = child.ask({"step": as_message(step), "store": str(store.root)}, 60)
    assert answer["key"] == step.key
    assert data.load(store.get(step.key), "test")[0].shape == (2, 1, 4, 4)


def test_a_childs_error_about_the_users_data_arrives_as_such(store, tmp_path):
    (tmp_path / "flowers.npz").write_text("roses")
    step = steps(FLOWERS, (("flowers", tmp_path / "flowers.npz"),))["data"]
    with (
        process.Child([sys.executable, "-m", "dlas.realise"], process.environment(1)) as child,
        pytest.raises(DataError, match=r"dataset npz@flowers: .* is no readable \.npz file"),
    ):
        child.ask({"step": as_message(step), "store": str(store.root)}, 60)
    assert store.artifacts() == []


def test_a_step_whose_input_is_missing_says_so(store):
    step = steps()["model"]
    with pytest.raises(BuildFailed) as caught:
        perform(step, store, silent)
    why = "is not in the store; it was removed while the study ran, run again"
    assert str(caught.value) == f"artifact {step.inputs[0][:12]} {why}"


def test_a_step_of_another_package_is_done(store, toy_site, monkeypatch, forget):
    monkeypatch.syspath_prepend(toy_site)
    forget()
    toy = steps(Stack(compression="toy@2"))["toy@2"]
    inputs = [store.build({"network": 1}, lambda out, work: write(out / "weights")), store.build({"data": 1}, nothing)]
    step = replace(toy, inputs=tuple(artifact.key for artifact in inputs))
    artifact = perform(step, store, silent)
    assert artifact.file("weights").read_text() == "1 2 3"
    assert artifact.facts == {"parameters": 3}
    sys.modules.pop("dlas_toy", None)


def test_the_code_of_another_package_is_in_its_key(toy_site, tmp_path, monkeypatch, forget):
    site = shutil.copytree(toy_site, tmp_path / "site", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(site)
    stack = Stack(compression="toy@2")
    forget()
    before = keys(stack)
    module = site / "dlas_toy.py"
    module.write_text(module.read_text().replace("return dict(before.facts)", "return {**before.facts}"))
    forget()
    assert differing(before, keys(stack)) == ["toy@2", "executable"]
    sys.modules.pop("dlas_toy", None)


def write(path):
    path.write_text("1 2 3")
    return {"parameters": 3}


def nothing(out, work):
    return {}


def npz(path):
    import numpy as np

    images, labels = np.arange(20 * 16, dtype=np.float32).reshape(20, 1, 4, 4), np.arange(20) % 2
    np.savez(path, x_train=images, y_train=labels, x_test=images[:2], y_test=labels[:2])
