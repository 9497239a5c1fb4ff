"""How a study is run this time: what its definition does not hold."""

from collections.abc import Collection
from dataclasses import dataclass

from dlas.study.progress import Listen, nobody


@dataclass(frozen=True)
class Conduct:
    """Builds at a time (None: one a thread); whether failed cells are tried again; runs to add to every cell that
    has enough, or to those of the names in `only`; the address of a Dask scheduler whose workers build and measure;
    and who is told of the progress.
    """

    jobs: int | None = None
    retry: bool = False
    more: int = 0
    only: Collection[str] = ()
    scheduler: str | None = None
    listen: Listen = nobody
