"""The commands of `dlas`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

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
record = typer.Typer(help="The tuning store: list, export, import, verify.", no_args_is_help=True)
app.add_typer(record, name="records")

Texts = list[str]
Layer = Annotated[
    Texts,
    typer.Option(help='Vary a layer: LAYER, or "LAYER=OPTION OPTION …". Repeat for more layers.', show_default=False),
]
Set = Annotated[Texts, typer.Option("--set", help="Change the baseline: LAYER=OPTION.", show_default=False)]
Data = Annotated[Texts, typer.Option(help="Say where data lie: NAME=PATH.", show_default=False)]
Out = Annotated[Path, typer.Option(help="The cube to write; its journal lies beside it.")]
Jobs = Annotated[int, typer.Option(min=0, help="Builds at a time; 0 means one a core.")]
Retry = Annotated[bool, typer.Option("--retry", help="Try failed cells again.")]
Scheduler = Annotated[
    str, typer.Option(help="Address of a Dask scheduler whose workers build and measure.", show_default=False)
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the result only.")]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study.")]
CubeFile = Annotated[Path, typer.Argument(metavar="CUBE.nc", help="The cube.")]
Margin = Annotated[str, typer.Option(help="Half-interval of the latency ratio at which a cell has had enough.")]
Until = Annotated[
    str,
    typer.Option(help="Measure the most compressed variant only: accuracy-drop=1pp, on validation data."),
]
Budget = Annotated[str, typer.Option(help="Time for measuring one cell.")]


@app.callback(invoke_without_command=True)
def _global(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from dlas.fingerprint import package_version

        typer.echo(f"dlas {package_version('dlas')}")
        raise typer.Exit


@app.command()
def perturb(
    layer: Layer,
    set_: Set = [],  # noqa: B006 - typer copies it
    data: Data = [],  # noqa: B006
    out: Out = Path("cube.nc"),
    margin: Margin = "2%",
    budget: Budget = "3s",
    until: Until = "",
    jobs: Jobs = 0,
    retry: Retry = False,
    scheduler: Scheduler = "",
    quiet: Quiet = False,
) -> None:
    """Vary layers of the baseline stack, all combinations, and show what happens."""
    from dlas.cli import study

    described = study.composed(layer, set_, data, out, margin, budget)
    study.perturb(described, out, until, study.conduct(jobs, retry, scheduler), quiet)


@app.command()
def run(
    study_file: StudyFile,
    data: Data = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="The cube to write; by default beside the study.")] = None,
    jobs: Jobs = 0,
    retry: Retry = False,
    scheduler: Scheduler = "",
    quiet: Quiet = False,
) -> None:
    """Run a study; what was done before is not done again."""
    from dlas.cli import study

    study.run(study_file, data, out, study.conduct(jobs, retry, scheduler), quiet)


@app.command()
def remeasure(
    cube: CubeFile,
    processes: Annotated[int, typer.Option(min=1, help="Fresh processes to add to every cell.")] = 3,
    data: Data = [],  # noqa: B006
    scheduler: Scheduler = "",
    quiet: Quiet = False,
) -> None:
    """Add runs to every cell of a cube; nothing that was measured is lost."""
    from dlas.cli import study

    study.remeasure(cube, processes, data, study.conduct(scheduler=scheduler), quiet)


@app.command()
def refine(
    cube: CubeFile,
    for_: Annotated[str, typer.Option("--for", help="The question: best, flips or front.")] = "best",
    budget: Annotated[
        float, typer.Option(help="Minutes; the round that is going on when they are over is ended.")
    ] = 10,
    data: Data = [],  # noqa: B006
    scheduler: Scheduler = "",
    quiet: Quiet = False,
) -> None:
    """Measure longer only where a question still hangs on it, until it is decided or the time is over."""
    from dlas.cli import refine as refining
    from dlas.cli import study

    refining.show(cube, for_, budget, data, study.conduct(scheduler=scheduler), quiet)


@app.command()
def plan(
    study_file: StudyFile,
    data: Data = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="The cube that the study would write.")] = None,
    why: Annotated[bool, typer.Option("--why", help="Say why each step must be done.")] = False,
    scheduler: Scheduler = "",
) -> None:
    """Show a study's cells, what would be built and measured, and how long it would take."""
    from dlas.cli import plan as planning

    planning.show(study_file, data, out, why, scheduler)


@app.command()
def layers(layer: Annotated[str, typer.Argument(help="One layer.")] = "") -> None:
    """List the layers' options, their parameters, and what they need."""
    from dlas.cli import layers as listing

    listing.show(layer)


