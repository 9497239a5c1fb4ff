"""What a study comes to: its cells, which of them cannot be, the steps they need, by host. Nothing is built here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlas import fingerprint, realise, registry
from dlas.errors import StudyError
from dlas.host import Host
from dlas.realise import Realisation, Step, hardware_of
from dlas.stack import Stack
from dlas.study.spec import Study

NOBODY: Mapping[str, Host] = {}
NOTHING: Mapping[str, str] = {}
HERE = ""  # the name under which a hardware option asks for the host that runs the study


@dataclass(frozen=True)
class Cell:
    """One stack of a study; `realisation` is None where `obstacle` says why it cannot be, with the status it gives."""

    stack: Stack
    label: str
    key: str
    realisation: Realisation | None
    obstacle: str = ""
    status: str = "inapplicable"

    @property
    def at(self) -> str:
        """Name of the host that the cell is measured on."""
        return hardware_of(self.stack).at


@dataclass(frozen=True)
class Plan:
    """The cells of a study, the baseline first.

    `host` is the one that cells without a name are measured on, `named` those of the other names; `absent` tells of
    names why nobody measures for them now.
    """

    study: Study
    host: Host
    cells: tuple[Cell, ...]
    named: Mapping[str, Host] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def baseline(self) -> Cell:
        """The cell that all others are compared with."""
        return self.cells[0]

    def by_host(self) -> tuple["Plan", ...]:
        """A plan for each name, with the host of that name and, first, the baseline as it is on that host.

        Where the baseline is measured comes first; cells that ask for a host that nobody knows are in none.
        """
        known = {HERE: self.host, **self.named}
        return tuple(self._on(name, known[name]) for name in dict.fromkeys(c.at for c in self.cells) if name in known)

    def _on(self, name: str, host: Host) -> "Plan":
        anchor = self.baseline if name == self.baseline.at else _cell(_moved(self.study, name), self.study, host)
        cells = dict.fromkeys([anchor, *(cell for cell in self.cells if cell.at == name)])
        return replace(self, host=host, cells=tuple(cells), named={})

    @property
    def why_absent(self) -> str:
        """Why nobody measures now where this plan's cells are measured; empty where somebody does."""
        return self.absent.get(self.baseline.at, "")

    @property
    def possible(self) -> tuple[Cell, ...]:
        """The cells that nothing stands in the way of."""
        return tuple(cell for cell in self.cells if cell.realisation)

    def steps(self, cells: Iterable[Cell] | None = None) -> tuple[Step, ...]:
        """The steps of some cells (all, by default), each once, inputs before what needs them."""
        chosen = self.possible if cells is None else cells
        unique = {step.key: step for cell in chosen if cell.realisation for step in cell.realisation.steps}
        return tuple(unique.values())


def plan(study: Study, host: Host, named: Mapping[str, Host] = NOBODY, absent: Mapping[str, str] = NOTHING) -> Plan:
    """Plan a study; raises StudyError where its baseline, or all that was asked for beside it, cannot be."""
    empty = Plan(study, host, (), named, absent)
    cells = tuple(_planned(stack, empty) for stack in study.stacks())
    if cells[0].obstacle:
        raise StudyError(f"the baseline cannot be: {cells[0].obstacle}; choose another with --set or [baseline]")
    if len(cells) > 1 and all(cell.obstacle for cell in cells[1:]):
        raise StudyError(f"nothing that was asked for can be: {cells[1].label}: {cells[1].obstacle}")
    return replace(empty, cells=cells)


def names(study: Study) -> tuple[str, ...]:
    """The names of other hosts that a study's hardware options ask for."""
    return tuple(dict.fromkeys(at for stack in study.stacks() if (at := hardware_of(stack).at) != HERE))


def _planned(stack: Stack, empty: Plan) -> Cell:
    at = hardware_of(stack).at
    host = {HERE: empty.host, **empty.named}.get(at)
    if host:
        return _cell(stack, empty.study, host)
    label = stack.difference(empty.study.baseline)
    reason = empty.absent.get(at, f"nobody measures for {at} here; add --scheduler ADDRESS")
    return Cell(stack, label, _key(label, stack, empty.study), None, reason, "missing")


def _moved(study: Study, name: str) -> Stack:
    """The baseline on another host."""
    hardware = replace(hardware_of(study.baseline), at=name)
    return study.baseline.perturb(hardware=registry.write((hardware,)))


def _cell(stack: Stack, study: Study, host: Host) -> Cell:
    label = stack.difference(study.baseline)
    obstacle = realise.obstacle(stack, host, study.places)
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
