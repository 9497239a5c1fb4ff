"""Plans, values and cubes made by hand, so that what must come out of them is known."""

from dlas import accessor  # noqa: F401 - gives cubes their `.dlas`
from dlas.cube import build
from dlas.host import Host
from dlas.realise import Realisation, Step
from dlas.stack import Stack
from dlas.study.plan import Cell, Plan
from dlas.study.spec import Measure, Part, Study

HOST = Host("Toy CPU", "x86_64", ("avx2",), ("L1 data 32K",), 2, None, 2**33)
BASELINE = Stack()
_DONE = Step("codegen", "openvino", (), {})


def stack(**changes):
    """The baseline with some layers replaced."""
    return BASELINE.perturb(**changes)


def plan_of(*stacks, baseline=BASELINE, obstacles=()):
    """A plan of the baseline and these stacks; `obstacles` tells by label why a cell cannot be."""
    obstacles, cells = dict(obstacles), []
    for one in dict.fromkeys([baseline, *stacks]):
        label = one.difference(baseline)
        data = Step("dataset", one.dataset, (), {})
        possible = None if label in obstacles else Realisation(data, (_DONE,), _DONE)
        cells.append(Cell(one, label, f"key of {label}", possible, obstacles.get(label, "")))
    varied = tuple(dict.fromkeys(cell.stack.compression for cell in cells))
    study = Study("by-hand", baseline, (Part({"compression": varied}),), Measure())
    return Plan(study, HOST, tuple(cells))


def interval(name, value, low, high):
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def measured(ratio=1.0, factor=1.0, latency=1e-3, **more):
    """The values of a cell that ended well; the interval of its ratio is `ratio` divided and multiplied by `factor`."""
    return {
        "status": "ok",
        "reason": "",
        **interval("latency", latency, latency * 0.98, latency * 1.02),
        **interval("relative_latency", ratio, ratio / factor, ratio * factor),
        **interval("accuracy", 0.98, 0.96, 0.99),
        "size": 312_000.0,
        **more,
    }


def cube_of(values, baseline=BASELINE):
    """A cube from values by stack; the baseline is one of them."""
    plan = plan_of(*values, baseline=baseline)
    return build(plan, {cell.label: values[cell.stack] for cell in plan.cells}, [])
