"""`dlas report`: a cube as one HTML page."""

from pathlib import Path

from dlas import api


def write(path: Path, out: Path | None) -> None:
    """Write the page, by default beside the cube, and say where."""
    from dlas.report import page

    file = out or path.with_suffix(".html")
    page.write(api.open_cube(path), file)
    print(f"report   {file} ({file.stat().st_size / 1e6:.1f} MB, one file, opens without a network)")
