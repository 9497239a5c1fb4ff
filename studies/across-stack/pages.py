"""Every figure, number and picture of this study's README, from the measured cube: `make study-pages`.

    python studies/across-stack/pages.py [CUBE.nc]

Without an argument: the study's cube under `artifacts/reference/across-stack`, or the smoke study's if there is none.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import bars2018
import claims
import numpy as np
import seeds
import xarray as xr

from dlas import api
from dlas.analysis import best, effects
from dlas.analysis.quantities import estimates, flat
from dlas.errors import CubeError
from dlas.merge import apart
from dlas.rounding import with_interval
from dlas.study.plan import HERE

FOLDER = Path(__file__).parent
README = FOLDER / "README.md"
FIGURES = FOLDER / "figures"
REFERENCE = FOLDER.parents[1] / "artifacts" / "reference" / "across-stack"
START, END = "<!-- from the cube -->\n", "<!-- end of what is from the cube -->\n"
STUDY, SMOKE = "study", "smoke"
SIZES = {"across-stack": STUDY, "across-stack, smoke": SMOKE}  # by the name that the study's file gives it
FIGURE = re.compile(r"\d+(?:\.\d+)?")
Rows = Sequence[Sequence[str]]


def newest() -> Path:
    """The cube that the README is about: the study's, else the smoke study's."""
    return next((path for name in SIZES.values() if (path := REFERENCE / f"{name}.nc").exists()), REFERENCE)


def text(cube: xr.Dataset) -> str:
    """All that the README says of a cube, in Markdown: tables and sentences of each host's cells by themselves."""
    hosts = apart(cube)
    lines = [line for part in (_label, _measured, _obstacles, _claims) for line in part(cube)]
    for name, own in hosts.items():
        lines += [f"## On {name}", ""] if len(hosts) > 1 else []
        lines += [line for part in (_bars, _techniques, _primitives, _tuning, _seeds, _matters) for line in part(own)]
    lines += ["## Everywhere", ""] if len(hosts) > 1 else []
    pictures = [f"![{title}](figures/{name}.svg)\n" for name, (title, _) in PICTURES.items()]
    return "\n".join([*lines, "### Pictures", "", *pictures])


# --- what was measured ---------------------------------------------------------------------------------------------


def is_smoke(cube: xr.Dataset) -> bool:
    """Whether a cube is of the smoke study, whose findings are about digits and say nothing of the study's question."""
    return SIZES.get(cube.attrs["title"]) == SMOKE


def _label(cube: xr.Dataset) -> list[str]:
    if not is_smoke(cube):
        return []
    return [
        "**The study itself has not been measured yet. What follows is the smoke study**: small networks on 8×8 "
        "digits, two processes a cell, measured on a busy machine. It shows what will stand here, and answers none of "
        "the questions above.",
        "",
    ]


def _measured(cube: xr.Dataset) -> list[str]:
    counts = Counter(status for status in flat(cube, "status") if status != "unplanned")
    days = ", ".join(json.loads(cube.attrs["measured"]))
    words = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    hosts = [_host(name, own) for name, own in apart(cube).items()]
    told = [f"{sum(counts.values())} cells: {words}. Measured on {days}: {'; '.join(place for place, _ in hosts)}."]
    return ["### What was measured", "", " ".join([*told, *(noise for _, noise in hosts if noise)]), ""]


def _host(name: str, own: xr.Dataset) -> tuple[str, str]:
    """What a host is, and how well it measured."""
    host, noise = json.loads(own.attrs["host"]), json.loads(own.attrs["noise"]).get(HERE)
    place = f"{host['cpu']}, {host['cores']} processors"
    if not noise:
        return f"{name} ({place})" if name else place, ""
    look = f"A look of {noise['seconds']:.2g} s at {name or 'that host'}"
    known = f"{look} knew a kernel's ratio to itself to ±{100 * noise['half']:.2g} %."
    return f"{name} ({place})" if name else place, known


def _obstacles(cube: xr.Dataset) -> list[str]:
    pairs = zip(flat(cube, "status"), flat(cube, "reason"), strict=True)
    alike: dict[tuple[str, str], list[str]] = {}
    for status, reason in pairs:
        if status not in ("ok", "unplanned"):
            alike.setdefault((status, FIGURE.sub("#", reason)), []).append(reason)
    most_first = sorted(alike.items(), key=lambda item: -len(item[1]))
    rows = [(status, str(len(reasons)), _together(reasons) or "-") for (status, _), reasons in most_first]
    if not rows:
        return ["Every planned cell ended well.", ""]
    return ["Cells without figures, and why:", "", *_table(("status", "cells", "reason"), rows), ""]


