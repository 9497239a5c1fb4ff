"""The command line: its commands in the order in which help lists them."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from dlas.cli.declared import cubes, host, studies
from dlas.errors import DlasError

app = typer.Typer(
    name="dlas",
    help="Perturb the layers of a deep-learning acceleration stack; measure accuracy, latency and size.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
stores = typer.Typer(help="The store of artifacts: list, verify, prune.", no_args_is_help=True)
app.add_typer(stores, name="store")
records = typer.Typer(help="The tuning store: list, export, import, verify.", no_args_is_help=True)
app.add_typer(records, name="records")

COMMANDS: tuple[Callable[..., None], ...] = (
    *(studies.perturb, studies.run, studies.plan, studies.remeasure, studies.refine, studies.tune),
    *(cubes.show, cubes.report, cubes.analyse, cubes.explain, cubes.export, cubes.compare, cubes.merge),
    *(host.layers, host.doctor),
)
STORE: tuple[Callable[..., None], ...] = (host.store_list, host.store_verify, host.store_prune)
RECORDS: tuple[Callable[..., None], ...] = (
    *(host.records_list, host.records_export, host.records_import, host.records_verify),
)

for command in COMMANDS:
    app.command()(command)
for command in STORE:
    stores.command(command.__name__.removeprefix("store_"))(command)
for command in RECORDS:
    records.command(command.__name__.removeprefix("records_"))(command)


@app.callback(invoke_without_command=True)
def _global(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from dlas.fingerprint import package_version

        typer.echo(f"dlas {package_version('dlas')}")
        raise typer.Exit


def main() -> None:
    """Run the command line: one sentence and exit code 2 for what the user can mend."""
    try:
        app()
    except DlasError as problem:
        typer.echo(f"dlas: {problem}", err=True)
        sys.exit(2)
