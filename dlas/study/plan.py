"""What a study comes to on a host: its cells, which of them cannot be, the steps they need. Nothing is built here."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dlas import fingerprint, realise
from dlas.errors import StudyError
from dlas.host import Host
from dlas.realise import Realisation, Step
from dlas.stack import Stack
from dlas.study.spec import Study


@dataclass(frozen=True)
class Cell:
    """One stack of a study; `realisation` is None where `obstacle` says why it cannot be."""

    stack: Stack
    label: str
    key: str
    realisation: Realisation | None
    obstacle: str = ""


@dataclass(frozen=True)
class Plan:
    """The cells of a study on a host, the baseline first."""

    study: Study
    host: Host
    cells: tuple[Cell, ...]

    @property
    def baseline(self) -> Cell:
        """The cell that all others are compared with."""
        return self.cells[0]

    @property
    def possible(self) -> tuple[Cell, ...]:
        """The cells that nothing stands in the way of."""
        return tuple(cell for cell in self.cells if cell.realisation)

    def steps(self, cells: Iterable[Cell] | None = None) -> tuple[Step, ...]:
        """The steps of some cells (all, by default), each once, inputs before what needs them."""
        chosen = self.possible if cells is None else cells
        unique = {step.key: step for cell in chosen if cell.realisation for step in cell.realisation.steps}
        return tuple(unique.values())


def plan(study: Study, host: Host) -> Plan:
    """Plan a study; raises StudyError where its baseline, or all that was asked for beside it, cannot be."""
    cells = tuple(_cell(stack, study, host) for stack in study.stacks())
    if cells[0].obstacle:
        raise StudyError(f"the baseline cannot be: {cells[0].obstacle}; choose another with --set or [baseline]")
    if len(cells) > 1 and all(cell.obstacle for cell in cells[1:]):
        raise StudyError(f"nothing that was asked for can be: {cells[1].label}: {cells[1].obstacle}")
    return Plan(study, host, cells)


def _cell(stack: Stack, study: Study, host: Host) -> Cell:
    label = stack.difference(study.baseline)
    obstacle = realise.obstacle(stack, host)
    if obstacle:
        return Cell(stack, label, _key(label, stack, study), None, obstacle)
    realisation = realise.realisation(stack, study.places, host)
    return Cell(stack, label, _key(realisation.executable.key, stack, study), realisation)


def _key(executable: str, stack: Stack, study: Study) -> str:
    """What a cell's runs and score belong to; how long it is measured is no part of it."""
    facts = {"executable": executable, "hardware": stack.hardware, "images": study.measure.images}
    return fingerprint.digest(facts)


def journal_path(out: Path) -> Path:
    """Where the journal of a cube lies: beside it."""
    return out.with_suffix(".journal")
