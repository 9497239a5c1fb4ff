"""The profiling child: an executable as it is and under its runtime's own profiler, in turns. It decides nothing."""

import os
from dataclasses import asdict, replace
from statistics import median
from typing import Any

from dlas import data, process, registry
from dlas.errors import Inapplicable
from dlas.host import Place
from dlas.layers.hardware import Command
from dlas.measure import given, pace, placing
from dlas.measure.clocks import Clock, Repetition, ThreadClock, repeat
from dlas.process import Message

LEAST_INFERENCES = 8  # under the profiler in one window; it must see more than one
MODULE = "dlas.measure.profiler"


def command_of(command: Command) -> Command:
    """The command that starts this child where `command` starts the measuring one."""
    return replace(command, argv=(*command.argv[:-1], MODULE))


class Profiler:
    """Answers the parent's requests one after the other."""

    def __init__(self) -> None:
        self._clock: Clock = ThreadClock()
        self._processors = sorted(os.sched_getaffinity(0))

    def answer(self, request: Message, report: process.Report) -> Message:
        """Do what `request["do"]` names."""
        return {"load": self._load, "window": self._window}[request["do"]](request)

    def _load(self, request: Message) -> Message:
        self._executable = given.artifact(request["executable"])
        source = given.artifact(request["data"])
        (self._option,) = registry.parse("codegen", self._executable.recipe["option"])
        if not hasattr(self._option, "profile"):
            raise Inapplicable(
                f"codegen {self._executable.recipe['option']} does not tell how long each operator takes; "
                "choose one that declares the verb `profile`: openvino, onnxruntime, torch or tvm"
            )
        self._place = Place(**request["place"])
        chosen = data.stratified_subset(data.labels(source, "test"), self._executable.facts["batch"])
        self._images = data.load(source, "test", chosen)[0]
        self._plain: Any = self._option.load(self._executable, self._place)  # type: ignore[attr-defined]
        self._plain.feed(self._images)
        self._pace = pace.calibrate(pace.warm_up(self._plain.infer, self._clock))
        return {"evidence": asdict(self._plain.evidence()), "batch": len(chosen)}

    def _window(self, request: Message) -> Message:
        """Seconds of one inference as it is and under the profiler, loaded anew; the kernels that it told of."""
        profiled: Any = self._option.profile(self._executable, self._place)  # type: ignore[attr-defined]
        profiled.feed(self._images)
        profiled.infer()  # the first one does not count
        watched = self._repetitions(profiled)
        while len(watched) * self._pace.inner < LEAST_INFERENCES:
            watched += self._repetitions(profiled)
        plain = self._repetitions(self._plain)
        steps = [asdict(step) for step in profiled.steps()]
        return {"plain": self._seconds(plain), "profiled": self._seconds(watched), "steps": steps}

    def _repetitions(self, runner: Any) -> list[Repetition]:
        """What one step of a study times, too, each thread in its place."""
        with placing.kept(placing.spread(runner.infer, self._processors)):
            pace.discard(runner.infer, self._pace, self._clock)
            return [repeat(runner.infer, self._pace.inner, self._clock) for _ in range(self._pace.repetitions)]

    def _seconds(self, found: list[Repetition]) -> dict[str, float]:
        """Medians of wall and processor time of one inference."""
        return {name: median(getattr(one, name) for one in found) / self._pace.inner * 1e-9 for name in ("wall", "cpu")}


if __name__ == "__main__":
    process.serve(Profiler().answer)
