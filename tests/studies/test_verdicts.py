"""The study's claims: what is planted in a cube comes out of it, and what a cube cannot tell is said."""

import claims
import numpy as np
import pytest
import seeds
import xarray
from evidence import Evidence, Stated, freedom, judge
from handmade import HOST
from stacks import figures_of, planted, two_hosts

from dlas.analysis.claims import INCONCLUSIVE, REFUTED, SUPPORTED, UNTESTABLE
from dlas.measure.statistics import PRIOR_WEIGHT


def judged(rule, *effects, error=1.0):
    pieces = [Evidence(effect, error, f"{effect}") for effect in effects]
    return judge(Stated("0", "it is so", "somebody", rule, lambda _: pieces), pieces)


@pytest.mark.parametrize(
    ("rule", "effects", "expected"),
    [
        ("all", (3, 4, 5), SUPPORTED),
        ("all", (3, 4, 0.5), INCONCLUSIVE),
        ("all", (3, 4, -2.1), INCONCLUSIVE),  # one of three: not beyond chance
        ("all", (30, 40, -3), REFUTED),
        ("some", (-9, 0, 3), SUPPORTED),
        ("some", (-9, 0, 2.1), INCONCLUSIVE),
        ("some", (-9, -3, -2.1), REFUTED),
        ("usually", (3,) * 9 + (-3,), SUPPORTED),
        ("usually", (-3,) * 9 + (3,), REFUTED),
        ("usually", (3, 3, -3), INCONCLUSIVE),
        ("usually", (1, -1), INCONCLUSIVE),
        ("usually", (), UNTESTABLE),
    ],
)
def test_a_verdict_follows_its_rule(rule, effects, expected):
    assert judged(rule, *effects).verdict == expected


def test_of_many_pieces_those_known_by_few_processes_must_be_clearer():
    def of_many(freedom, among=1):
        pieces = [Evidence(5.0, 1.0, "it", freedom, among), *(Evidence(0.0, 1.0, "not", freedom) for _ in range(99))]
        return judge(Stated("0", "it is so", "somebody", "some", lambda _: pieces), pieces).verdict

    assert [of_many(freedom) for freedom in (np.inf, 60, 4)] == [SUPPORTED, SUPPORTED, INCONCLUSIVE]
    assert of_many(np.inf, among=10**6) == INCONCLUSIVE


def test_degrees_of_freedom_are_those_that_the_cube_holds_or_follow_from_its_processes():
    int8 = {"compression": "int8"}
    held = [({"compression": "fp16"}, figures_of(0.0, relative_latency_freedom=8.0)), (int8, figures_of(0.0))]
    assert freedom(planted(held, HOST), "latency") == 8
    cube = planted([({}, figures_of(0.0, processes=3)), (int8, figures_of(0.0, processes=2))], HOST)
    assert freedom(cube.drop_vars("relative_latency_freedom"), "latency") == 1 + PRIOR_WEIGHT
    assert freedom(cube, "size") == freedom(cube, "accuracy") == np.inf
    assert freedom(planted(of_seeds(0.88, 0.86, 0.90), HOST), "accuracy") == 2


def test_the_deciding_piece_is_told():
    assert judged("all", 30, 40, -3).told == "2 of 3 bear out, 1 contradict; against it most clearly: -3"
    assert judged("some", -9, 0, 3).told == "1 of 3 bear out, 1 contradict; for it most clearly: 3"


def test_every_claim_has_a_verdict_and_without_cells_it_is_untestable():
    cube = planted([({}, figures_of(0.0)), ({"compression": "int8"}, figures_of(0.1))], HOST)
    found = {one.claim.number: one for one in claims.verdicts(cube)}
    assert len(found) == len(claims.CLAIMS)
    assert {one.verdict for one in found.values()} <= {SUPPORTED, REFUTED, INCONCLUSIVE, UNTESTABLE}
    assert found["2"].told == "the cube has one processor model; ceilings and threads are no other hardware"
    assert (found["3"].verdict, found["3"].told) == (UNTESTABLE, "no cell is tuned yet")
    assert found["7a"].verdict == found["11"].verdict == found["12"].verdict == UNTESTABLE


def verdict(number, values):
    return verdict_on(number, planted(values, HOST))


def verdict_on(number, cube):
    (found,) = [one for one in claims.verdicts(cube) if one.claim.number == number]
    return found


def test_a_slow_int8_is_seen_and_a_fast_one():
    both = {"compression": "int8", "codegen": "openvino"}, {"compression": "int8", "codegen": "onnxruntime"}
    plain = [({"codegen": "openvino"}, figures_of(0.0)), ({"codegen": "onnxruntime"}, figures_of(0.0))]
    values = [*plain, (both[0], figures_of(-0.5)), (both[1], figures_of(0.5))]
    assert verdict("9a", values).verdict == verdict("9b", values).verdict == SUPPORTED
    assert "compression=int8 codegen=openvino against codegen=openvino, 0.607" in verdict("9a", values).told
    assert verdict("9b", values[:3]).verdict == REFUTED


