"""The command line: what it says to who errs (one sentence, exit code 2, nothing written) and what it prints."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from handmade import cube_of, measured, stack

from dlas import api, fingerprint
from dlas.artifacts import Store
from dlas.cli import app
from dlas.cli.show import print_table
from dlas.cube import save
from dlas.study.progress import Progress

HEAVY = ("torch", "tvm", "openvino", "onnxruntime", "onnx", "numpy", "pandas", "xarray", "scipy", "sklearn")
AS_DLAS = "import sys; sys.argv[0] = 'dlas'; from dlas.cli.app import main; "


class Ended:
    """How a command ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def dlas(tmp_path, monkeypatch, capsys, forget):
    """Runs a command in an empty folder, in this process: an exception that is no DlasError fails the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLAS_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("DLAS_DATA", raising=False)
    monkeypatch.setattr("dlas.host.Host.usable_threads", 2)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dlas", *map(str, arguments)])
        try:
            app.main()
            code = 0
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return Ended(code or 0, said.out, said.err)

    return run


@pytest.fixture
def refused(dlas, tmp_path):
    """The one sentence with which a command is refused; it must have written nothing."""

    def sentence(*arguments):
        before = everything(tmp_path)
        ended = dlas(*arguments)
        assert ended.code == 2
        assert ended.out == ""
        assert ended.err.startswith("dlas: ")
        assert ended.err.count("\n") == 1
        assert everything(tmp_path) == before, "nothing may be written"
        return ended.err.removeprefix("dlas: ").rstrip("\n")

    return sentence


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def toml(tmp_path):
    """Writes a study file."""

    def write(text):
        (tmp_path / "study.toml").write_text(text)
        return "study.toml"

    return write


def python(code, *arguments, **environment):
    """Run Python code in a fresh process; what it printed."""
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout


# --- refusals of arguments --------------------------------------------------------------------------------------

REFUSALS = {
    "an unknown layer": (
        ("--layer", "compresion"),
        "unknown layer 'compresion' (did you mean 'compression'?); the layers are: "
        "dataset, model, compression, primitive, codegen, hardware",
    ),
    "an unknown option": (
        ("--layer", "compression=int7"),
        "compression: unknown option 'int7' (did you mean 'int8'?); `dlas layers compression` lists them",
    ),
    "an unknown option of the baseline": (
        ("--layer", "compression", "--set", "model=resnet9"),
        "model: unknown option 'resnet9' (did you mean 'resnet8'?); `dlas layers model` lists them",
    ),
    "an unknown parameter": (
        ("--layer", "hardware=cpu@thread=2"),
        "hardware cpu: unknown parameter 'thread'; its parameters are: threads, isa, batch, at",
    ),
    "a value out of range": (
        ("--layer", "compression=weight-prune@1.5"),
        "compression weight-prune: sparsity=1.5 is not allowed; it must be above 0 and below 1",
    ),
    "a missing value": (
        ("--layer", "compression=weight-prune"),
        "compression weight-prune: sparsity is missing (share of the weights that become zero); "
        "write weight-prune@VALUE",
    ),
    "no number": (
        ("--layer", "compression=weight-prune@much"),
        "compression weight-prune: sparsity=much is no number; share of the weights that become zero",
    ),
    "a doubled option": (
        ("--layer", "compression=int8 weight-prune@0.5 int8"),
        "compression: int8 is named twice; name it once",
    ),
    "one option written in two ways": (
        ("--layer", "compression=weight-prune@0.5 weight-prune@0.50"),
        "compression: weight-prune@0.5 is named twice; name it once",
    ),
    "a doubled layer": (
        ("--layer", "codegen=torch", "--layer", "codegen=onnxruntime"),
        '--layer names codegen twice; put its options into one: --layer "codegen=A B"',
    ),
    "--set twice": (
        ("--layer", "compression", "--set", "codegen=torch", "--set", "codegen=openvino"),
        "--set names codegen twice; name it once",
    ),
    "--set without an option": (
        ("--layer", "compression", "--set", "codegen"),
        "--set codegen: write --set codegen=OPTION; `dlas layers codegen` lists the options",
    ),
    "an impossible combination alone": (
        ("--layer", "codegen=torch", "--set", "compression=int8"),
        "nothing that was asked for can be: codegen=torch: torch needs a torch module, which int8 does not leave",
    ),
    "an impossible baseline": (
        ("--layer", "compression", "--set", "hardware=cpu@threads=9"),
        "the baseline cannot be: 9 threads asked for, but this process may use 2; "
        "choose another with --set or [baseline]",
    ),
    "a missing locator": (
        ("--layer", "compression", "--set", "dataset=npz@flowers"),
        "dataset npz@flowers: nobody said where 'flowers' lies; add --data flowers=PATH, "
        'or `flowers = "PATH"` under [data], or put it into $DLAS_DATA',
    ),
    "data without a path": (("--layer", "compression", "--data", "flowers"), "--data flowers: write --data NAME=PATH"),
    "a margin that is none": (
        ("--layer", "compression", "--margin", "200%"),
        "margin '200%' is no share; write for example 2%",
    ),
    "a budget that is none": (
        ("--layer", "compression", "--budget", "soon"),
        "duration 'soon' is no time; write for example 3s, 500ms or 2min",
    ),
    "an --out that is no .nc": (
        ("--layer", "codegen=torch", "--out", "found.csv"),
        "--out found.csv must end in .nc; the journal is written beside it",
    ),
}


@pytest.fixture
def every_package(monkeypatch):
    """What is refused does not depend on what is installed."""
    monkeypatch.setattr(fingerprint, "package_version", lambda name: "1")


@pytest.mark.parametrize("name", REFUSALS)
def test_perturb_is_refused_in_one_sentence(refused, every_package, name):
    arguments, said = REFUSALS[name]
    assert refused("perturb", *arguments) == said


def test_data_that_do_not_exist_are_told(refused, every_package, tmp_path):
    arguments = ("--layer", "compression", "--set", "dataset=npz@flowers", "--data", "flowers=none.npz")
    said = refused("perturb", *arguments)
    assert said == f"dataset npz@flowers: {tmp_path / 'none.npz'} does not exist; name a path that does"


def test_layers_of_an_unknown_layer_are_refused(refused):
    assert refused("layers", "codgen").startswith("unknown layer 'codgen' (did you mean 'codegen'?)")


# --- refusals of studies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "plan"])
def test_broken_toml_is_told_with_its_line(refused, toml, command):
    said = refused(command, toml('name = "x"\n[baseline\nmodel = "resnet8"\n'))
    assert said.startswith("study study.toml is no valid TOML: ")
    assert "line 2" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('baselin = "x"', "study study.toml: unknown key 'baselin' (did you mean 'baseline'?)"),
        ('[baseline]\nmodell = "x"', "study study.toml [baseline]: unknown key 'modell' (did you mean 'model'?)"),
        ('[measure]\nmargn = "x"\n[[part]]\nvary.codegen = ["torch"]', "'margn' (did you mean 'margin'?)"),
        ("[[part]]\nvary.compressor = []", "study study.toml [[part]] vary: unknown key 'compressor'"),
        ('[[part]]\ndesing = "star"', "study study.toml [[part]]: unknown key 'desing' (did you mean 'design'?)"),
    ],
)
def test_unknown_keys_are_told_with_the_nearest(refused, toml, text, said):
    assert said in refused("run", toml(text + "\n"))


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_study_that_does_not_exist_is_told(refused, command):
    said = refused(command, "none.toml")
    assert said == "study none.toml cannot be read (no such file or directory); name a TOML file"


def test_a_study_of_which_nothing_can_be_is_refused_by_plan_too(refused, toml, every_package):
    study = '[baseline]\ncompression = "int8"\n[[part]]\nvary.codegen = ["torch"]\n'
    assert refused("plan", toml(study)).startswith("nothing that was asked for can be: codegen=torch")


# --- refusals of stores -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("store", "list"), ("perturb", "--layer", "codegen=torch")])
def test_a_store_that_is_a_file_is_told(refused, every_package, tmp_path, command):
    (tmp_path / "store").write_text("not a folder")
    assert refused(*command) == f"store {tmp_path / 'store'}: not a directory; name another one with DLAS_STORE"


def test_a_store_that_is_full_is_told_and_neither_cube_nor_journal_are_begun(
    dlas, every_package, tmp_path, monkeypatch
):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    ended = dlas("perturb", "--layer", "codegen=torch")
    assert ended.code == 2
    assert ended.err == (
        f"dlas: store {tmp_path / 'store'}: no space left on device; name another one with DLAS_STORE\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


# --- refusals of show -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A cube of three cells on disk."""
    found = cube_of(
        {
            stack(): measured(latency=0.552e-3),
            stack(compression="weight-prune@0.9"): measured(0.5, 1.02, 0.276e-3, remark="fine"),
            stack(codegen="torch"): {"status": "failed", "reason": "killed"},
        }
    )
    path = tmp_path_factory.mktemp("cubes") / "toy.nc"
    save(found, path)
    return path


