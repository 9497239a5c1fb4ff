"""Commands that read cubes."""

from pathlib import Path
from typing import Annotated

import typer

from dlas.cli.declared.flags import CubeFile, Data, Quiet, Texts


def show(
    cube: CubeFile,
    select: Annotated[Texts, typer.Option(help="Keep only LAYER=OPTION. Repeat for more.", show_default=False)] = [],  # noqa: B006
    sort: Annotated[str, typer.Option(help="latency, accuracy, size or speed-up.")] = "",
    format_: Annotated[str, typer.Option("--format", help="table, csv, json or markdown.")] = "table",
) -> None:
    """Show a cube as a table."""
    from dlas.cli import show as showing

    showing.show(cube, select, sort, format_)


def report(
    cube: CubeFile,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The page; by default beside the cube.")] = None,
) -> None:
    """Write a cube as one HTML page with summary, charts and table."""
    from dlas.cli import report as reporting

    reporting.write(cube, out)


def analyse(
    cube: CubeFile,
    what: Annotated[
        Texts,
        typer.Option(
            help="speedup, best, pareto, effects, interactions, flips, proxies, roofline or claims. Repeat for more; "
            "by default all but the last two.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    objective: Annotated[
        str, typer.Option(help="latency, accuracy, size …: what best, interactions, flips and proxies compare.")
    ] = "latency",
    subject_to: Annotated[
        Texts, typer.Option(help="A limit for the best cell: 'VARIABLE <= VALUE' or >=, or none. Repeat for more.")
    ] = ["accuracy_change >= -1pp"],  # noqa: B006
    gflops: Annotated[float, typer.Option(help="Peak for roofline; 0: the cube's, else measured here.")] = 0,
    bandwidth: Annotated[float, typer.Option(help="GB/s of memory for roofline; 0: the same.")] = 0,
    claims: Annotated[Path | None, typer.Option(help="A TOML file of claims to test.", show_default=False)] = None,
    format_: Annotated[str, typer.Option("--format", help="text, json or csv.")] = "text",
) -> None:
    """Say what a cube shows: what matters, what is best, where layers interact, when a proxy lies."""
    from dlas.cli import analyse as analysing

    analysing.show(cube, what, objective, subject_to, gflops, bandwidth, claims, format_)


def explain(
    cube: CubeFile,
    stack: Annotated[Texts, typer.Argument(metavar="LAYER=OPTION …", help="What differs from the baseline.")],
    against: Annotated[
        Texts,
        typer.Option(help="LAYER=OPTION of the stack to compare with; by default the baseline.", show_default=False),
    ] = [],  # noqa: B006
    data: Data = [],  # noqa: B006
    format_: Annotated[str, typer.Option("--format", help="text, markdown or json.")] = "text",
    quiet: Quiet = False,
) -> None:
    """Say why a stack is faster or slower than another, operator by operator, from the runtimes' own profilers."""
    from dlas.cli import explain as explaining

    explaining.show(cube, stack, against, data, format_, quiet)


def export(
    cube: CubeFile,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
    max_drop: Annotated[str, typer.Option(help="Accuracy that it may lose against the baseline.")] = "1pp",
    max_latency: Annotated[str, typer.Option(help="The longest that it may take: 5ms.", show_default=False)] = "",
    data: Data = [],  # noqa: B006
) -> None:
    """Write the fastest cell that is accurate enough as files to deploy: they run without dlas."""
    from dlas.cli import export as exporting

    exporting.write(cube, out, max_drop, max_latency, data)


def compare(
    before: Annotated[Path, typer.Argument(metavar="BEFORE.nc", help="The cube to compare with.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER.nc", help="The cube that may have changed.")],
    fail_on: Annotated[
        Texts,
        typer.Option(
            help="Exit with 1 on slower=3%, accuracy-drop=1pp or status. Repeat for more.", show_default=False
        ),
    ] = [],  # noqa: B006
    format_: Annotated[str, typer.Option("--format", help="text, markdown or json.")] = "text",
) -> None:
    """Say what changed between two cubes beyond noise."""
    from dlas.cli import compare as comparing

    comparing.show(before, after, fail_on, format_)


def merge(
    cubes: Annotated[Texts, typer.Argument(metavar="[NAME=]CUBE.nc …", help="The cubes, each with its host's name.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The cube to write.")],
) -> None:
    """Put cubes of several hosts into one, each host a hardware label of its own."""
    from dlas.cli import merge as merging

    merging.write(cubes, out)
