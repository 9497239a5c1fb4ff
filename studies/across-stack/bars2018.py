"""The bars of 2018 beside this cube's: directions and ratios, never seconds.

Seconds for one image on the Intel Core i7 of Turner et al. (IISWC 2018, arXiv 1809.07196), read off the vector figures
of the authors' own slides; which sparsities stood behind the bars is not known. Their convolutions were direct, dense
or in compressed rows. Here: TVM's `direct`, and `csr-direct` with everything sparse.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from dlas.analysis.quantities import Z, estimates
from dlas.cube import select
from dlas.errors import CubeError

SOURCE = "read off the authors' figures"
I7: Mapping[str, Mapping[str, Mapping[int, float]]] = {
    "vgg16": {
        "plain": {1: 0.797, 2: 0.414, 4: 0.223},
        "weight pruning": {1: 1.320, 2: 0.700, 4: 0.390},
        "channel pruning": {1: 0.391, 2: 0.210, 4: 0.121},
        "ternary": {1: 1.420, 2: 0.780, 4: 0.400},
    },
    "resnet18": {
        "plain": {1: 1.147, 2: 0.625, 4: 0.364},
        "weight pruning": {1: 1.291, 2: 0.726, 4: 0.445},
        "channel pruning": {1: 0.427, 2: 0.238, 4: 0.143},
        "ternary": {1: 1.553, 2: 0.859, 4: 0.515},
    },
    "mobilenetv1": {
        "plain": {1: 0.384, 2: 0.527, 4: 0.549},
        "weight pruning": {1: 0.802, 2: 0.490, 4: 0.322},
        "channel pruning": {1: 0.098, 2: 0.121, 4: 0.126},
        "ternary": {1: 0.893, 2: 0.531, 4: 0.345},
    },
}
# What stands here for each of their bars: compression and primitive.
OURS = {
    "plain": ("none", "direct"),
    "weight pruning": ("weight-prune@0.9", "csr-direct@threshold=0"),
    "channel pruning": ("channel-prune@0.5", "direct"),
    "ternary": ("ternary", "csr-direct@threshold=0"),
}
BEST = "best"


@dataclass(frozen=True)
class Bar:
    """Speed-up of a technique over the plain network: theirs, and ours as a logarithm with its standard error.

    `threads` is a number, or `best` of what each side has tried: its own best for the technique and for the plain
    network.
    """

    network: str
    technique: str
    threads: str
    theirs: float
    dataset: str
    ours: float
    error: float

    @property
    def interval(self) -> tuple[float, float, float]:
        """Our speed-up with its 95 % interval."""
        value, low, high = (float(np.exp(self.ours + sign * Z * self.error)) for sign in (0, -1, 1))
        return value, low, high

    @property
    def agrees(self) -> str:
        """Whether both are on the same side of one."""
        if abs(self.ours) < Z * self.error:
            return "ours not to be told from 1"
        return "the same direction" if (self.ours > 0) == (self.theirs > 1) else "the other direction"


def bars(cube: xr.Dataset) -> list[Bar]:
    """Every bar of theirs for which the cube, of one host, has both cells, by data set."""
    found = []
    for network, techniques in I7.items():
        for technique in list(techniques)[1:]:
            for dataset in cube["dataset"].values:
                plain, compressed = (_ours(cube, dataset, network, which) for which in ("plain", technique))
                found += _compared(network, technique, str(dataset), plain, compressed)
    return found


def _compared(network: str, technique: str, dataset: str, plain: "Latencies", compressed: "Latencies") -> list[Bar]:
    their_plain, theirs = I7[network]["plain"], I7[network][technique]
    both = sorted(plain.keys() & compressed.keys())
    rows = [(str(n), their_plain[n] / theirs[n], plain[n], compressed[n]) for n in both if n in theirs]
    if len(both) > 1:
        best = min(their_plain.values()) / min(theirs.values())
        rows.append((BEST, best, min(plain.values()), min(compressed.values())))
    return [
        Bar(network, technique, threads, ratio, dataset, a[0] - b[0], float(np.hypot(a[1], b[1])))
        for threads, ratio, a, b in rows
    ]


_PLAIN = re.compile(r"cpu(@threads=\d+)?")
Latencies = Mapping[int, tuple[float, float]]  # threads → logarithm of the latency, standard error


def _ours(cube: xr.Dataset, dataset: str, network: str, bar: str) -> Latencies:
    """What the cube has of a bar, by number of threads: one image at a time, on a processor without a ceiling."""
    compression, primitive = OURS[bar]
    models = [text for text in cube["model"].values if text.partition("@")[0] == network]
    plain = [text for text in cube["hardware"].values.tolist() if _PLAIN.fullmatch(text)]
    if not models:
        return {}
    try:
        part = select(
            cube, dataset=dataset, model=models[0], compression=compression, primitive=primitive, codegen="tvm",
            hardware=plain,
        )  # fmt: skip
    except CubeError:
        return {}
    found = estimates(part, "latency")
    threads = part["threads"].values.tolist()
    figures = zip(threads, found.values.tolist(), found.errors.tolist(), strict=True)
    return {n: (value, error) for n, value, error in figures if np.isfinite(value)}
