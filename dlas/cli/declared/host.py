"""Commands about the options, the host and what is kept on it."""

from pathlib import Path
from typing import Annotated

import typer

from dlas.cli.declared.flags import Quiet


def layers(layer: Annotated[str, typer.Argument(help="One layer.")] = "") -> None:
    """List the layers' options, their parameters, and what they need."""
    from dlas.cli import layers as listing

    listing.show(layer)


def doctor(
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    quick: Annotated[bool, typer.Option("--quick", help="Measure for a few seconds only, less precisely.")] = False,
    quiet: Quiet = False,
) -> None:
    """Say what this host is, how well it measures, and what to change."""
    from dlas.cli import doctor as examining

    examining.show(format_, quick, quiet)


def store_list() -> None:
    """List the artifacts: size, how long ago each was used, layer and option."""
    from dlas.cli import store

    store.listing()


def store_verify() -> None:
    """Check every file of every artifact against its hash."""
    from dlas.cli import store

    store.verify()


def store_prune(
    damaged: Annotated[bool, typer.Option("--damaged", help="Remove damaged artifacts.")] = False,
    unused_for: Annotated[float, typer.Option(help="Remove artifacts that nothing used for so many days.")] = 0,
) -> None:
    """Remove unfinished work; with an option also artifacts, which are built again when they are needed."""
    from dlas.cli import store

    store.prune(damaged, unused_for)


def records_list() -> None:
    """List the tasks that were searched: trials, and the best of them."""
    from dlas.cli import records

    records.listing()


def records_export(out: Annotated[Path, typer.Argument(metavar="RECORDS.jsonl", help="The file to write.")]) -> None:
    """Write all records to a file."""
    from dlas.cli import records

    records.export(out)


def records_import(file: Annotated[Path, typer.Argument(metavar="RECORDS.jsonl", help="The file to read.")]) -> None:
    """Add the records of another store, so that nothing is searched twice."""
    from dlas.cli import records

    records.take(file)


def records_verify(repair: Annotated[bool, typer.Option("--repair", help="Drop damaged lines.")] = False) -> None:
    """Check every record against its hash."""
    from dlas.cli import records

    records.verify(repair)
