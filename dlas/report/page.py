"""The page itself: template, style and script filled with a cube; nothing in it is fetched from anywhere."""

import base64
import hashlib
import json
import re
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import xarray as xr

from dlas import table
from dlas.cube import frame
from dlas.errors import CubeError
from dlas.fingerprint import package_version
from dlas.option import LAYERS
from dlas.plot.cells import varied
from dlas.report import charts, reproduce
from dlas.report.summary import summary
from dlas.report.thin import thinned
from dlas.variables import NUMBERS

# Column of the table → variable that it is sorted by.
_SORTED_BY = {
    "option": "cell",
    "accuracy %": "accuracy",
    "latency": "latency",
    "speed-up": "relative_latency",
    "verdict": "verdict",
    "size": "size",
    "status": "status",
}


def write(cube: xr.Dataset, path: Path) -> None:
    """Write the report of a cube; raises CubeError where it cannot be written."""
    text = html(cube)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise CubeError(f"report {path} cannot be written ({problem}); choose another -o") from problem


def html(cube: xr.Dataset) -> str:
    """The report as one HTML text."""
    import jinja2
    import markupsafe

    shown, count = thinned(cube)
    figures = charts.figures(shown) if charts.has_charts(shown) else []
    rows = [list(row.values()) for row in table.rows(shown)]
    data, vendor, script = _data(shown, figures, [row[0] for row in rows]), _vendor(), _file("script.js")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    safe = markupsafe.Markup  # what this package wrote itself, and JSON without a tag in it
    return environment.from_string(_file("template.html")).render(
        title=cube.attrs["title"],
        version=package_version("dlas"),
        policy=_policy(vendor, script),
        style=safe(_file("style.css")),
        count=count,
        kept=len(rows),
        left_out=count > len(rows),
        summary=summary(cube),
        filters=[(layer, shown[layer].values.tolist()) for layer in LAYERS if layer in varied(shown)],
        figures=figures,
        headings=[{"text": text, "key": _SORTED_BY.get(text)} for text in table.HEADINGS],
        rows=rows,
        warnings=table.warnings(shown),
        file=f"{_stem(cube)}.toml",
        study=reproduce.study_toml(cube),
        environment=reproduce.environment(cube),
        data=safe(data),
        vendor=safe(vendor),
        script=safe(script),
    )


def _data(cube: xr.Dataset, figures: list[charts.Figure], names: list[str]) -> str:
    """Everything that the script needs as JSON; no text in it can end the element that holds it."""
    datasets = charts.shared_data(figures)
    cells = charts.columnar([{str(key): value for key, value in row.items()} for row in _records(cube)])
    facts: dict[str, Any] = {
        "cells": {"cell": names, **cells},
        "units": {name: unit for name, (unit, _) in NUMBERS.items() if unit != "1"},
        "charts": [{"name": figure.name, "spec": asdict(figure)["spec"]} for figure in figures],
        "datasets": datasets,
        "config": charts.page_config(),
        "file": _stem(cube),
    }
    return json.dumps(facts, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _records(cube: xr.Dataset) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = frame(cube).to_dict("records")
    return records


def _stem(cube: xr.Dataset) -> str:
    """A file name from the study's."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in cube.attrs["title"]) or "study"


def _vendor() -> str:
    """Vega, Vega-Lite and vega-embed in one script."""
    import altair
    import vl_convert

    version = ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    bundle = str(vl_convert.javascript_bundle(vl_version=version))  # type: ignore[call-arg] # it has a default snippet
    # The same text to JavaScript, and to HTML no end of the element.
    return re.sub("</(?=script)", r"<\\/", bundle, flags=re.IGNORECASE)


def _policy(*scripts: str) -> str:
    """Only these very scripts run, and nothing is fetched or sent."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{text}'" for text in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _file(name: str) -> str:
    return (resources.files("dlas.report") / "web" / name).read_text(encoding="utf-8")
