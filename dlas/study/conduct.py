"""How a study is run this time: what its definition does not hold."""

from dataclasses import dataclass

from dlas.study.progress import Listen, nobody


@dataclass(frozen=True)
class Conduct:
    """Builds at a time (None: one a thread), whether failed cells are tried again, runs to add to every cell that
    has enough, the address of a Dask scheduler whose workers build and measure, and who is told of the progress.
    """

    jobs: int | None = None
    retry: bool = False
    more: int = 0
    scheduler: str | None = None
    listen: Listen = nobody