@pytest.fixture
def cube(saved, tmp_path):
    """It lies where the command is run."""
    return shutil.copy(saved, tmp_path)


@pytest.mark.parametrize("content", [None, b"a letter", b"\x89HDF\r\n\x1a\n"])
def test_show_refuses_what_is_no_cube(refused, tmp_path, content):
    if content:
        (tmp_path / "odd.nc").write_bytes(content)
    assert "odd.nc" in refused("show", "odd.nc")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "xml"), "--format xml is unknown; choose one of table, csv, json, markdown"),
        (("--sort", "beauty"), "--sort beauty is unknown; choose one of latency, accuracy, size, speed-up"),
        (("--select", "codegen=tvm"), "codegen=tvm is not in the cube; it has openvino, torch"),
        (
            ("--select", "codegen"),
            "--select codegen: write --select codegen=OPTION; `dlas layers codegen` lists the options",
        ),
        (("--select", "codegen=torch", "--select", "codegen=torch"), "--select names codegen twice; name it once"),
    ],
)
def test_show_refuses_what_it_does_not_know(refused, cube, arguments, said):
    assert refused("show", "toy.nc", *arguments) == said


# --- show -------------------------------------------------------------------------------------------------------

TABLE = """\
baseline: dataset=digits model=resnet8 compression=none primitive=native codegen=openvino hardware=cpu

option                        accuracy %         latency            speed-up            verdict  size    status  remark
baseline                      98.0 [96.0, 99.0]  552 [541, 563] µs  1                            312 kB  ok
codegen=torch                                                                                            failed  killed
compression=weight-prune@0.9  98.0 [96.0, 99.0]  276 [270, 282] µs  2.00 [1.96, 2.04]×           312 kB  ok      fine
"""


