"""`dlas refine`: more rounds where a question still hangs on them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dlas import api
from dlas.cli import arguments, progress
from dlas.study.conduct import Conduct


def show(path: Path, question: str, minutes: float, data: Sequence[str], conduct: Conduct, quiet: bool) -> None:
    """Measure until it is decided or the time is over; say which."""
    places = arguments.places(data)
    with progress.shown(quiet) as listen:
        said = api.refine(path, question, minutes, data=places, conduct=replace(conduct, listen=listen))
    print(f"{said}\ncube     {path}")
