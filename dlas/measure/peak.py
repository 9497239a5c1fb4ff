"""What one thread can reach here: float32 arithmetic and memory bandwidth, measured in a child of their own."""

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dlas import process
from dlas.host import Host, memory_left
from dlas.layers.hardware import Command
from dlas.layers.hardware.cpu import Cpu
from dlas.measure.clocks import ProcessClock, repeat
from dlas.process import Child, Message, environment

SIDE = 1024  # of the product: 2 * SIDE**3 operations, enough to hide what is not arithmetic
LEAST_REPETITIONS = 5
BRIEF = 0.3  # s for each of the two: the best of many repetitions is soon found

_TIMES_CACHE = 4  # an array so many times the last-level cache leaves nothing useful in it
_LEAST_BYTES = 64 * 2**20
_MEMORY_SHARE = 8  # an array takes at most one part in so many of the memory that is left
_PREFIXES = {"K": 2**10, "M": 2**20, "G": 2**30}
_TIMEOUT = 120.0  # s


@dataclass(frozen=True)
class Peak:
    """The best of many repetitions by processor time.

    `gflops` are 10^9 float32 operations a second of numpy's matrix product (`blas`), `bandwidth` 10^9 bytes read and
    written a second while an array of `array` bytes is copied.
    """

    gflops: float
    bandwidth: float
    array: int
    blas: str


def of_host(host: Host, seconds: float = BRIEF) -> Peak:
    """The peaks where cells of this host are measured; raises BuildFailed."""
    return measure(Cpu().start(host), host.caches, seconds)


def measure(command: Command, caches: Sequence[str], seconds: float) -> Peak:
    """Measure on the processor where cells are measured, each for so many seconds; raises BuildFailed."""
    array = array_bytes(last_level_cache(caches), memory_left())
    with Child((sys.executable, "-m", "dlas.measure.peak"), environment(1), command.cpus) as child:
        product = child.ask({"do": "product", "seconds": seconds}, _TIMEOUT)
        copy = child.ask({"do": "copy", "seconds": seconds, "bytes": array}, _TIMEOUT)
    gflops = 2 * SIDE**3 / product["best"] * 1e-9
    return Peak(gflops, 2 * array / copy["best"] * 1e-9, array, product["blas"])


def last_level_cache(caches: Sequence[str]) -> int:
    """Bytes of the largest cache in the host's list (`L3 unified 32768K`); 0 where none is told."""
    sizes = (re.search(r"(\d+)([KMG]?)$", cache) for cache in caches)
    return max((int(size[1]) * _PREFIXES.get(size[2], 1) for size in sizes if size), default=0)


def array_bytes(cache: int, memory: int) -> int:
    """Size of an array much larger than the cache, as far as the memory allows; a multiple of 4."""
    return min(max(_LEAST_BYTES, _TIMES_CACHE * cache), memory // _MEMORY_SHARE) // 4 * 4


# --- the child's side -------------------------------------------------------------------------------------------


def _answer(request: Message, _: process.Report) -> Message:
    if request["do"] == "copy":
        return {"best": _best(_copy(request["bytes"]), request["seconds"])}
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"best": _best(_product(), request["seconds"]), "blas": f"{blas['name']} {blas['version']}"}


def _product() -> Callable[[], None]:
    generator = np.random.default_rng(0)
    a, b = (generator.standard_normal((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    out = np.empty((SIDE, SIDE), np.float32)

    def multiply() -> None:
        np.matmul(a, b, out=out)

    return multiply


def _copy(size: int) -> Callable[[], None]:
    source = np.ones(size // 4, np.float32)  # ones, not zeros: pages that were never written share one page of zeros
    target = np.ones_like(source)
    return lambda: np.copyto(target, source)


def _best(work: Callable[[], None], seconds: float) -> float:
    """Least processor seconds, of all threads should there be several; whoever else runs does not count."""
    clock = ProcessClock()
    work()
    start = clock.wall()
    best: list[int] = []
    while len(best) < LEAST_REPETITIONS or clock.wall() - start < seconds * 1e9:
        best.append(repeat(work, 1, clock).cpu)
    return min(best) * 1e-9


if __name__ == "__main__":
    process.serve(_answer)