def without_trailing_blanks(text):
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def test_show_prints_the_table_that_people_read(dlas, cube):
    assert without_trailing_blanks(dlas("show", "toy.nc").out) == TABLE


def test_show_sorts(dlas, cube):
    lines = dlas("show", "toy.nc", "--sort", "speed-up").out.splitlines()
    assert [line.split()[0] for line in lines[3:]] == ["compression=weight-prune@0.9", "baseline", "codegen=torch"]


def test_show_selects(dlas, cube):
    lines = dlas("show", "toy.nc", "--select", "compression=none", "--select", "codegen=torch").out.splitlines()
    assert [line.split()[0] for line in lines[3:]] == ["codegen=torch"]


def test_show_prints_markdown(dlas, cube):
    assert dlas("show", "toy.nc", "--format", "markdown").out == (
        "| option | accuracy % | latency | speed-up | verdict | size | status | remark |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| baseline | 98.0 [96.0, 99.0] | 552 [541, 563] µs | 1 |  | 312 kB | ok |  |\n"
        "| codegen=torch |  |  |  |  |  | failed | killed |\n"
        "| compression=weight-prune@0.9 | 98.0 [96.0, 99.0] | 276 [270, 282] µs "
        "| 2.00 [1.96, 2.04]× |  | 312 kB | ok | fine |\n"
    )


def test_show_prints_csv_and_json_of_the_same_cells(dlas, cube):
    header, *lines = dlas("show", "toy.nc", "--format", "csv").out.splitlines()
    records = json.loads(dlas("show", "toy.nc", "--format", "json").out)
    assert header.split(",")[:6] == ["dataset", "model", "compression", "primitive", "codegen", "hardware"]
    assert len(lines) == len(records) == 3
    assert [record["status"] for record in records] == ["ok", "failed", "ok"]
    assert records[0]["latency"] == pytest.approx(0.552e-3)


@pytest.mark.parametrize(
    "reason", ["input [batch, 3] does not fit", "[/tmp/x] is missing", "ends in \\[", "[bold]loud[/bold]"]
)
def test_show_prints_a_reason_with_brackets_as_it_is(capsys, reason):
    print_table(cube_of({stack(): {"status": "failed", "reason": reason}}))
    assert reason in capsys.readouterr().out