def _together(reasons: Sequence[str]) -> str:
    """Reasons that differ by their figures only as one, which tells the least and the greatest of each."""
    columns = zip(*(FIGURE.findall(reason) for reason in reasons), strict=True)
    ends = [(min(column, key=float), max(column, key=float)) for column in columns]
    told = iter(low if low == high else f"{low} to {high}" for low, high in ends)
    return FIGURE.sub(lambda _: next(told), reasons[0])


# --- findings ------------------------------------------------------------------------------------------------------


def _claims(cube: xr.Dataset) -> list[str]:
    rows = [
        (found.claim.number, found.claim.text, found.claim.source, f"**{found.verdict}**", found.told)
        for found in claims.verdicts(cube)
    ]
    return ["### Claims", "", *_table(("", "claim", "whose", "verdict", "evidence"), rows), ""]


def _bars(cube: xr.Dataset) -> list[str]:
    head = ["### The bars of 2018", ""]
    found = bars2018.bars(cube)
    if not found:
        return [*head, "No cell of this cube stands beside a bar of 2018.", ""]
    rows = [
        (bar.network, bar.technique, bar.threads, f"{bar.theirs:.2f}×", bar.dataset, with_interval(*bar.interval) + "×",
         bar.agrees)
        for bar in found
    ]  # fmt: skip
    names = ("network", "technique", "threads", f"2018, i7 ({bars2018.SOURCE})", "data here", "here", "")
    same = Counter(bar.agrees for bar in found)
    words = ", ".join(f"{count} {kind}" for kind, count in same.most_common())
    return [*head, f"Speed-up over the plain network. Of {len(found)} bars: {words}.", "", *_table(names, rows), ""]


def _techniques(cube: xr.Dataset) -> list[str]:
    """Geometric mean of the speed-up over the uncompressed network, by technique and code generator."""
    cube = seeds.first(cube)
    found = _over(cube, "compression", "none").sel(primitive="native")
    there = np.isfinite(found)
    names = [str(text) for text in cube["codegen"].values if there.sel(codegen=text).any()]
    rows = []
    for text in (
        str(text) for text in cube["compression"].values if text != "none" and there.sel(compression=text).any()
    ):
        figures = [_mean(found.sel(compression=text, codegen=name)) for name in names]
        rows.append((f"`{text}`", *figures, _accuracy_change(cube, text)))
    head = ["### Techniques", "", "Speed-up over the same stack uncompressed: geometric mean over data sets, networks "
            "and hardware, lowest to highest, and in how many stacks. Accuracy: mean over data sets and networks, one "
            "executable of each.", ""]  # fmt: skip
    return [*head, *_table(("", *names, "accuracy, pp"), rows), ""]


def _primitives(cube: xr.Dataset) -> list[str]:
    """Geometric mean of the speed-up over `native` (TVM's own spatial packing), by primitive and compression."""
    cube = seeds.first(cube)
    found = _over(cube, "primitive", "native").sel(codegen=claims.UNTUNED)
    known = [str(text) for text in cube["primitive"].values if text != "native"]
    there = np.isfinite(found.sel(primitive=known))
    compressions = [str(text) for text in cube["compression"].values if there.sel(compression=text).any()]
    if not known:
        return []
    rows = [(f"`{text}`", *(_mean(found.sel(primitive=p, compression=text)) for p in known)) for text in compressions]
    head = ["### Primitives", "", "In TVM: speed-up over its own choice (`native`: dense, spatially packed) for the "
            "same network, as above.", ""]  # fmt: skip
    return [*head, *_table(("", *(f"`{name}`" for name in known)), rows), ""]


def _tuning(cube: xr.Dataset) -> list[str]:
    """What auto-scheduled kernels gain over the schedules written by hand, by network, compression and primitive."""
    tuned = [str(text) for text in cube["codegen"].values if str(text).startswith(claims.TUNED)]
    if not tuned:
        return []
    found = _over(cube, "codegen", claims.UNTUNED).sel(codegen=tuned)
    there = np.isfinite(found)
    primitives = [str(text) for text in cube["primitive"].values if there.sel(primitive=text).any()]
    places = [(m, c) for m in cube["model"].values for c in cube["compression"].values
              if there.sel(model=m, compression=c).any()]  # fmt: skip
    rows = [
        (f"`{model}` `{text}`", *(_mean(found.sel(model=model, compression=text, primitive=p)) for p in primitives))
        for model, text in places
    ]
    head = [
        "### Tuning",
        "",
        "Speed-up of auto-scheduled kernels over the hand-written schedules of the same stack.",
        "",
    ]
    return [*head, *_table(("", *(f"`{name}`" for name in primitives)), rows), ""]


