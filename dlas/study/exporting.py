"""A stack as a folder of files that run without dlas."""

import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from dlas import fingerprint, process, registry
from dlas.errors import CubeError, Inapplicable
from dlas.host import Place
from dlas.layers.codegen.deploying import Deployment
from dlas.measure import given
from dlas.process import Child, Message, environment
from dlas.realise import codegen_of
from dlas.study.stored import Stored

_TIMEOUT = 600.0  # s
_RUN = '''\
"""Classify images: `python run.py IMAGES.npy`, pixels of shape (number, {shape}) as `preprocessing.json` says."""

import json
import os
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
settings = json.loads((HERE / "settings.json").read_text(encoding="utf-8"))
os.environ.update(settings["environment"])  # before the runtime is imported

{code}

preprocessing = json.loads((HERE / "preprocessing.json").read_text(encoding="utf-8"))
labels = (HERE / "labels.txt").read_text(encoding="utf-8").splitlines()
mean, std = (np.array(preprocessing[name], np.float32)[:, None, None] for name in ("mean", "std"))
images = (np.load(sys.argv[1]).astype(np.float32) - mean) / std
for start in range(0, len(images), settings["batch"]):
    batch = images.take(range(start, start + settings["batch"]), axis=0, mode="wrap")  # the last one is filled up
    for logits in infer(batch)[: len(images) - start]:
        print(labels[int(logits.argmax())])
'''
_README = """\
# {label}

{stack}

{findings}

    pip install -r requirements.txt
    python run.py IMAGES.npy

`IMAGES.npy` holds pixels of shape (number, {shape}), not normalised: `preprocessing.json` holds the mean and the
deviation of each channel in the same units. A line for each image names its class (`labels.txt`: numbers, as dlas
knows no names; replace them by yours, a line each).
{host}
"""


def export(subject: Stored, findings: Sequence[str], out: Path) -> list[Path]:
    """Write the folder; `findings` say what is known of the stack. Raises Inapplicable where it needs dlas to run."""
    if not hasattr(codegen_of(subject.stack), "deploy"):
        raise Inapplicable(
            f"codegen {subject.stack.codegen} cannot be exported; "
            "choose among cells of openvino, onnxruntime, torch or tvm"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CubeError(f"{out} is there already and not an empty folder; name another with -o")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as work:
        _fill(Path(work), subject, findings)
        shutil.copytree(work, out, dirs_exist_ok=True)
    return sorted(out.iterdir())


def _fill(folder: Path, subject: Stored, findings: Sequence[str]) -> None:
    deployment = _deployed(subject, folder)
    ceiling = codegen_of(subject.stack).ceilings.get(subject.command.isa, {})
    own = dict(deployment.settings)
    variables = {**ceiling, **own.pop("environment", {})}
    settings = {"batch": subject.executable.facts["batch"], "environment": variables, **own}
    _write(folder / "settings.json", json.dumps(settings, indent=1))
    facts = subject.data.facts
    preprocessing = {"shape": facts["shape"], "mean": facts["mean"], "std": facts["std"], "order": "NCHW"}
    _write(folder / "preprocessing.json", json.dumps(preprocessing, indent=1))
    _write(folder / "labels.txt", "".join(f"{number}\n" for number in range(facts["classes"])))
    pinned = (f"{name}=={fingerprint.package_version(name)}\n" for name in deployment.packages)
    _write(folder / "requirements.txt", "".join(pinned))
    shape = ", ".join(map(str, facts["shape"]))
    _write(folder / "run.py", _RUN.format(code=deployment.code.strip(), shape=shape))
    _write(folder / "README.md", _readme(subject, findings, shape))


def _readme(subject: Stored, findings: Sequence[str], shape: str) -> str:
    made = f"Made for {platform.machine()}"
    made += f", instruction set {subject.command.isa}." if subject.command.isa != "native" else "."
    return _README.format(
        label=subject.label,
        stack=" ".join(f"{layer}={option}" for layer, option in subject.stack.as_dict().items()),
        findings="\n".join(f"- {sentence}" for sentence in findings),
        shape=shape,
        host=f"{made} Python {platform.python_version()}.",
    )


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _deployed(subject: Stored, folder: Path) -> Deployment:
    """What the code generator gives away, in a child process."""
    place = asdict(subject.command.place)
    with Child((sys.executable, "-m", "dlas.study.exporting"), environment(1)) as child:
        told = child.ask({"executable": str(subject.executable.folder), "place": place, "out": str(folder)}, _TIMEOUT)
    return Deployment(told["code"], told["settings"], tuple(told["packages"]))


# --- the child's side -------------------------------------------------------------------------------------------


def _answer(request: Message, _: process.Report) -> Message:
    executable = given.artifact(request["executable"])
    (option,) = registry.parse("codegen", executable.recipe["option"])
    place, out = Place(**request["place"]), Path(request["out"])
    deployment: Deployment = option.deploy(executable, place, out)  # type: ignore[attr-defined]
    return asdict(deployment)


if __name__ == "__main__":
    process.serve(_answer)