def test_show_cuts_no_figure_of_a_cell_with_a_long_name(capsys):
    long = stack(
        dataset="npz@a-rather-long-name-of-data",
        compression="channel-prune@0.5,align=1,finetune=12000+int8@calibration=64",
        codegen="onnxruntime",
        hardware="cpu@threads=2,batch=8",
    )
    print_table(cube_of({stack(): measured(), long: measured(0.5, 1.02)}))
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("dataset=npz"))
    for figure in (long.codegen, long.hardware, "98.0 [96.0, 99.0]", "1.000 [0.980, 1.020] ms", "2.00 [1.96, 2.04]×"):
        assert figure in line


def test_a_cube_is_shown_where_what_made_it_is_not_installed(capsys):
    cube = cube_of({stack(): measured()}).assign_coords(codegen=["gone"])
    baseline = {**stack().as_dict(), "codegen": "gone"}
    print_table(cube.assign_attrs(baseline=json.dumps(baseline)))
    assert "codegen=gone" in capsys.readouterr().out


# --- help -------------------------------------------------------------------------------------------------------

HELP = """\
Usage: dlas [OPTIONS] COMMAND [ARGS]...

  Perturb the layers of a deep-learning acceleration stack; measure accuracy,
  latency and size.

Options:
  --version             Print the version.
  --install-completion  Install completion for the current shell.
  --show-completion     Show completion for the current shell, to copy it or
                        customize the installation.
  --help                Show this message and exit.

Commands:
  perturb    Vary layers of the baseline stack, all combinations, and...
  run        Run a study; what was done before is not done again.
  plan       Show a study's cells, what would be built and measured, and...
  remeasure  Add runs to every cell of a cube; nothing that was measured...
  refine     Measure longer only where a question still hangs on it,...
  tune       Search schedules for the tuned executables of a study;...
  show       Show a cube as a table.
  report     Write a cube as one HTML page with summary, charts and table.
  analyse    Say what a cube shows: what matters, what is best, where...
  explain    Say why a stack is faster or slower than another, operator...
  export     Write the fastest cell that is accurate enough as files to...
  compare    Say what changed between two cubes beyond noise.
  merge      Put cubes of several hosts into one, each host a hardware...
  layers     List the layers' options, their parameters, and what they need.
  doctor     Say what this host is, how well it measures, and what to...
  store      The store of artifacts: list, verify, prune.
  records    The tuning store: list, export, import, verify.
"""

COMPRESSION = """\
compression
  bf16
      Store the operators' weights in bfloat16; the arithmetic stays float32 unless asked for.
      compute=: arithmetic; bf16 is kept where the runtime proves it (one of fp32, bf16, default fp32)
  block-prune
      Zero the blocks of least L1 norm of each operator's matrix, OC rows by IC*KH*KW columns.
      @SPARSITY: share of the blocks that become zero (float, above 0 and below 1, required)
      block=: rows x columns of a block (one of 4x1, 8x1, 16x1, 32x1, 1x4, 1x8, 1x16, 4x4, 8x8, 16x16, default 16x1)
      scope=: ranked all together, or in each operator (one of global, operator, default global)
      finetune=: fine-tuning budget in images (int, at least 0, default 6000)
  channel-prune
      Remove the channels that count least (Torch-Pruning), fine-tune what is left.
      @RATIO: share of the channels to remove (float, above 0 and below 1, required)
      criterion=: what tells which channels go (one of l1, l2, taylor, fisher, default l1)
      scope=: ranked in each operator, or all together (one of global, operator, default operator)
      align=: channels left are a multiple of this; odd widths are slow (int, at least 1, default 8)
      images=: training images that taylor and fisher take gradients of (int, at least 1, default 256)
      finetune=: fine-tuning budget in images (int, at least 0, default 6000)
      seed=: draws the images of taylor and fisher (int, at least 0, default 0)
  fp16
      Store the operators' weights in float16 (IEEE binary16); the arithmetic stays float32 unless asked for.
      compute=: arithmetic; fp16 is kept where the runtime proves it (one of fp32, fp16, default fp32)
  int8
      Quantise weights (signed, per channel) and activations after calibration on training images.
      calibration=: training images that set the ranges (int, at least 1, default 128)
      quantizer=: what quantises; nncf suits OpenVINO (one of onnxruntime, nncf, default onnxruntime)
      bits=: of a weight; with 7 no sum saturates on a processor without VNNI (int, at least 7 and at most 8, default 8)
      method=: how ranges follow from what was seen (one of minmax, percentile, entropy, default minmax)
  none
      No compression: the network as it was trained.
  ternary
      Weights of every operator but the first and the last become -Wn, 0 or Wp; both are learned.
      @THRESHOLD: weights below this share of the largest become zero (float, above 0 and below 1, default 0.05)
      finetune=: fine-tuning budget in images (int, at least 0, default 6000)
  weight-prune
      Zero the weights that count least, keep them zero while the rest is fine-tuned.
      @SPARSITY: share of the weights that become zero (float, above 0 and below 1, required)
      scope=: ranked all together, or in each operator (one of global, operator, default global)
      criterion=: what tells which weights go: magnitude, or chance (one of l1, random, default l1)
      schedule=: at once, or in four stages of growing sparsity (one of oneshot, iterative, default oneshot)
      finetune=: fine-tuning budget in images (int, at least 0, default 6000)
      seed=: draws the weights of criterion=random (int, at least 0, default 0)

"""

