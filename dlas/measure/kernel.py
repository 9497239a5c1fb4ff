"""The reference kernel: the same arithmetic in every round of every study, whose drift tells about the host."""

import numpy as np

SIZE = 96


class ReferenceKernel:
    """A float32 matrix product of 96x96 by numpy; about 1.8 million operations."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self._a = generator.standard_normal((SIZE, SIZE), dtype=np.float32)
        self._b = generator.standard_normal((SIZE, SIZE), dtype=np.float32)
        self._out = np.empty((SIZE, SIZE), np.float32)

    def infer(self) -> None:
        """One product."""
        np.matmul(self._a, self._b, out=self._out)
