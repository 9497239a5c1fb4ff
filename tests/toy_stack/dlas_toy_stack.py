"""A stack that builds and runs in milliseconds, and code generators that misbehave in every way we could think of."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from dlas import data, network
from dlas.layers.codegen import Evidence, Kernel
from dlas.option import parameter

CLASSES = 4
SIZE = 6


def _note(what):
    """Tell the test that a step was really done."""
    log = os.environ.get("TOY_LOG")
    if log:
        with Path(log).open("a") as file:
            file.write(f"{what}\n")


@dataclass(frozen=True)
class ToyData:
    """Noise whose class is the quadrant that is bright."""

    name: ClassVar = "toydata"
    suggested: ClassVar = ("toydata",)

    seed: int = parameter("draws the images", 0, low=0)

    def load(self, sources, out):
        _note("dataset")
        generator = np.random.default_rng(self.seed)
        splits = {}
        for split, count in (("train", 40), ("validation", 20), ("test", 60)):
            labels = np.arange(count) % CLASSES
            images = generator.normal(size=(count, 1, SIZE, SIZE)).astype("float32")
            for image, label in zip(images, labels, strict=True):
                rows, columns = divmod(int(label), 2)
                image[0, rows * 3 : rows * 3 + 3, columns * 3 : columns * 3 + 3] += 2
            splits[split] = (images, labels)
        return data.save(out, splits, CLASSES, calibration=10)


@dataclass(frozen=True)
class ToyNet:
    """One linear operator that sums each quadrant."""

    name: ClassVar = "toynet"
    suggested: ClassVar = ("toynet",)

    def make(self, source, given, text, out, work, report):
        from safetensors.numpy import save_file

        _note("model")
        weight = np.zeros((CLASSES, 1, SIZE, SIZE), np.float32)
        for label in range(CLASSES):
            rows, columns = divmod(label, 2)
            weight[label, 0, rows * 3 : rows * 3 + 3, columns * 3 : columns * 3 + 3] = 1
        weight = weight.reshape(CLASSES, -1)
        np.save(out / "weight.npy", weight)
        images, _ = data.load(source, "test")
        chosen = np.arange(20)
        logits = images[chosen].reshape(20, -1) @ weight.T
        save_file({"images": chosen, "logits": logits}, out / network.REFERENCE)
        operator = {"name": "linear", "kind": "linear", "macs": weight.size, "parameters": weight.size, "nonzeros": 36}
        return {
            "model": text,
            "shape": [1, SIZE, SIZE],
            "classes": CLASSES,
            "precision": "float32",
            "module": False,
            "trained": True,
            "parameters": weight.size,
            "nonzeros": weight.size,
            "macs": weight.size,
            "operators": [operator],
            "accuracy": {"validation": 1.0, "test": 1.0},
        }


@dataclass(frozen=True)
class ToyGen:
    """numpy as a code generator; `behaviour` says what goes wrong."""

    name: ClassVar = "toygen"
    suggested: ClassVar = ("toygen",)
    packages: ClassVar = ("numpy",)
    dialect: ClassVar = "toy"
    devices: ClassVar = ("cpu",)
    precisions: ClassVar = ("float32",)
    takes_module: ClassVar = False
    depends_on: ClassVar = ()
    ceilings: ClassVar = {}

    level: int = parameter("makes cells differ", 1, positional=True, low=1)
    behaviour: str = parameter(
        "what it does",
        "works",
        choices=(
            *("works", "build-segfault", "build-raise", "build-hang", "segfault", "hang", "memory"),
            *("wrong", "threads", "bfloat16", "late-segfault", "late-hang"),
        ),
    )

    def compile(self, before, lowering, target, out):
        _note(f"codegen {self.level} {self.behaviour}")
        if self.behaviour.startswith("build-"):
            misbehave(self.behaviour.removeprefix("build-"))
        weight = np.load(before.file("weight.npy"))
        np.save(out / "weight.npy", weight * (1.5 if self.behaviour == "wrong" else 1))
        return {"weights_size": weight.nbytes}

    def load(self, executable, place):
        if self.behaviour in ("segfault", "hang", "memory"):
            misbehave(self.behaviour)
        return ToyRunner(np.load(executable.file("weight.npy")), place.threads, self.behaviour)

    def idle(self, executable, place):
        return Idle()


class Idle:
    """Does nothing with an image."""

    def feed(self, images):
        self._images = images

    def infer(self):
        self._logits = self._images


class ToyRunner:
    def __init__(self, weight, threads, behaviour):
        self._weight = weight.T.copy()
        self._threads = threads
        self._behaviour = behaviour
        self._count = 0

    def feed(self, images):
        self._images = images.reshape(len(images), -1)

    def infer(self):
        self._count += 1
        if self._behaviour.startswith("late-") and self._count > 500:
            misbehave(self._behaviour.removeprefix("late-"))
        self._logits = self._images @ self._weight

    def output(self):
        return self._logits

    def evidence(self):
        precision = "bfloat16" if self._behaviour == "bfloat16" else "float32"
        threads = self._threads + (self._behaviour == "threads")
        return Evidence((Kernel("linear", "linear", "numpy", precision),), threads, "not told")


def misbehave(how):
    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "hang":
        time.sleep(3600)
    if how == "raise":
        raise RuntimeError("the toy compiler does not like this network")
    if how == "memory":
        hoard = []
        while True:
            hoard.append(np.empty(2**27))  # counted against the limit without being touched
