"""The claims under test, and what a cube says of each.

    python studies/across-stack/claims.py CUBE.nc

Sources: the two abstracts (arXiv 2311.08909; ACM TACO 10.1145/3688609) and the conclusions of IISWC 2018
(arXiv 1809.07196). Everything else is a hypothesis of ours, in the same field, and no paper's statement.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import seeds
import xarray as xr
from evidence import (
    Evidence,
    Stated,
    Verdict,
    contexts,
    contradictions,
    contrast,
    freedom,
    gathered,
    judge,
    mean,
    of_kind,
    pairs,
)

from dlas import api
from dlas.analysis import cells
from dlas.analysis.claims import Comparison
from dlas.analysis.flips import rank_flips
from dlas.analysis.interactions import interactions
from dlas.analysis.quantities import Z, change, find
from dlas.cube import select
from dlas.errors import CubeError
from dlas.merge import anywhere, apart

ARXIV, TACO, IISWC = "DLAS, abstract (arXiv)", "DLAS, abstract (TACO)", "IISWC 2018, conclusions"
OURS = "a hypothesis of ours"
UNTUNED, TUNED = "tvm", "tvm@schedule=tuned"
INT8 = ("int8", "int8@bits=7")  # the latter where a processor without VNNI would saturate
QUANTISED = ("none", "fp16", *INT8, "ternary")
DENSE, SPARSE = "direct", "csr-direct@threshold=0"
COMPACT = ("mobilenetv1", "mobilenetv2", "efficientnet-b0")
ROOMY = ("vgg16", "resnet18", "resnet20")
FEW, MUCH = "weight-prune@0.5", "weight-prune@0.95"
PLAIN = {"primitive": "native", "codegen": UNTUNED, "hardware": "cpu"}

Gather = Callable[[xr.Dataset], Sequence[Evidence]]


def compared(
    these: Mapping[str, str],
    against: Mapping[str, str],
    direction: str,
    minimum: float = 0.0,
    where: Mapping[str, Any] | None = None,
    quantity: str = "latency",
) -> Gather:
    """Evidence of pairs of cells of one seed; accuracies are widened by the spread between seeds first.

    Data sets are looked at one by one: where all cells are of the baseline's data, their scores are paired.
    """
    comparison = Comparison(these, against, where or {}, quantity)

    def gather(cube: xr.Dataset) -> list[Evidence]:
        parts = contexts(seeds.first(seeds.widened(cube) if quantity == "accuracy" else cube), "dataset")
        degrees = freedom(cube, quantity)
        return [piece for part in parts for piece in pairs(part, comparison, direction, minimum, degrees)]

    return gather


def reversed_order(proxy: str, of: str, least_first: bool = True) -> Gather:
    """Evidence of cells that a proxy ranks wrongly; accuracies are widened by their spread between seeds first."""

    def gather(cube: xr.Dataset) -> list[Evidence]:
        wide = seeds.widened(cube, changes=False) if "accuracy" in (proxy, of) else cube
        return contradictions(wide, proxy, of, least_first, freedom(cube, of))

    return gather


def flips(layer: str, across: str, only: Mapping[str, Sequence[str]]) -> Gather:
    """Evidence that the best option of a layer changes with another layer, among some options of the latter."""

    def gather(cube: xr.Dataset) -> list[Evidence]:
        known = {name: [text for text in texts if text in cube[name].values] for name, texts in only.items()}
        try:
            found = rank_flips(select(cube, **known), layer, across)
        except CubeError:
            return []
        if not found.attrs["compared"]:
            return []
        standing = found[found["stands"]].to_dict("records")
        if not standing:
            return [Evidence(0.0, 1.0, f"no change stands in {found.attrs['compared']} comparisons")]
        return [Evidence(1.0, 0.0, _flip(row, across)) for row in standing]

    return gather


def _flip(row: Mapping[str, Any], across: str) -> str:
    gains = [
        change(find("latency"), *(row[f"gain{end}{e}"] for e in ("", "_low", "_high"))) for end in ("", "_otherwise")
    ]
    return (
        f"{row['best']} beats {row['best_otherwise']} by {gains[0]} with {across}={row['where']} ({row['better']}), "
        f"but loses by {gains[1]} with {across}={row['otherwise']} ({row['better_otherwise']})"
    )


def by_host(cube: xr.Dataset) -> list[Evidence]:
    """Evidence that processor models change what a compression does, as many threads and ceilings being the same."""
    own = anywhere(cells.baseline(cube)["hardware"])
    like = select(cube, hardware=[text for text in cube["hardware"].values.tolist() if anywhere(text) == own])
    models = dict(zip(like["hardware"].values.tolist(), like["host"].values.tolist(), strict=True))
    if len(set(models.values())) < 2:
        return []
    try:
        found = interactions(like, "compression", "hardware")
    except CubeError:
        return []
    other = found["where"].map(models) != found["otherwise"].map(models)
    return [_interaction(row) for row in found[other & found["ratio"].notna()].to_dict("records")]


def _interaction(row: Mapping[str, Any]) -> Evidence:
    ratio = change(find("latency"), *(row[f"ratio{end}"] for end in ("", "_low", "_high")))
    told = f"{row['option']} multiplies latency by {ratio} as much with {row['where']} as with {row['otherwise']}"
    return Evidence(1.0, 0.0, told) if row["stands"] else Evidence(0.0, 1.0, told)


def compact_lose_more(cube: xr.Dataset) -> list[Evidence]:
    """Accuracy that compact networks lose by pruning, less what roomy ones lose: one piece for a data set and level.

    A kind of which one network was measured is not known.
    """
    wide, found = seeds.first(seeds.widened(cube)), []
    for part in contexts(wide, "dataset"):
        for level in ("weight-prune@0.9", "weight-prune@0.95", "channel-prune@0.5"):
            losses = [_losses(part, level, kind) for kind in (COMPACT, ROOMY)]
            if min(map(len, losses)) > 1:
                found.append(_compared(f"{level} on {part['dataset'].item()}", *map(of_kind, losses)))
    return found


def _losses(cube: xr.Dataset, level: str, networks: Sequence[str]) -> list[Evidence]:
    kind = cube.isel(model=[_family(text) in networks for text in cube["model"].values.tolist()])
    return pairs(kind, Comparison({"compression": level}, {"compression": "none"}, PLAIN, "accuracy"), "lower")


def _compared(what: str, compact: Evidence, roomy: Evidence) -> Evidence:
    lost = [
        change(find("accuracy"), *(piece.effect + side * Z * piece.error for side in (0, -1, 1)))
        for piece in (compact, roomy)
    ]
    return contrast(compact, roomy, f"{what} costs compact networks {lost[0]} and roomy ones {lost[1]}")


def _family(model: str) -> str:
    return model.partition("@")[0]


def _tuned(cube: xr.Dataset) -> list[str]:
    """The auto-scheduled code generators of a cube, however long and wherever they searched."""
    return [str(text) for text in cube["codegen"].values if str(text).startswith(TUNED)]


def tuning_changes_primitive(cube: xr.Dataset) -> Sequence[Evidence]:
    """Evidence that another primitive is best once all are tuned."""
    return flips("primitive", "codegen", {"codegen": (UNTUNED, *_tuned(cube))})(cube)


def tuning_helps_dense_more(cube: xr.Dataset) -> list[Evidence]:
    """What tuning gains a dense primitive, less what it gains a sparse one: one piece for a network and its data."""
    found, degrees = [], freedom(cube, "latency")
    for tuned in _tuned(cube):
        for part in contexts(seeds.first(cube), "dataset", "model", "hardware"):
            sides = ({"codegen": tuned}, {"codegen": UNTUNED})
            dense, sparse = (
                pairs(part, Comparison(*sides, {"primitive": primitive}), "lower", degrees=degrees)
                for primitive in (DENSE, SPARSE)
            )
            if dense and sparse:
                found.append(contrast(mean(dense), mean(sparse), f"{dense[0].told}, and {sparse[0].told}"))
    return found


def int8_faster_or_slower(direction: str, cube: xr.Dataset) -> list[Evidence]:
    """int8 beside float32 in the same runtime."""
    found = (compared({"compression": text}, {"compression": "none"}, direction, 0.1)(cube) for text in INT8)
    return [piece for pieces in found for piece in pieces]


CHANNELS_DENSE = {"compression": "channel-prune@0.5", "primitive": DENSE}
NO_TUNING = "no cell is tuned yet"
NO_GPU = "the primitives are lowered for processors only, and no graphics processor was measured"

CLAIMS = (
    Stated("1a", "Model size and inference time need not go together.", ARXIV, "some",
           reversed_order("size", "latency")),
    Stated("1b", "Model size and accuracy need not go together.", ARXIV, "some", reversed_order("size", "accuracy")),
    Stated("1c", "Accuracy and inference time need not go together.", ARXIV, "some",
           reversed_order("accuracy", "latency")),
    Stated("2", "What a compression technique gains in speed depends heavily on the hardware.", ARXIV, "some", by_host,
           "the cube has one processor model; ceilings and threads are no other hardware", across_hosts=True),
    Stated("3", "Auto-tuning can change which algorithm is best.", ARXIV, "some",
           tuning_changes_primitive, NO_TUNING),
    Stated("4", "Which primitive is fastest varies with the level of quantisation.", TACO, "some",
           flips("primitive", "compression", {"compression": QUANTISED, "codegen": (UNTUNED,)})),
    Stated("5", "Compact networks lose more accuracy by pruning than roomy ones.", OURS, "usually", compact_lose_more),
    Stated("6", "Channel pruning costs more accuracy than weight pruning at the same ratio.", OURS, "usually",
           compared({"compression": "channel-prune@0.5"}, {"compression": FEW}, "lower", 0.0, PLAIN, "accuracy")),
    Stated("7a", "At half sparsity, compressed rows are slower than dense convolution.", OURS, "usually",
           compared({"compression": FEW, "primitive": SPARSE}, {"compression": "none", "primitive": "native"},
                    "higher")),
    Stated("7b", "At 95 % sparsity, compressed rows are faster than dense convolution.", OURS, "usually",
           compared({"compression": MUCH, "primitive": SPARSE}, {"compression": "none", "primitive": "native"},
                    "lower")),
    Stated("8a", "float16 weights cost less than one point of accuracy.", OURS, "all",
           compared({"compression": "fp16"}, {"compression": "none"}, "the same", 0.01, PLAIN, "accuracy")),
    Stated("8b", "Without half arithmetic, float16 weights change latency by less than 5 %.", OURS, "usually",
           compared({"compression": "fp16"}, {"compression": "none"}, "the same", 0.05)),
    Stated("9a", "int8 can be a tenth faster than float32.", OURS, "some", partial(int8_faster_or_slower, "lower")),
    Stated("9b", "int8 can be a tenth slower than float32.", OURS, "some", partial(int8_faster_or_slower, "higher")),
    Stated("10", "Tuning helps dense primitives more than sparse ones.", OURS, "usually", tuning_helps_dense_more,
           NO_TUNING),
    Stated("11", "The ranking of techniques on CIFAR-10 does not carry over to ImageNet.", OURS, "some", lambda _: (),
           "no cell is of ImageNet; see full.toml"),
    Stated("12", "The best primitive differs between a processor and a graphics processor.", OURS, "some",
           lambda _: (), NO_GPU),
    Stated("13", "Fewer multiply-adds need not be faster.", IISWC, "some", reversed_order("macs", "latency")),
    Stated("14a", "Channel pruning is always faster than weight pruning in compressed rows.", IISWC, "all",
           compared(CHANNELS_DENSE, {"compression": "weight-prune@0.9", "primitive": SPARSE}, "lower")),
    Stated("14b", "Channel pruning is always faster than ternary weights in compressed rows.", IISWC, "all",
           compared(CHANNELS_DENSE, {"compression": "ternary", "primitive": SPARSE}, "lower")),
)  # fmt: skip


def verdicts(cube: xr.Dataset) -> list[Verdict]:
    """What a cube says of every claim."""
    hosts = apart(cube)
    return [judge(claim, gathered(claim, cube, hosts)) for claim in CLAIMS]


def lines(cube: xr.Dataset) -> list[str]:
    """A line for each claim."""
    return [
        f"{found.claim.number:<4}{found.verdict:<18} {found.claim.text} ({found.claim.source}) {found.told}."
        for found in verdicts(cube)
    ]


if __name__ == "__main__":
    print("\n".join(lines(api.open_cube(sys.argv[1]))))
