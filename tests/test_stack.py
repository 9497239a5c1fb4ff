"""The stack as a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas.errors import OptionError
from dlas.option import LAYERS
from dlas.stack import Stack

TEXTS = {
    "dataset": ["digits", "npz@flowers", "npz@a%2Cb,seed=3"],
    "model": ["resnet8", "resnet20@width=2", "mobilenetv1"],
    "compression": ["none", "weight-prune@0.9", "channel-prune@0.5+int8"],
    "primitive": ["native"],
    "codegen": ["openvino", "onnxruntime", "torch"],
    "hardware": ["cpu", "cpu@threads=2", "cpu@batch=8"],
}
stacks = st.builds(Stack, **{layer: st.sampled_from(texts) for layer, texts in TEXTS.items()})


def test_it_holds_canonical_text():
    stack = Stack(compression="weight-prune@0.90", hardware="cpu@threads=1")
    assert (stack.compression, stack.hardware) == ("weight-prune@0.9", "cpu")


def test_stacks_are_equal_when_their_options_are():
    assert Stack(compression="weight-prune@.50") == Stack(compression="weight-prune@sparsity=0.5")
    assert len({Stack(), Stack(hardware="cpu@batch=1"), Stack(hardware="cpu@batch=2")}) == 2


@given(stacks)
def test_a_stack_is_its_six_texts(stack):
    assert Stack(**stack.as_dict()) == stack
    assert tuple(stack.as_dict()) == LAYERS


@given(stacks, stacks)
def test_perturbing_by_what_the_difference_names_gives_the_stack(stack, baseline):
    name = stack.difference(baseline)
    changes = {} if name == "baseline" else dict(part.split("=", 1) for part in name.split(" "))
    assert baseline.perturb(**changes) == stack


def test_the_baseline_is_called_so():
    assert Stack().difference(Stack()) == "baseline"


def test_a_cell_is_named_by_what_is_varied_in_the_order_of_the_layers():
    cell = Stack().perturb(codegen="torch", compression="weight-prune@0.50")
    assert cell.difference(Stack()) == "compression=weight-prune@0.5 codegen=torch"


def test_perturbing_leaves_the_stack_alone():
    stack = Stack()
    stack.perturb(model="resnet20")
    assert stack.model == "resnet8"


def test_options_of_a_chain_are_its_steps_in_order():
    assert [step.name for step in Stack(compression="channel-prune@0.5+int8").options("compression")] == [
        "channel-prune",
        "int8",
    ]


def test_an_unknown_layer_is_refused_with_the_six():
    with pytest.raises(OptionError) as caught:
        Stack().perturb(compiler="tvm")
    layers = "dataset, model, compression, primitive, codegen, hardware"
    assert str(caught.value) == f"unknown layer 'compiler'; the layers are: {layers}"


def test_an_option_of_another_layer_is_refused():
    with pytest.raises(OptionError, match="model: unknown option 'int8'"):
        Stack(model="int8")


@given(st.sampled_from(LAYERS), st.text())
def test_fuzzed_text_is_a_stack_or_an_option_error(layer, text):
    try:
        stack = Stack(**{layer: text})
    except OptionError:
        return
    assert Stack(**stack.as_dict()) == stack