@app.command()
def show(
    cube: CubeFile,
    select: Annotated[Texts, typer.Option(help="Keep only LAYER=OPTION. Repeat for more.", show_default=False)] = [],  # noqa: B006
    sort: Annotated[str, typer.Option(help="latency, accuracy, size or speed-up.")] = "",
    format_: Annotated[str, typer.Option("--format", help="table, csv, json or markdown.")] = "table",
) -> None:
    """Show a cube as a table."""
    from dlas.cli import show as showing

    showing.show(cube, select, sort, format_)


@app.command()
def report(
    cube: CubeFile,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The page; by default beside the cube.")] = None,
) -> None:
    """Write a cube as one HTML page with summary, charts and table."""
    from dlas.cli import report as reporting

    reporting.write(cube, out)


@app.command()
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
    objective: Annotated[str, typer.Option(help="latency, accuracy, size …: what is compared.")] = "latency",
    subject_to: Annotated[
        Texts, typer.Option(help="A limit for the best cell: 'VARIABLE <= VALUE' or >=. Repeat for more.")
    ] = ["accuracy_change >= -1pp"],  # noqa: B006
    gflops: Annotated[float, typer.Option(help="The host's peak, for roofline; 0 measures it here.")] = 0,
    bandwidth: Annotated[float, typer.Option(help="GB/s of the host's memory, for roofline; 0 measures it here.")] = 0,
    claims: Annotated[Path | None, typer.Option(help="A TOML file of claims to test.", show_default=False)] = None,
    format_: Annotated[str, typer.Option("--format", help="text, json or csv.")] = "text",
) -> None:
    """Say what a cube shows: what matters, what is best, where layers interact, when a proxy lies."""
    from dlas.cli import analyse as analysing

    analysing.show(cube, what, objective, subject_to, gflops, bandwidth, claims, format_)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def merge(
    cubes: Annotated[Texts, typer.Argument(metavar="[NAME=]CUBE.nc …", help="The cubes, each with its host's name.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The cube to write.")],
) -> None:
    """Put cubes of several hosts into one, each host a hardware label of its own."""
    from dlas.cli import merge as merging

    merging.write(cubes, out)


@app.command()
def doctor(
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    quick: Annotated[bool, typer.Option("--quick", help="Measure for a few seconds only, less precisely.")] = False,
    quiet: Quiet = False,
) -> None:
    """Say what this host is, how well it measures, and what to change."""
    from dlas.cli import doctor as examining

    examining.show(format_, quick, quiet)


@stores.command("list")
def store_list() -> None:
    """List the artifacts: layer, option, size, age."""
    from dlas.cli import store

    store.listing()


@stores.command("verify")
def store_verify() -> None:
    """Check every file of every artifact against its hash."""
    from dlas.cli import store

    store.verify()


@stores.command("prune")
def store_prune(
    damaged: Annotated[bool, typer.Option("--damaged", help="Remove damaged artifacts.")] = False,
    unused_for: Annotated[float, typer.Option(help="Remove artifacts that nothing used for so many days.")] = 0,
) -> None:
    """Remove unfinished work; with an option also artifacts, which are built again when they are needed."""
    from dlas.cli import store

    store.prune(damaged, unused_for)


@app.command()
def tune(
    study_file: StudyFile,
    data: Data = [],  # noqa: B006
    retune: Annotated[
        bool, typer.Option("--retune", help="Choose anew from all records: tuned executables become stale.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Search schedules for the tuned executables of a study; measure nothing."""
    from dlas.cli import records

    records.tune(study_file, data, retune, quiet)


@record.command("list")
def records_list() -> None:
    """List the tasks that were searched: trials, and the best of them."""
    from dlas.cli import records

    records.listing()


@record.command("export")
def records_export(out: Annotated[Path, typer.Argument(metavar="RECORDS.jsonl", help="The file to write.")]) -> None:
    """Write all records to a file."""
    from dlas.cli import records

    records.export(out)


@record.command("import")
def records_import(file: Annotated[Path, typer.Argument(metavar="RECORDS.jsonl", help="The file to read.")]) -> None:
    """Add the records of another store, so that nothing is searched twice."""
    from dlas.cli import records

    records.take(file)


@record.command("verify")
def records_verify(repair: Annotated[bool, typer.Option("--repair", help="Drop damaged lines.")] = False) -> None:
    """Check every record against its hash."""
    from dlas.cli import records

    records.verify(repair)


def main() -> None:
    """Run the command line: one sentence and exit code 2 for what the user can mend."""
    try:
        app()
    except DlasError as problem:
        typer.echo(f"dlas: {problem}", err=True)
        sys.exit(2)
