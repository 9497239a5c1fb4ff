"""The README's picture, from the committed cube: `python examples/demo_picture.py`."""

from pathlib import Path

import dlas

ROOT = Path(__file__).resolve().parents[1]

cube = dlas.open_cube(ROOT / "artifacts/reference/demo.nc")
cube.dlas.plot.bars("relative_latency", by="codegen").save(ROOT / "docs/demo.svg")