def _over(cube: xr.Dataset, layer: str, option: str) -> xr.DataArray:
    """Logarithm of the speed-up of each cell that ended well over the one with another option of a layer."""
    logs = xr.zeros_like(cube["latency"]).copy(data=estimates(cube, "latency").values.reshape(cube["latency"].shape))
    found: xr.DataArray = logs.sel({layer: option}, drop=True) - logs
    return found


def _mean(logs: xr.DataArray) -> str:
    known = logs.values[np.isfinite(logs.values)]
    if not len(known):
        return ""
    mean, low, high = np.exp([known.mean(), known.min(), known.max()])
    return f"{mean:.2f}× ({low:.2f} to {high:.2f}; {len(known)})" if len(known) > 1 else f"{mean:.2f}× (1)"


def _accuracy_change(cube: xr.Dataset, compression: str) -> str:
    """Mean over data sets and networks; of the cells that the speed-ups are of, the first of each network."""
    plain, own = (
        cube["accuracy"].where(cube["status"] == "ok").sel(compression=text, primitive="native")
        for text in ("none", compression)
    )
    differences = 100 * (own - plain).transpose("dataset", "model", "codegen", "hardware").values
    executables = differences.reshape(-1, cube.sizes["codegen"] * cube.sizes["hardware"])
    known = np.array([of_network[0] for row in executables if len(of_network := row[np.isfinite(row)])])
    if not len(known):
        return ""
    extremes = f"{known.min():+.1f} to {known.max():+.1f}; " if len(known) > 1 else ""
    return f"{known.mean():+.1f} ({extremes}{len(known)})"


def _seeds(cube: xr.Dataset) -> list[str]:
    found = seeds.spreads(cube)
    if not found:
        return []
    own = seeds.spreads(cube, changes=False)
    rows = [
        (f"`{text}`", *(f"{100 * s[text].deviation:.2f}" if text in s else "" for s in (own, found)),
         str(spread.freedom))
        for text, spread in found.items()
    ]  # fmt: skip
    names = ("", "accuracy, pp", "change by the compression, pp", "degrees of freedom")
    return ["### Chance", "", "Standard deviation between seeds, by which the claims about accuracy are widened.", "",
            *_table(names, rows), ""]  # fmt: skip


def _matters(cube: xr.Dataset) -> list[str]:
    said = []
    for telling in (lambda: effects.sentences(effects.effects(cube)), lambda: best.sentences(best.best(cube))):
        try:
            said += telling()
        except CubeError as problem:
            said.append(f"Not told: {problem}.")
    return ["### In a few sentences", "", *(f"- {sentence}" for sentence in said), ""]


def _table(names: Sequence[str], rows: Rows) -> list[str]:
    lines = [names, ["---"] * len(names), *rows]
    return [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in lines]


# --- pictures ------------------------------------------------------------------------------------------------------

PICTURES: dict[str, tuple[str, Callable[[xr.Dataset], object]]] = {
    "pareto": (
        "Accuracy against latency on the baseline's data, with its network",
        lambda cube: cube.dlas.plot.pareto(by="compression"),
    ),
    "speedup": ("The fastest of these cells", lambda cube: cube.dlas.plot.bars("speedup", by="codegen", most=20)),
    "expected": (
        "Their speed-up against what multiply-adds promise",
        lambda cube: cube.dlas.plot.expected(by="codegen"),
    ),
}


def draw(cube: xr.Dataset, folder: Path) -> None:
    """Write the pictures, of the baseline's data set and network: those of all would hold too much to see."""
    near = cube.isel(dataset=[0], model=[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, picture) in PICTURES.items():
        picture(near).save(folder / f"{name}.svg")  # type: ignore[attr-defined]


def readme(cube: xr.Dataset, before: str) -> str:
    """The README with what it says of the cube replaced."""
    head, rest = before.split(START)
    return head + START + "\n" + text(cube) + "\n" + END + rest.split(END)[1]


def write(path: Path) -> None:
    """Write README and pictures anew."""
    cube = api.open_cube(path)
    README.write_text(readme(cube, README.read_text(encoding="utf-8")), encoding="utf-8")
    draw(cube, FIGURES)
    print(f"{README} and {FIGURES} are those of {path}")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else newest())
