"""What is being done and the time left: one live line on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from dlas.study.progress import WARNING, Listen, Progress, nobody

INTERRUPTED = 130  # as shells say it
_VERBS = {"build": "building", "measure": "measuring", "profile": "profiling"}
_REFRESH = 1  # a second; a livelier line would disturb what is measured


@contextmanager
def shown(quiet: bool) -> Iterator[Listen]:
    """A listener that shows progress on standard error; Ctrl-C ends the command in one sentence."""
    console = Console(stderr=True)
    try:
        if quiet:
            yield nobody
        elif console.is_terminal:
            with console.status("planning", refresh_per_second=_REFRESH) as status:
                yield lambda progress: _live(console, status, progress)
        else:
            yield _Lines().tell
    except KeyboardInterrupt:
        typer.echo("dlas: interrupted; the same command goes on from here", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _live(console: Console, status: Status, progress: Progress) -> None:
    if progress.phase == WARNING:
        console.print(Text(sentence(progress)))  # it stays, above the line that changes
    else:
        status.update(Text(sentence(progress)))


class _Lines:
    """Prints a line when something new begins, not for every step of it, though several jobs take turns to tell."""

    def __init__(self) -> None:
        self._stage: tuple[str, int] = ("", 0)
        self._told: set[str] = set()

    def tell(self, progress: Progress) -> None:
        """Print unless it was told since the last step that was done."""
        stage, subject = (progress.phase, progress.done), progress.what
        if progress.phase != WARNING:
            subject = subject.partition(":")[0].partition(",")[0]  # without its own steps
        if stage != self._stage:
            self._stage, self._told = stage, set()
        if subject not in self._told:
            self._told.add(subject)
            print(sentence(progress), file=sys.stderr, flush=True)


def sentence(progress: Progress) -> str:
    """`building 3/9, about 40 s left: compression int8`."""
    if progress.phase == WARNING:
        return f"warning: {progress.what}"
    left = f", about {duration(progress.left)} left" if progress.left is not None else ""
    return f"{_VERBS[progress.phase]} {progress.done}/{progress.total}{left}: {progress.what}"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
