"""Images of noise, for networks whose speed is asked and nothing else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dlas import realise
from dlas.stack import Stack

_TRAIN, _TEST, _CLASSES = 200, 40, 10


@contextmanager
def noise(sizes: Sequence[int]) -> Iterator[realise.Places]:
    """Where colour images of each height and width lie, as `npz@noise224`, while they are needed."""
    with TemporaryDirectory() as folder:
        yield tuple((f"noise{size}", _written(Path(folder), size)) for size in sorted(set(sizes)))


def stack(model: str, size: int, codegen: str, primitive: str = "native", compression: str = "none") -> Stack:
    """A network of random weights for images of a size."""
    weights = f"{model}{',' if '@' in model else '@'}weights=random"
    return Stack(f"npz@noise{size}", weights, compression, primitive, codegen)


def named(model: str, size: int) -> str:
    """A network in the name of a figure."""
    return f"{model.replace('@width=', 'x')}_{size}"


def _written(folder: Path, size: int) -> Path:
    drawn, path = np.random.default_rng(size), folder / f"{size}.npz"
    arrays = {}
    for part, count in (("train", _TRAIN), ("test", _TEST)):
        arrays[f"x_{part}"] = drawn.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(count) % _CLASSES
    np.savez(path, **arrays)
    return path
