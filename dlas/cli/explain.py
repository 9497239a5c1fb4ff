"""`dlas explain`: why a stack is faster or slower than another."""

import json
from collections.abc import Sequence
from pathlib import Path

from dlas import api
from dlas.cli import arguments, progress
from dlas.errors import CubeError


def show(
    path: Path, stack: Sequence[str], against: Sequence[str], data: Sequence[str], format_: str, quiet: bool
) -> None:
    """Profile both stacks and print findings and rows."""
    from dlas.analysis.explain import telling

    if format_ not in telling.FORMATS:
        raise CubeError(f"--format {format_} is unknown; choose one of {', '.join(telling.FORMATS)}")
    changes, other = arguments.settings(stack, ""), arguments.settings(against, "--against")
    places = arguments.places(data)
    with progress.shown(quiet) as listen:
        found = api.explain(path, changes, other, data=places, listen=listen)
    if format_ == "json":
        print(json.dumps(telling.record(found), indent=1, ensure_ascii=False))
    else:
        print("\n".join(telling.lines(found, markdown=format_ == "markdown")))
