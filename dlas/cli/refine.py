"""`dlas refine`: more rounds where a question still hangs on them."""

from collections.abc import Sequence
from pathlib import Path

from dlas import api
from dlas.cli import arguments, progress


def show(path: Path, question: str, minutes: float, data: Sequence[str], quiet: bool, scheduler: str) -> None:
    """Measure until it is decided or the time is over; say which."""
    places, cluster = arguments.places(data), scheduler or None
    with progress.shown(quiet) as listen:
        said = api.refine(path, question, minutes, data=places, listen=listen, scheduler=cluster)
    print(f"{said}\ncube     {path}")
