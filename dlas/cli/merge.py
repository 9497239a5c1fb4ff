"""`dlas merge`: cubes of several hosts as one."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dlas import api

if TYPE_CHECKING:
    import xarray as xr


def write(cubes: Sequence[str], out: Path) -> None:
    """Merge `CUBE.nc` or `NAME=CUBE.nc` arguments; without a name the file's stem is the host's."""
    from dlas.cube import save
    from dlas.merge import merge

    named: defaultdict[str, list[xr.Dataset]] = defaultdict(list)
    for text in cubes:
        name, equals, path = text.rpartition("=")
        named[name if equals else Path(path).stem].append(api.open_cube(path))
    merged = merge(named)
    save(merged, out)
    count = int((merged["status"] != "unplanned").sum())
    print(f"cube     {out} ({count} cells of {len(named)} hosts: {', '.join(named)})")