def test_the_fastest_primitive_that_changes_with_quantisation():
    def values(late):
        return [
            ({"primitive": "direct"}, figures_of(0.2)),
            ({"primitive": "gemm"}, figures_of(0.5)),
            ({"primitive": "direct", "compression": "fp16"}, figures_of(0.5)),
            ({"primitive": "gemm", "compression": "fp16"}, figures_of(late)),
            ({"compression": "fp16"}, figures_of(0.0)),
        ]

    assert verdict("4", values(0.9)).verdict == INCONCLUSIVE
    assert verdict("4", values(-0.5)).verdict == SUPPORTED
    assert (
        "native beats gemm by 1.65 [1.60, 1.70]× with compression=none (baseline), but"
        in verdict("4", values(-0.5)).told
    )


def test_a_larger_executable_that_is_faster_contradicts_the_size():
    values = [
        ({"compression": "fp16"}, figures_of(0.3, size=500.0)),
        ({"compression": "channel-prune@0.5"}, figures_of(-1.0, size=250.0)),
    ]
    assert verdict("1a", values).verdict == SUPPORTED
    assert "compression=fp16 has less size than baseline" in verdict("1a", values).told
    assert verdict("1a", values[1:]).verdict != SUPPORTED


def losing(datasets=("digits",), **losses):
    """Cells of networks, plain and pruned, that lose so much accuracy."""
    models = {name: {"model": text} for name, text in NETWORKS.items()}
    for dataset in datasets:
        for name, lost in losses.items():
            yield {**models[name], "dataset": dataset}, figures_of(0.0)
            yield {**models[name], "dataset": dataset, "compression": "weight-prune@0.9"}, figures_of(0.0, 0.9 - lost)


NETWORKS = {
    "mobilenet": "mobilenetv2@width=0.25",
    "efficientnet": "efficientnet-b0@width=0.25",
    "vgg": "vgg16@width=0.2",
    "resnet": "resnet18@width=0.2",
}


def test_what_compact_networks_lose_is_compared_with_what_roomy_ones_lose_once_for_all_of_them():
    near = {"mobilenet": 0.20, "efficientnet": 0.202, "vgg": 0.01, "resnet": 0.012}
    found = verdict("5", [*losing(("digits", "fashion-mnist@fashion"), **near)])
    assert [piece.effect for piece in found.pieces] == pytest.approx([0.19, 0.19]), "one for each data set"
    assert "weight-prune@0.9 on digits costs compact networks 20" in found.told
    of_two = 12.706 * 0.001 / 1.96  # Student's t with one degree of freedom, of two that are two thousandths apart
    assert [piece.error for piece in found.pieces] == pytest.approx([np.hypot(of_two, of_two)] * 2, rel=1e-3)


def test_networks_that_are_alike_are_known_as_well_as_their_accuracies():
    (piece,) = verdict("5", [*losing(mobilenet=0.2, efficientnet=0.2, vgg=0.01, resnet=0.01)]).pieces
    assert piece.error == pytest.approx(np.sqrt(2) * 0.002, rel=1e-3)


def test_one_network_says_nothing_of_its_kind():
    assert verdict("5", [*losing(mobilenet=0.2, efficientnet=0.2, resnet=0.01)]).verdict == UNTESTABLE


def test_what_tuning_gains_is_compared_within_each_network():
    tuned = {"codegen": "tvm@schedule=tuned"}
    dense, sparse = {"primitive": "direct"}, {"primitive": "csr-direct@threshold=0", "compression": "weight-prune@0.9"}
    gains = {"vgg16@width=0.2": (1.0, 0.2), "resnet20": (0.5, 0.4)}
    values = []
    for model, of in gains.items():
        for changes, gain in zip((dense, sparse), of, strict=True):
            values += [({**changes, "model": model}, figures_of(0.0))]
            values += [({**changes, **tuned, "model": model}, figures_of(-gain))]
    assert [piece.effect for piece in verdict("10", values).pieces] == pytest.approx([0.8, 0.1])


def test_executables_of_one_network_are_one_piece_of_evidence_for_its_accuracy():
    values = [({"codegen": c, "compression": "fp16"}, figures_of(0.0)) for c in ("tvm", "openvino", "torch")]
    values += [({"codegen": c}, figures_of(0.0)) for c in ("openvino", "torch")]
    assert len(verdict("8a", values).pieces) == 1
    assert len(verdict("8b", values).pieces) == 3, "each is timed by itself"


# --- several hosts ---------------------------------------------------------------------------------------------------


def two(here, there, **more):
    """A merged cube of cells on two hosts, each with log latencies of its own."""
    return two_hosts(*([(changes, figures_of(log)) for changes, log in of] for of in (here, there)), **more)


PLAIN, FP16, THREADS = {}, {"compression": "fp16"}, {"hardware": "cpu@threads=2"}
SMALL = [(PLAIN, 0.0), (FP16, 0.0), (THREADS, -0.5), ({**FP16, **THREADS}, -1.5)]