CODEGEN = """\
codegen
  onnxruntime
      ONNX Runtime's CPU or CUDA provider with its graph optimisations; TF32 off on CUDA.
      opt=: how far the graph is optimised (one of basic, extended, all, default all)
      python=: another Python to build and run in, if not this one (str, default none)
  openvino
      OpenVINO, latency mode, one stream, float32 unless the network is quantised.
      python=: another Python to build and run in, if not this one (str, default none)
  torch
      PyTorch in eager mode, channels last, inference mode; TF32 off on CUDA.
      python=: another Python to build and run in, if not this one (str, default none)
  torch-compile
      TorchInductor ahead of time, channels last, weights frozen; float32.
      python=: another Python to build and run in, if not this one (str, default none)
  tvm
      TVM with hand-written schedules, or with searched ones. Its own choice of primitive is spatial-pack.
      schedule=: loops by hand, by one tile, as written, searched (one of default, fixed, naive, tuned, default default)
      trials=: tuned: candidates tried for each kernel, on average (int, at least 1 and at most 4096, default 16)
      space=: tuned: parameters by hand, or MetaSchedule's own space (one of template, generic, both, default template)
      python=: another Python to build and run in, if not this one (str, default none)

"""


def test_help_in_full():
    assert python(AS_DLAS + "main()", "--help") == HELP


def test_help_of_every_command_has_a_line_for_each_option(dlas):
    for command in ("perturb", "run", "plan", "show"):
        lines = dlas(command, "--help").out.splitlines()
        options = [line for line in lines if line.startswith("  --")]
        assert len(options) >= 3
        assert all(len(line.split("  ")) > 2 or lines[lines.index(line) + 1].startswith(" " * 10) for line in options)


@pytest.mark.parametrize(("layer", "text"), [("compression", COMPRESSION), ("codegen", CODEGEN)])
def test_layers_in_full(dlas, every_package, layer, text):
    assert dlas("layers", layer).out == text


def test_layers_names_all_six_without_an_argument(dlas):
    titles = [line for line in dlas("layers").out.splitlines() if line and not line.startswith(" ")]
    assert titles == ["dataset", "model", "compression", "primitive", "codegen", "hardware"]


def test_layers_says_what_is_not_installed(dlas, monkeypatch):
    monkeypatch.setattr(fingerprint, "package_version", lambda name: None if name == "openvino" else "1")
    lines = dlas("layers", "codegen").out.splitlines()
    place = lines.index("  openvino")
    assert lines[place + 3] == '      needs openvino, not installed: pip install "dlas[all]"'
    assert sum("not installed" in line for line in lines) == 1


def test_version_is_that_of_the_package(dlas):
    assert dlas("--version").out == f"dlas {fingerprint.package_version('dlas')}\n"


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import dlas", {"numpy"}),
        ("sys.argv = ['dlas', '--help']; from dlas.cli.app import main; run(main)", set()),
        ("sys.argv = ['dlas', 'perturb', '--help']; from dlas.cli.app import main; run(main)", set()),
    ],
)
def test_importing_and_help_stay_light(code, allowed):
    program = f"""
import sys
def run(main):
    try:
        main()
    except SystemExit:
        pass
{code}
print("loaded:", *(name for name in {HEAVY} if name in sys.modules))
"""
    loaded = python(program).splitlines()[-1].split()[1:]
    assert set(loaded) <= allowed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell):
    environment = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = python(AS_DLAS + "main()", "--show-completion", shell, **environment)
    assert "_DLAS_COMPLETE" in script
    assert f"complete_{shell}" in script


