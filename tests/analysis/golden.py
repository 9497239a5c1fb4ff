"""Cubes from formulas: whatever an analysis must find was planted here."""

import json

import numpy as np
import xarray as xr

from dlas import accessor  # noqa: F401 - gives cubes their `.dlas`
from dlas.measure.statistics import normal_quantile
from dlas.option import LAYERS

Z = normal_quantile(0.975)


def shape(**sizes):
    """The sizes of the six layers, 1 where none is named."""
    return tuple(sizes.get(layer, 1) for layer in LAYERS)


def effect(layer, *values):
    """Values along one layer, to be broadcast over the cube."""
    return pair_effect([layer], np.asarray(values, float))


def pair_effect(layers, values):
    """Values along some layers (in the order of the six), to be broadcast over the cube."""
    values = np.asarray(values, float)
    sizes = dict(zip(layers, values.shape, strict=True))
    return values.reshape(shape(**sizes))


def golden(logs, error=0.0, generator=None, status=None, accuracy=None, accuracy_error=0.0, **variables):
    """A cube of these log latencies, each seen with this standard error; accuracy likewise, on its own scale.

    The baseline is the first option of every layer. `status` is broadcast over the cells; those that are not `ok`
    keep figures, as a failed cell may.
    """
    logs = np.asarray(logs, float)
    noise = generator or np.random.default_rng(0)
    seen = logs + error * noise.standard_normal(logs.shape)
    first = (0,) * len(LAYERS)
    relative = seen - logs[first]
    half = np.full(logs.shape, Z * error)
    relative[first] = half[first] = 0.0
    arrays = {
        **three("latency", np.exp(relative - 7), half, np.exp),
        **three("relative_latency", np.exp(relative), half, np.exp),
        "status": np.broadcast_to(np.asarray("ok" if status is None else status, object), logs.shape).copy(),
    }
    if accuracy is not None:
        accuracy = np.broadcast_to(accuracy, logs.shape)
        right = accuracy + accuracy_error * noise.standard_normal(logs.shape)
        width = np.full(logs.shape, Z * accuracy_error)
        arrays |= three("accuracy", right, width) | three("accuracy_change", right - accuracy[first], width)
    arrays |= {name: np.broadcast_to(values, logs.shape).astype(float) for name, values in variables.items()}
    options = {layer: [f"{layer[0]}{i}" for i in range(size)] for layer, size in zip(LAYERS, logs.shape, strict=True)}
    hardware = {name: ("hardware", [value] * logs.shape[-1]) for name, value in (("host", "CPU"), ("threads", 1))}
    baseline = {layer: texts[0] for layer, texts in options.items()}
    return xr.Dataset(
        {name: (LAYERS, values) for name, values in arrays.items()},
        coords={**options, **hardware, "batch": ("hardware", [1] * logs.shape[-1])},
        attrs={"baseline": json.dumps(baseline), "title": "golden"},
    )


def three(name, values, half, scale=None):
    """A variable with the ends of its interval; `scale` if the half-interval is one of the logarithm."""
    low, high = (values * scale(-half), values * scale(half)) if scale else (values - half, values + half)
    return {name: values, f"{name}_low": low, f"{name}_high": high}


def missing(generator, sizes, share):
    """Statuses of a cube with so many cells failed, never the baseline."""
    status = np.where(generator.random(sizes) < share, "failed", "ok").astype(object)
    status[(0,) * len(LAYERS)] = "ok"
    return status