def test_what_a_technique_gains_is_compared_between_processors_and_never_between_threads():
    found = verdict_on("2", two(SMALL, [(PLAIN, 0.5), (FP16, -0.2), (THREADS, 0.0), ({**FP16, **THREADS}, 0.0)]))
    assert found.verdict == SUPPORTED
    (piece,) = found.pieces
    assert piece.told.startswith("fp16 multiplies latency by 0.497 [")
    assert piece.told.endswith("]× as much with cpu@at=two as with cpu@at=one")
    assert verdict_on("2", two(SMALL, [(PLAIN, 0.5), (FP16, 0.5), (THREADS, 0.0)])).verdict == INCONCLUSIVE
    assert verdict_on("2", planted([(c, figures_of(log)) for c, log in SMALL], HOST)).verdict == UNTESTABLE


def test_two_machines_of_one_model_are_no_other_hardware():
    found = verdict_on("2", two(SMALL, [(PLAIN, 0.5), (FP16, -0.2)], model=HOST.cpu))
    assert (found.verdict, found.told) == (
        UNTESTABLE,
        "the cube has one processor model; ceilings and threads are no other hardware",
    )


def test_other_claims_are_judged_within_each_host_whose_name_is_told():
    cube = two(SMALL, [(PLAIN, 0.5), (FP16, -0.2), ({"codegen": "openvino"}, 0.0)])
    found = verdict_on("8b", cube)
    assert [piece.told.rpartition(", ")[2] for piece in found.pieces] == ["on one", "on one", "on two"]
    assert [piece.effect for piece in found.pieces] == pytest.approx([np.log(1.05) - gain for gain in (0, 1, 0.7)])
    assert len(verdict_on("8a", cube).pieces) == 2, "each host has its plain cells, whatever it is called"


# --- seeds -----------------------------------------------------------------------------------------------------------


def of_seeds(*accuracies, compression="weight-prune@0.5", plain=0.9):
    """Cells of ResNet-20 from several seeds, plain and compressed."""
    models = ["resnet20" + (f"@seed={seed}" if seed else "") for seed in range(len(accuracies))]
    values = [({"model": model}, figures_of(0.0, plain)) for model in models]
    pairs = zip(models, accuracies, strict=True)
    return values + [({"model": m, "compression": compression}, figures_of(0.0, a)) for m, a in pairs]


def test_the_spread_between_seeds_is_that_of_what_a_compression_does():
    found = seeds.spreads(planted(of_seeds(0.88, 0.86, 0.90), HOST))["weight-prune@0.5"]
    assert (found.deviation, found.freedom) == (pytest.approx(0.02), 2)
    assert found.half == pytest.approx(4.303 * 0.02, rel=1e-3)  # Student's t with two degrees of freedom


def test_intervals_of_accuracy_are_widened_by_it_and_those_of_plain_networks_are_not():
    cube = planted(of_seeds(0.88, 0.86, 0.90), HOST)
    wide = seeds.widened(cube)
    low = (cube["accuracy_change"] - wide["accuracy_change_low"]).sel(compression="weight-prune@0.5").values
    known = low[np.isfinite(low)]
    assert known == pytest.approx(np.hypot(1.96 * 0.002, 4.303 * 0.02), rel=1e-3)
    xarray.testing.assert_allclose(wide.sel(compression="none"), cube.sel(compression="none"))


def test_a_compression_without_seeds_takes_the_largest_spread_of_its_technique_or_of_all():
    values = of_seeds(0.88, 0.86, 0.90)
    values += of_seeds(0.80, 0.70, 0.90, compression="weight-prune@0.9")[3:]
    values += [({"compression": text}, figures_of(0.0)) for text in ("weight-prune@0.8", "fp16")]
    wide = seeds.widened(planted(values, HOST))
    halves = (wide["accuracy_high"] - wide["accuracy"]).max(["dataset", "model", "primitive", "codegen", "hardware"])
    assert halves.sel(compression="weight-prune@0.8") == pytest.approx(halves.sel(compression="weight-prune@0.9"))
    assert halves.sel(compression="fp16") == pytest.approx(halves.sel(compression="weight-prune@0.9"))


def test_a_cube_without_a_second_seed_is_left_alone():
    cube = planted([({"compression": "int8"}, figures_of(0.0))], HOST)
    assert seeds.widened(cube) is cube


def test_chance_between_seeds_makes_a_claim_about_accuracy_inconclusive():
    less = [({"compression": "fp16"}, figures_of(0.0, 0.899, accuracy_error=1e-4))]
    assert verdict("8a", less).verdict == SUPPORTED
    assert verdict("8a", less + of_seeds(0.88, 0.86, 0.90, compression="fp16")).verdict != SUPPORTED


def test_networks_that_differ_by_seed_only_are_known_by_their_text():
    assert seeds.unseeded("resnet20@seed=2") == seeds.unseeded("resnet20") == "resnet20"
    assert seeds.unseeded("mobilenetv2@width=0.25,seed=1,weights=zoo") == "mobilenetv2@width=0.25,weights=zoo"
