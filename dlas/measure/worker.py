"""The measuring child: loads one executable, proves it, scores it, times it. It decides nothing."""

import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlas import data, fingerprint, network, process, registry
from dlas.data import Images
from dlas.errors import BuildFailed
from dlas.host import Place
from dlas.layers.codegen import Runner
from dlas.measure import given, memory, pace, placing
from dlas.measure.clocks import Clock, ProcessClock, ThreadClock
from dlas.measure.kernel import ReferenceKernel
from dlas.network import Logits
from dlas.process import Message

CHECKED = 4  # reference images that every child answers before it is timed
READ = 64  # images that are read at once to be scored
ROTATED = 64  # test images that are fed in turn while it is timed; held in memory, so few
POOLED = 0.9  # below this share of the process's time the calling thread is not the one that computes


class Worker:
    """Answers the parent's requests one after the other."""

    def __init__(self) -> None:
        self._runner: Runner
        self._work: Any
        self._clock: Clock = ThreadClock()
        self._position = 0
        self._processors = sorted(os.sched_getaffinity(0))
        self._placed: dict[int, int] = {}

    def answer(self, request: Message, report: process.Report) -> Message:
        """Do what `request["do"]` names."""
        verb = {
            "load": self._load,
            "kernel": self._kernel,
            "score": self._score,
            "pace": self._pace,
            "step": self._step,
            "rest": self._rest,
        }
        return verb[request["do"]](request)

    def _load(self, request: Message) -> Message:
        executable = given.artifact(request["executable"])
        self._network = given.artifact(request["network"])
        self._source = given.artifact(request["data"])
        self._batch = executable.facts["batch"]
        self._labels = data.labels(self._source, "test")
        self._images = self._read(data.stratified_subset(self._labels, max(ROTATED, self._batch)))
        memory.forget_peak()
        empty = memory.resident()
        (option,) = registry.parse("codegen", executable.recipe["option"])
        start = time.perf_counter()
        place = Place(**request["place"])
        self._runner = option.load(executable, place)  # type: ignore[attr-defined]
        self._runner.feed(self._at(0))
        self._runner.infer()
        cold_start = time.perf_counter() - start
        self._work = self._runner.infer
        check = self._against_reference(CHECKED)
        return {
            "cold_start": cold_start,
            "peak_memory": max(0, memory.peak() - empty),  # before it is scored, which only one process is
            "evidence": asdict(self._runner.evidence()),
            "check": check,
            "call_overhead": self._overhead(option.idle(executable, place)),  # type: ignore[attr-defined]
            "runtime": {name: fingerprint.package_version(name) for name in getattr(option, "packages", ())},
        }

    def _overhead(self, idle: Runner) -> float:
        """Seconds of a call that computes nothing."""
        idle.feed(self._at(0))
        return pace.warm_up(idle.infer, self._clock)

    def _kernel(self, request: Message) -> Message:
        self._work = ReferenceKernel().infer
        return {}

    def _score(self, request: Message) -> Message:
        """Predicted class of each chosen test image, and agreement on all reference images."""
        chosen = data.stratified_subset(self._labels, request["images"])
        predicted = self._logits(chosen).argmax(1)
        return {
            "images": chosen.tolist(),
            "predicted": predicted.tolist(),
            "labels": self._labels[chosen].tolist(),
            **self._against_reference(None),
        }

    def _pace(self, request: Message) -> Message:
        """Warm up, each thread in its place; tell the pace, with whose clock it is timed, and on which processors."""
        self._placed = placing.spread(self._work, self._processors)
        with placing.kept(self._placed):
            thread, whole = time.thread_time(), time.process_time()
            seconds = pace.warm_up(self._work, self._clock)
            if time.thread_time() - thread < POOLED * (time.process_time() - whole):
                self._clock = ProcessClock()
        processors = sorted(self._placed.values()) or self._processors
        return {**asdict(pace.calibrate(seconds)), "clock": type(self._clock).__name__, "processors": processors}

    def _step(self, request: Message) -> Message:
        with placing.kept(self._placed):
            found = pace.step(self._work, self._advance, pace.Pace(**request["pace"]), self._clock)
        return {"repetitions": found}

    def _rest(self, request: Message) -> Message:
        placing.rest()
        return {}

    def _advance(self) -> None:
        """Bring the next real image into the runtime's input."""
        if hasattr(self, "_runner"):
            self._position += self._batch
            self._runner.feed(self._at(self._position))

    def _at(self, position: int) -> Images:
        indices = np.arange(position, position + self._batch) % len(self._images)
        batch: Images = self._images[indices]
        return batch

    def _read(self, chosen: NDArray[np.int64]) -> Images:
        return data.load(self._source, "test", chosen)[0]

    def _batches_of(self, chosen: NDArray[np.int64]) -> Iterator[Images]:
        """The chosen test images, many read at once, in batches of the executable's size."""
        many = max(1, READ // self._batch) * self._batch
        for start in range(0, len(chosen), many):
            stop = min(start + many, -(-len(chosen) // self._batch) * self._batch)
            images = self._read(np.take(chosen, range(start, stop), mode="wrap"))
            yield from (images[i : i + self._batch] for i in range(0, len(images), self._batch))

    def _logits(self, chosen: NDArray[np.int64]) -> Logits:
        """Logits of the chosen test images; the last batch is filled up with the first images."""
        found = []
        for images in self._batches_of(chosen):
            self._runner.feed(images)
            self._runner.infer()
            found.append(self._runner.output())
        logits: Logits = np.concatenate(found)[: len(chosen)]
        return logits

    def _against_reference(self, count: int | None) -> Message:
        """Top-1 agreement, and the largest difference as it is and relative to the reference's largest logit."""
        indices, expected = network.reference(self._network)
        indices, expected = indices[:count], expected[:count]
        logits = self._logits(indices)
        if logits.shape != expected.shape:
            raise BuildFailed(f"logits have shape {logits.shape}, the reference has {expected.shape}")
        error = float(np.abs(logits - expected).max())
        return {
            "agreement": _agreement(logits, expected),
            "quantised_agreement": self._as_quantised(logits),
            "max_abs_error": error if np.isfinite(error) else float("inf"),
            "relative_error": relative_error(error, float(np.abs(expected).max())),
        }

    def _as_quantised(self, logits: Logits) -> float | None:
        """Top-1 agreement with what the quantised network itself gives for the first reference images."""
        if self._network.facts["precision"] != "int8":
            return None
        return _agreement(logits, network.quantised_reference(self._network)[: len(logits)])


def relative_error(error: float, largest: float) -> float:
    """An error over the largest of the numbers that were expected; where all of them are 0, none is small."""
    if not np.isfinite(error):
        return float("inf")
    return error / largest if largest else float("inf") if error else 0.0


def _agreement(logits: Logits, expected: Logits) -> float:
    """Share of images with the same top-1 class."""
    return float((logits.argmax(1) == expected.argmax(1)).mean())


if __name__ == "__main__":
    process.serve(Worker().answer)
