"""Which steps of a chain can follow each other."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from dlas import registry
from dlas.layers.compression import leaves_module, obstacle, precision

(RESNET,) = registry.parse("model", "resnet8")


@dataclass(frozen=True)
class OnnxFile:
    """A model that has no torch module."""

    name: ClassVar = "onnx-file"
    leaves_module: ClassVar = False


def said(chain, model=RESNET):
    return obstacle(registry.parse("compression", chain), model)


@pytest.mark.parametrize(
    "chain",
    [
        "none",
        "int8",
        "weight-prune@0.5",
        "channel-prune@0.5+weight-prune@0.5+int8",
        "weight-prune@0.9+fp16",
        "block-prune@0.5+ternary",
        "none+int8+none",
        "weight-prune@0.5+none+channel-prune@0.5",
    ],
)
def test_steps_that_fit_have_no_obstacle(chain):
    assert said(chain) is None


@pytest.mark.parametrize(
    ("chain", "first", "second"),
    [
        ("int8+weight-prune@0.5", "int8", "weight-prune"),
        ("weight-prune@0.5+int8+none+weight-prune@0.6", "int8", "weight-prune"),
        ("fp16+int8", "fp16", "int8"),
        ("int8+bf16", "int8", "bf16"),
        ("ternary+fp16", "ternary", "fp16"),
        ("bf16+fp16", "bf16", "fp16"),
    ],
)
def test_nothing_follows_a_step_that_stores_weights_in_a_form_of_its_own(chain, first, second):
    assert said(chain) == f"{second} cannot follow {first}, whose stored weights it would change; put {first} last"


@pytest.mark.parametrize(
    "chain", ["int8", "fp16", "bf16", "weight-prune@0.5,finetune=0", "weight-prune@0.5,finetune=0+int8"]
)
def test_a_file_without_a_module_can_be_stored_smaller_and_pruned_as_it_is(chain):
    assert said(chain, OnnxFile()) is None


@pytest.mark.parametrize(
    ("chain", "name", "remedy"),
    [
        ("weight-prune@0.5", "weight-prune", "add finetune=0 to prune the file as it is"),
        *(
            (f"{name}@0.5", name, "give the network as a Python factory (model python@package.module:function)")
            for name in ("channel-prune", "block-prune", "ternary")
        ),
    ],
)
def test_what_needs_a_module_is_refused_with_the_way_round(chain, name, remedy):
    assert said(chain, OnnxFile()) == f"{name} needs a torch module, and there is none; {remedy}"


def test_a_module_is_left_unless_the_model_or_a_step_leaves_none():
    chain = registry.parse("compression", "weight-prune@0.5+fp16")
    assert leaves_module(chain, RESNET)
    assert not leaves_module(chain, OnnxFile())
    assert not leaves_module(registry.parse("compression", "weight-prune@0.5+int8"), RESNET)


@pytest.mark.parametrize(
    ("chain", "promised"),
    [
        ("none", "float32"),
        ("weight-prune@0.5", "float32"),
        ("fp16", "float32"),
        ("weight-prune@0.5+fp16@compute=fp16", "float16"),
        ("bf16@compute=bf16", "bfloat16"),
        ("channel-prune@0.5+int8+none", "int8"),
    ],
)
def test_a_chain_promises_the_arithmetic_of_its_last_step_that_speaks_of_it(chain, promised):
    assert precision(registry.parse("compression", chain)) == promised
