"""Every technique on small networks: it builds, exports and runs, and the rebuilt module is the ONNX file."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from dlas import data, network
from dlas.errors import Inapplicable
from dlas.layers.compression import initialisers, quantisers

FINETUNE = "finetune=200"
TUNED = {
    "weight-prune": f"weight-prune@0.9,{FINETUNE}",
    "iterative": f"weight-prune@0.9,schedule=iterative,scope=operator,{FINETUNE}",
    "block-prune": f"block-prune@0.5,{FINETUNE}",
    "channel-prune": f"channel-prune@0.5,criterion=fisher,{FINETUNE}",
    "ternary": f"ternary@{FINETUNE}",
}
CHAINS = {
    **TUNED,
    "fp16": "fp16",
    "bf16": "bf16",
    "pruned fp16": f"{TUNED['weight-prune']}+fp16",
    "slim fp16": f"{TUNED['channel-prune']}+fp16",
}
MODELS = ["resnet8@width=0.5", pytest.param("mobilenetv1", marks=pytest.mark.slow)]


def stored_weights(made, before):
    """The integers of a quantised network, by the initialisers of the one before."""
    names = initialisers.names(onnx.load(before.file(network.ONNX)))
    return quantisers.stored_weights(made.file(network.ONNX), names)


def images(bench, count=32):
    return data.load(bench.source, "test")[0][:count]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_the_rebuilt_module_and_the_onnx_agree(bench, model, chain):
    import torch

    made = bench.compressed(bench.network(model), chain)
    expected = network.run(made.file(network.ONNX), images(bench))
    with torch.inference_mode():
        logits = network.rebuild(made)(torch.from_numpy(images(bench))).numpy()
    assert np.abs(logits - expected).max() <= 1e-4 * np.abs(expected).max()
    operators = network.read_operators(made.file(network.ONNX)) if made.facts.get("storage") is None else None
    assert operators is None or sum(o.macs for o in operators) == made.facts["macs"]


@pytest.mark.parametrize("chain", TUNED.values(), ids=TUNED)
def test_what_fine_tuning_cost_and_the_accuracy_before_it_are_told(bench, chain):
    made = bench.compressed(bench.network("resnet8@width=0.5"), chain)
    assert made.facts["finetune_images"] == 200
    assert 0 <= made.facts["validation_accuracy_before_finetuning"] <= 1


def test_a_network_with_random_weights_is_not_tuned_and_has_no_accuracy(bench):
    made = bench.compressed(bench.network("resnet8@width=0.5", trained=False), "weight-prune@0.5")
    assert made.facts["accuracy"] is None
    assert "finetune_images" not in made.facts


# --- zeros ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", [TUNED["weight-prune"], TUNED["iterative"], TUNED["weight-prune"] + "+fp16"])
def test_zeros_are_exact_as_many_as_asked_and_the_same_in_file_and_module(bench, chain):
    made = bench.compressed(bench.network("resnet8@width=0.5"), chain)
    from safetensors.numpy import load_file

    stored = load_file(made.file(network.WEIGHTS))
    weights = {name: stored[name] for name in made.facts["sparsity"]}
    zeros, total = (sum(count(w) for w in weights.values()) for count in (lambda w: (w == 0).sum(), np.size))
    slack = len(weights) / 2 if "operator" in chain else 0.5
    assert abs(zeros - 0.9 * total) <= slack
    by_operator = [o["parameters"] - o["nonzeros"] for o in made.facts["operators"]]
    assert sum(by_operator) == zeros
    assert made.facts["sparsity"] == {name: float((w == 0).mean()) for name, w in weights.items()}


def test_pruned_zeros_survive_int8(bench):
    pruned = bench.compressed(bench.network("resnet8@width=0.5"), TUNED["weight-prune"])
    made = bench.compressed(pruned, "int8")
    before = initialisers.values(onnx.load(pruned.file(network.ONNX)))
    integers = stored_weights(made, pruned)
    assert integers.keys() == before.keys()
    for name, value in before.items():
        assert (integers[name][value == 0] == 0).all()
    assert made.facts["nonzeros"] <= pruned.facts["nonzeros"]
    names = [o["name"] for o in pruned.facts["operators"]]
    assert [o["name"] for o in made.facts["operators"]] == names


def test_zeros_of_an_earlier_step_stay_through_a_later_ones_fine_tuning(bench):
    pruned = bench.compressed(bench.network("resnet8@width=0.5"), TUNED["weight-prune"])
    made = bench.compressed(pruned, f"channel-prune@0.25,{FINETUNE}")
    zeros = 1 - sum(o["nonzeros"] for o in made.facts["operators"]) / sum(
        o["parameters"] for o in made.facts["operators"]
    )
    assert zeros > 0.5


def test_blocks_of_zeros_are_whole_in_the_artifact(bench):
    from safetensors.numpy import load_file

    from dlas.layers.compression.block_prune import blocks

    made = bench.compressed(bench.network("resnet8@width=0.5"), TUNED["block-prune"])
    stored = load_file(made.file(network.WEIGHTS))
    cut = [blocks(stored[n] != 0, 16, 1) for n in made.facts["sparsity"] if stored[n].shape[0] % 16 == 0]
    assert cut
    assert all(np.array_equal(part.all((1, 3)), part.any((1, 3))) for part in cut)
    gone = sum((~part.any((1, 3))).sum() for part in cut)
    assert abs(gone - 0.5 * sum(part.any((1, 3)).size for part in cut)) <= 0.5


def test_what_channel_pruning_left_is_told(bench):
    before = bench.network("resnet8@width=0.5")
    made = bench.compressed(before, TUNED["channel-prune"])
    assert made.facts["macs_left"] == made.facts["macs"] / before.facts["macs"] < 0.6
    assert made.facts["parameters_left"] == made.facts["parameters"] / before.facts["parameters"] < 0.6


# --- what is stored ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chain", "kind"), [("fp16", onnx.TensorProto.FLOAT16), ("bf16", onnx.TensorProto.BFLOAT16)])
def test_half_precision_is_stored_in_file_and_module_and_stays_near_the_reference(bench, chain, kind):
    from safetensors import safe_open

    before = bench.network("resnet8@width=0.5")
    made = bench.compressed(before, chain)
    stored = onnx.load(made.file(network.ONNX)).graph.initializer
    halves = [t for t in stored if t.data_type == kind]
    assert sum(numpy_helper.to_array(t).size for t in halves) == sum(o["parameters"] for o in before.facts["operators"])
    assert made.facts["weights_size"] == sum(numpy_helper.to_array(t).nbytes for t in stored)
    assert made.facts["weights_size"] < 0.6 * 4 * before.facts["parameters"]
    with safe_open(made.file(network.WEIGHTS), "np") as file:
        assert file.get_slice("0.0.weight").get_dtype() == {"fp16": "F16", "bf16": "BF16"}[chain]
    indices, logits = network.reference(made)
    error = np.abs(network.run(made.file(network.ONNX), data.load(bench.source, "test")[0][indices]) - logits).max()
    assert 0 < error <= 2e-2 * np.abs(logits).max()


def test_ternary_weights_take_two_bits_in_the_file_and_three_values_in_the_module(bench):
    from safetensors.numpy import load_file

    made = bench.compressed(bench.network("resnet8@width=0.5"), TUNED["ternary"])
    stored = load_file(made.file(network.WEIGHTS))
    names = list(made.facts["sparsity"])
    values = [len(np.unique(stored[name])) for name in names]
    assert values[0] > 3
    assert values[-1] > 3
    assert set(values[1:-1]) == {3}
    packed = [t for t in onnx.load(made.file(network.ONNX)).graph.initializer if t.name.endswith("_packed")]
    sizes = {f"{name}_packed": -(-stored[name].size // 4) for name in names[1:-1]}
    assert {t.name: numpy_helper.to_array(t).nbytes for t in packed} == sizes
    logits = network.run(made.file(network.ONNX), data.load(bench.source, "test")[0][network.reference(made)[0]])
    assert np.abs(logits - network.reference(made)[1]).max() <= 1e-4 * np.abs(logits).max()


@pytest.mark.parametrize(
    "option",
    [
        "int8",
        "int8@calibration=8,method=percentile",
        pytest.param("int8@calibration=8,method=entropy", marks=pytest.mark.slow),
        pytest.param("int8@quantizer=nncf", marks=pytest.mark.slow),
    ],
)
def test_int8_is_integer_in_the_file_and_in_the_runtime(bench, option, tmp_path):
    import onnxruntime

    if "nncf" in option:
        pytest.importorskip("nncf")
    before = bench.network("resnet8@width=0.5")
    made = bench.compressed(before, option)
    assert made.facts["module"] is False
    assert made.facts["calibration_images"] == (8 if "calibration" in option else 128)
    integers = stored_weights(made, before)
    assert {array.dtype for array in integers.values()} == {np.dtype("int8")}
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(made.file(network.ONNX), options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert kinds.count("QLinearConv") == len(integers) - 1
    assert "Conv" not in kinds


def test_more_calibration_images_than_there_are_are_refused(bench):
    with pytest.raises(Inapplicable) as caught:
        bench.compressed(bench.network("resnet8@width=0.5"), "int8@calibration=129")
    assert str(caught.value) == (
        "compression int8: calibration=129 is more than the 128 calibration images of dataset digits; "
        "give calibration=128 or less"
    )


@pytest.mark.parametrize("quantizer", ["onnxruntime", pytest.param("nncf", marks=pytest.mark.slow)])
def test_seven_bits_leave_room_for_the_sum_of_two_products(bench, quantizer):
    if quantizer == "nncf":
        pytest.importorskip("nncf")
    before = bench.network("resnet8@width=0.5")
    largest = {
        bits: max(int(np.abs(array.astype(int)).max()) for array in stored_weights(made, before).values())
        for bits in (7, 8)
        for made in [bench.compressed(before, f"int8@bits={bits},quantizer={quantizer}")]
    }
    assert largest[7] <= 64 < largest[8] <= 128
    assert 2 * 255 * largest[7] <= np.iinfo(np.int16).max


def test_a_quantised_network_keeps_both_references(bench):
    before = bench.network("resnet8@width=0.5")
    made = bench.compressed(before, "int8")
    (indices, logits), (_, unquantised) = network.reference(made), network.reference(before)
    assert (logits == unquantised).all()
    expected = network.run(made.file(network.ONNX), data.load(bench.source, "test", indices)[0], optimise=False)
    assert (network.quantised_reference(made) == expected).all()
    assert not np.array_equal(expected, logits)


# --- a user's file ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chain", ["fp16", "bf16", "int8", "weight-prune@0.5,finetune=0", "weight-prune@0.5,finetune=0+int8"]
)
def test_a_file_without_a_module_is_compressed_as_it_is(bench, chain):
    before = bench.file_only("resnet8@width=0.5")
    made = bench.compressed(before, chain)
    assert made.facts["module"] is False
    assert set(made.files) == {network.ONNX, network.REFERENCE}
    logits = network.run(made.file(network.ONNX), images(bench))
    assert np.isfinite(logits).all()
    if "weight-prune" in chain:
        operators = made.facts["operators"]
        share = sum(o["nonzeros"] for o in operators) / sum(o["parameters"] for o in operators)
        assert share == pytest.approx(0.5, abs=0.03)


def test_pruning_a_file_zeroes_the_weights_that_pruning_its_module_would(bench):
    option = "weight-prune@0.5,scope=operator,finetune=0"
    made = bench.compressed(bench.file_only("resnet8@width=0.5"), option)
    weights = initialisers.values(onnx.load(made.file(network.ONNX)))
    assert all(abs((w == 0).sum() - 0.5 * w.size) <= 0.5 for w in weights.values())
    assert list(made.facts["sparsity"]) == list(weights)


def unfolded(name):
    """Two convolutions with batch normalisation, a product of two activations, a linear one; nodes named or not."""
    generator = np.random.default_rng(0)
    sizes = {"w0": (8, 1, 3, 3), "w1": (8, 8, 3, 3), "w2": (8, 10), "bias": (10,)}
    sizes |= {f"{kind}{i}": (8,) for kind in "sbmv" for i in range(2)}
    values = {key: generator.uniform(0.5, 1.5, size).astype(np.float32) for key, size in sizes.items()}
    values["w1"][2] = 0
    steps = [
        *("Conv input w0 a0", "BatchNormalization a0 s0 b0 m0 v0 n0", "Relu n0 r0"),
        *("Conv r0 w1 a1", "BatchNormalization a1 s1 b1 m1 v1 n1", "MatMul n1 r0 product"),
        *("GlobalAveragePool product pooled", "Flatten pooled flat", "MatMul flat w2 linear", "Add linear bias logits"),
    ]
    nodes = []
    for step in steps:
        kind, *given, made = step.split()
        padding = {"pads": [1] * 4} if kind == "Conv" else {}
        nodes.append(onnx.helper.make_node(kind, given, [made], name=name and f"{name} {made}", **padding))
    ends = [("input", ["batch", 1, 8, 8]), ("logits", ["batch", 10])]
    ends = [onnx.helper.make_tensor_value_info(end, onnx.TensorProto.FLOAT, shape) for end, shape in ends]
    constants = [numpy_helper.from_array(value, key) for key, value in values.items()]
    graph = onnx.helper.make_graph(nodes, "net", ends[:1], ends[1:], constants)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize("quantizer", ["onnxruntime", pytest.param("nncf", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["", "node"])
def test_batch_norms_that_the_quantiser_folds_and_products_of_activations_are_no_obstacle(bench, name, quantizer):
    if quantizer == "nncf":
        pytest.importorskip("nncf")

    def make(out, work):
        onnx.save(unfolded(name), out / network.ONNX)
        return network.save_onnx(out, "onnx@net", bench.source, trained=False)

    before = bench.store.build({"unfolded": name}, make)
    made = bench.compressed(before, f"int8@quantizer={quantizer}")
    assert list(made.facts["sparsity"]) == ["w0", "w1", "w2"]
    assert [o["name"] for o in made.facts["operators"]] == [o["name"] for o in before.facts["operators"]]
    assert made.facts["operators"][1]["nonzeros"] == 7 * 8 * 9
    assert made.facts["nonzeros"] == before.facts["nonzeros"]
    assert np.isfinite(network.run(made.file(network.ONNX), images(bench))).all()
