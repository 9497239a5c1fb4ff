"""How long a large cube takes to open, select from and analyse, and how much memory that takes.

A cube of a million cells (5 models, 20 compressions, 20 primitives, 10 code generators, 10 hardwares, 5 datasets), all
variables filled, one cell in ten failed, one per cent of noise, is written; a fresh process opens it, selects two
options of two layers, asks for the front and for the best cell. Another fresh process does the same for effects of
latency, accuracy and size on 10^5 cells. Seconds are wall time and, as other work may share the processor, processor
time; memory is the largest resident set of the fresh process. `--quick` takes 10^4 cells.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from reporting import arguments, publish

from dlas.cube import FORMAT, open_cube, save, select
from dlas.option import LAYERS
from dlas.variables import NUMBERS, TEXTS

MILLION = (5, 5, 20, 20, 10, 10)
LARGE = (1, 5, 20, 10, 10, 10)
QUICK = (1, 5, 10, 5, 5, 8)
NOISE = 0.01  # standard error of a log latency
FAILED = 0.1  # of the cells


def planted(shape: tuple[int, ...]) -> xr.Dataset:
    """A cube of main effects, interactions and noise, like one that `dlas run` wrote."""
    generator = np.random.default_rng(0)
    logs = _effects(generator, shape) + NOISE * generator.standard_normal(shape)
    accuracy = 0.9 + 0.01 * _effects(generator, shape)
    arrays = {name: np.exp(logs + 0.1 * generator.standard_normal(shape)) for name in NUMBERS}
    for name, values, half in (("latency", np.exp(logs), 2 * NOISE), ("relative_latency", np.exp(logs), 2 * NOISE)):
        arrays |= {name: values, f"{name}_low": values * (1 - half), f"{name}_high": values * (1 + half)}
    for name, values in (("accuracy", accuracy), ("accuracy_change", accuracy - accuracy.flat[0])):
        arrays |= {name: values, f"{name}_low": values - 0.005, f"{name}_high": values + 0.005}
    texts = {name: np.full(shape, "", object) for name in TEXTS}
    texts["status"] = np.where(generator.random(shape) < FAILED, "failed", "ok").astype(object)
    texts["remark"] = np.array([f"{i} of 9 convolutions ran dense" for i in range(9)], object)[
        generator.integers(9, size=shape)
    ]
    options = {layer: [f"{layer}-{i}" for i in range(size)] for layer, size in zip(LAYERS, shape, strict=True)}
    baseline = json.dumps({layer: texts[0] for layer, texts in options.items()})
    return xr.Dataset(
        {name: (LAYERS, values) for name, values in {**arrays, **texts}.items()},
        coords={**options, "host": ("hardware", ["a CPU"] * shape[-1])},
        attrs={"format": FORMAT, "digest": "planted", "title": "planted", "baseline": baseline},
    )


def _effects(generator: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Main effects and interactions of neighbouring layers."""
    total = np.zeros(shape)
    for axis in range(len(shape)):
        for axes in ({axis}, {axis, (axis + 1) % len(shape)}):
            part = tuple(size if i in axes else 1 for i, size in enumerate(shape))
            total = total + 0.2 * generator.standard_normal(part)
    return total


def timed(figures: dict[str, float], name: str, action: Callable[[], Any]) -> Any:
    """Note wall and processor seconds of an action; gives back what it gives."""
    wall, cpu = time.monotonic(), time.process_time()
    found = action()
    figures |= {f"{name}_seconds": time.monotonic() - wall, f"{name}_cpu_seconds": time.process_time() - cpu}
    return found


def searched(file: Path) -> dict[str, float]:
    """Open, select, front, best."""
    from dlas.analysis.best import best
    from dlas.analysis.pareto import pareto

    figures: dict[str, float] = {}

    def part() -> xr.Dataset:
        found = select(open_cube(file), codegen=["codegen-1", "codegen-2"], model=["model-1", "model-2"])
        found["latency"].load()
        return found

    timed(figures, "open_and_select", part)
    cube = open_cube(file)
    figures["cells"] = cube["status"].size
    figures["front_points"] = len(timed(figures, "pareto", lambda: pareto(cube)))
    figures["contenders"] = len(timed(figures, "best", lambda: best(cube)))
    return figures


def explained(file: Path) -> dict[str, float]:
    """Effects of the three quantities."""
    from dlas.analysis.effects import effects

    figures: dict[str, float] = {}
    cube = open_cube(file)
    timed(figures, "effects", lambda: effects(cube))
    return {**figures, "effects_cells": cube["status"].size}


def fresh(what: str, file: Path) -> dict[str, float]:
    """The figures of a fresh process, and its largest resident set."""
    done = subprocess.run([sys.executable, __file__, what, str(file)], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure and publish."""
    asked = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory() as name:
        million, large = Path(name) / "million.nc", Path(name) / "large.nc"
        save(planted(QUICK if asked.quick else MILLION), million)
        save(planted(QUICK if asked.quick else LARGE), large)
        publish({**fresh("searched", million), **fresh("explained", large)}, asked.json)


if __name__ == "__main__":
    if sys.argv[1:2] in (["searched"], ["explained"]):
        measured = {"searched": searched, "explained": explained}[sys.argv[1]](Path(sys.argv[2]))
        measured[f"{sys.argv[1]}_bytes"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(measured))
    else:
        main()