def test_completion_offers_the_commands():
    environment = {"_DLAS_COMPLETE": "complete_bash", "COMP_WORDS": "dlas p", "COMP_CWORD": "1"}
    assert python(AS_DLAS + "main()", **environment).split() == ["perturb", "plan"]


# --- progress ---------------------------------------------------------------------------------------------------


@pytest.fixture
def instant(monkeypatch):
    """Running a study only tells of progress, and finds three cells."""

    def run_study(study, out, conduct):
        for done in range(3):
            conduct.listen(Progress("build", 0, 2, f"compression int8: {done}/3 images"))
            conduct.listen(Progress("build", 0, 2, f"model resnet8: {done}/3 images"))
        conduct.listen(Progress("measure", 1, 2, "loading baseline", 40.0))
        return cube_of({stack(): measured()})

    monkeypatch.setattr(api, "run_study", run_study)


def test_progress_is_plain_lines_on_standard_error_where_there_is_no_terminal(dlas, instant):
    ended = dlas("perturb", "--layer", "codegen=torch")
    assert ended.err.splitlines() == [
        "building 0/2: compression int8: 0/3 images",
        "building 0/2: model resnet8: 0/3 images",
        "measuring 1/2, about 40 s left: loading baseline",
    ]


def test_quiet_prints_the_result_only(dlas, instant):
    loud, quiet = (dlas("perturb", "--layer", "codegen=torch", *flag) for flag in ((), ("--quiet",)))
    assert quiet.err == ""
    assert quiet.out == loud.out


def test_a_run_says_where_the_cube_is_and_how_to_open_it(dlas, instant):
    lines = dlas("perturb", "--layer", "codegen=torch", "--out", "found.nc", "--quiet").out.splitlines()
    assert lines[-2:] == ["cube     found.nc", "in Python  import dlas; cube = dlas.open_cube('found.nc')"]


# --- the store --------------------------------------------------------------------------------------------------


def make(out, work):
    (out / "weights").write_bytes(bytes(20_000))
    return {}


@pytest.fixture
def toys(tmp_path):
    """A store with two artifacts, by option."""
    store = Store(tmp_path / "store")
    store.prepare()
    return {option: store.build({"layer": "model", "option": option}, make) for option in ("resnet8", "resnet20")}


def test_store_list_tells_size_last_use_layer_and_option(dlas, toys, tmp_path):
    *lines, total = dlas("store", "list").out.splitlines()
    assert sorted(lines) == sorted(
        f"{a.key[:12]}      0.02 MB     0.0 days  model {option}" for option, a in toys.items()
    )
    assert total == f"2 artifacts, 0.0 MB in {tmp_path / 'store'}"


def test_store_list_of_an_empty_store_says_so(dlas, tmp_path):
    assert dlas("store", "list").out == f"0 artifacts, 0.0 MB in {tmp_path / 'store'}\n"


def test_store_verify_names_the_damaged_file_and_exits_with_one(dlas, toys):
    assert (dlas("store", "verify").code, dlas("store", "verify").out) == (0, "2 artifacts are whole, 0 damaged\n")
    (toys["resnet20"].folder / "weights").write_bytes(b"something else")
    ended = dlas("store", "verify")
    assert ended.code == 1
    assert ended.out == f"{toys['resnet20'].key[:12]}  damaged: weights\n1 artifacts are whole, 1 damaged\n"


def test_store_prune_removes_unfinished_work_and_keeps_artifacts_unless_asked(dlas, toys, tmp_path):
    (tmp_path / "store/work/abc").mkdir()
    assert dlas("store", "prune").out == "unfinished work: 1 folders removed\n"
    (toys["resnet20"].folder / "weights").write_bytes(b"something else")
    assert dlas("store", "prune", "--damaged").out == (
        "unfinished work: 0 folders removed\nartifacts: 1 removed, 1 left\n"
    )
    assert [path.name for path in (tmp_path / "store/artifacts").iterdir()] == [toys["resnet8"].key]


def test_store_prune_removes_what_nothing_used_for_so_many_days(dlas, toys):
    manifest = toys["resnet8"].folder / "manifest.json"
    os.utime(manifest, (0, manifest.stat().st_mtime - 10 * 86_400))
    assert dlas("store", "prune", "--unused-for", "11").out.endswith("artifacts: 0 removed, 2 left\n")
    assert dlas("store", "prune", "--unused-for", "9").out.endswith("artifacts: 1 removed, 1 left\n")
    assert not toys["resnet8"].folder.exists()
