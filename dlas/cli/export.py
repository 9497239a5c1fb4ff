"""`dlas export`: the winner of a cube as files to deploy."""

from collections.abc import Sequence
from pathlib import Path

from dlas import api
from dlas.cli import arguments


def write(path: Path, out: Path, max_drop: str, max_latency: str, data: Sequence[str]) -> None:
    """Write the folder, say what it is and what lies in it."""
    files, said = api.export(path, out, max_drop, max_latency, data=arguments.places(data))
    print("\n".join(said))
    print(f"\nfiles    {out}: {', '.join(file.name for file in files)}")
    print(f"run it   pip install -r {out / 'requirements.txt'}; python {out / 'run.py'} IMAGES.npy")
