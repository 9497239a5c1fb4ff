"""`dlas merge`: cubes of one host or several as one."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dlas import api

if TYPE_CHECKING:
    import xarray as xr


def write(cubes: Sequence[str], out: Path) -> None:
    """Merge `CUBE.nc` or `NAME=CUBE.nc` arguments; where some have names, the stem of a file is that of the others."""
    from dlas.cube import save
    from dlas.merge import merge
    from dlas.study.plan import HERE

    named: defaultdict[str, list[xr.Dataset]] = defaultdict(list)
    several = any("=" in text for text in cubes)
    for text in cubes:
        name, _, path = text.rpartition("=")
        named[name or (Path(path).stem if several else HERE)].append(api.open_cube(path))
    merged = merge(named)
    save(merged, out)
    count = int((merged["status"] != "unplanned").sum())
    hosts = f"{len(named)} hosts: {', '.join(named)}" if len(named) > 1 else next(iter(named)) or "one host"
    print(f"cube     {out} ({count} cells of {hosts})")
