"""The most compressed variant that loses no more than so much accuracy: bisection over levels, on validation data.

Only networks are built here; the study that goes on has the variant that was found beside its baseline.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from dlas import host, realise, registry
from dlas.artifacts import Store
from dlas.errors import StudyError
from dlas.option import Option, parameters
from dlas.study.building import Builder
from dlas.study.progress import Listen
from dlas.study.spec import Study

GRID = tuple(level / 100 for level in range(1, 100))
_LIMIT = re.compile(r"accuracy-drop=([0-9]+(?:\.[0-9]+)?)pp")
_ROUNDING = 1e-9  # of a difference of two shares


@dataclass(frozen=True)
class Visit:
    """A level that was tried, and the validation accuracy of its network; `kept` if that is not too low."""

    option: str
    level: float
    accuracy: float
    kept: bool


@dataclass(frozen=True)
class Search:
    """What was asked, the baseline's validation accuracy, what was tried in which order, and what was found."""

    asked: str
    baseline: float
    visits: tuple[Visit, ...]
    found: tuple[str, ...]


def limit(text: str) -> float:
    """The loss of accuracy, as a share, that `accuracy-drop=1pp` permits; raises StudyError."""
    match = _LIMIT.fullmatch(text.strip())
    if not match or not 0 <= float(match[1]) < 100:
        raise StudyError(f"--until {text!r} is unknown; write for example --until accuracy-drop=1pp")
    return float(match[1]) / 100


def settle(study: Study, asked: str, store: Store, jobs: int, listen: Listen) -> Study:
    """The study with, in place of all levels of a technique, the highest whose network loses no more than asked.

    Raises StudyError where there is no level to choose, or where even the lowest loses more.
    """
    permitted = limit(asked)
    (part,) = study.parts
    families = _families(part.vary)
    store.prepare()
    build = Builder(store, jobs, study.build_timeout, listen)
    baseline = _accuracy(study, study.baseline.compression, store, build)
    visits: list[Visit] = []
    chosen: dict[str, str] = {}

    def keeps(option: str, level: float) -> bool:
        accuracy = _accuracy(study, option, store, build)
        visits.append(Visit(option, level, accuracy, baseline - accuracy <= permitted + _ROUNDING))
        return visits[-1].kept

    for texts, levels in families:
        options = [_at(texts[0], level) for level in levels]
        highest = bisect(len(levels), lambda i, o=options, v=levels: keeps(o[i], v[i]))  # type: ignore[misc]
        if highest is None:
            worst = visits[-1]
            lost = f"{(baseline - worst.accuracy) * 100:.1f} pp on validation data"
            raise StudyError(f"--until {asked}: even {worst.option} loses {lost}; allow more, or try lower levels")
        chosen |= dict.fromkeys(texts, options[highest])
    kept = tuple(dict.fromkeys(chosen.get(text, text) for text in part.vary["compression"]))
    search = Search(asked, baseline, tuple(visits), tuple(dict.fromkeys(chosen.values())))
    vary = {**part.vary, "compression": kept}
    return replace(study, parts=(replace(part, vary=vary),), search=asdict(search))


def bisect(count: int, keeps: Callable[[int], bool]) -> int | None:
    """The last of `count` positions that keeps, if those before one that keeps do too; None where the first fails."""
    good, bad = -1, count
    while bad - good > 1:
        middle = (good + bad) // 2
        if keeps(middle):
            good = middle
        else:
            bad = middle
    return good if good >= 0 else None


def told(search: Mapping[str, Any]) -> list[str]:
    """A search in lines."""
    if not search:
        return []
    found, baseline = ", ".join(search["found"]), f"baseline {search['baseline']:.1%} on validation data"
    head = f"until    {search['asked']}: {found}; {baseline}"
    words = {True: "loses no more", False: "loses more"}
    return [head, *(f"         {v['option']}  {v['accuracy']:.1%}  {words[v['kept']]}" for v in search["visits"])]


def _families(vary: Mapping[str, Sequence[str]]) -> list[tuple[list[str], Sequence[float]]]:
    """Texts that differ in their level alone, with the levels to choose from: their own, or a grid for a single one."""
    fixed = next((layer for layer in ("dataset", "model") if len(vary.get(layer, ())) > 1), None)
    if fixed:
        raise StudyError(f"--until compares networks with one baseline; vary {fixed} in a study of its own")
    families: dict[str, list[str]] = {}
    for text in vary.get("compression", ()):
        if _level(text) is not None:
            families.setdefault(_at(text, GRID[0]), []).append(text)
    if not families:
        raise StudyError("--until needs a technique with a level, as in --layer compression=weight-prune@0.5:0.95:0.05")
    return [(texts, sorted(map(_known_level, texts)) if len(texts) > 1 else GRID) for texts in families.values()]


def _share(option: Option) -> str | None:
    """The positional parameter that must be given and is a share: the higher, the more compressed."""
    declared = parameters(type(option)).items()
    shares = (key for key, (kind, p, default) in declared if p.positional and kind is float and default is None)
    return next((key for key in shares if parameters(type(option))[key][1].high == 1), None)


def _level(text: str) -> float | None:
    """The level of the first step of a chain that has one."""
    steps = registry.parse("compression", text)
    return next((float(getattr(step, key)) for step in steps if (key := _share(step))), None)


def _known_level(text: str) -> float:
    level = _level(text)
    assert level is not None
    return level


def _at(text: str, level: float) -> str:
    """The same chain at another level."""
    steps = list(registry.parse("compression", text))
    index, key = next((i, key) for i, step in enumerate(steps) if (key := _share(step)))
    changed: Option = replace(steps[index], **{key: level})
    return registry.write((*steps[:index], changed, *steps[index + 1 :]))


def _accuracy(study: Study, option: str, store: Store, build: Builder) -> float:
    """Validation accuracy of the baseline's network under a compression, which is built unless it is there."""
    stack = study.baseline.perturb(compression=option)
    here = host.probe()
    obstacle = realise.obstacle(stack, here, study.places)
    if obstacle:
        raise StudyError(f"--until cannot try {option}: {obstacle}")
    steps = realise.realisation(stack, study.places, here)
    failures = build.build((steps.data, *steps.networks))
    network = store.get(steps.networks[-1].key)
    if network is None:
        raise StudyError(f"--until cannot try {option}: {next(iter(failures.values())).reason}")
    if not network.facts["accuracy"]:
        raise StudyError(f"--until needs a trained network; {study.baseline.model} has random weights")
    return float(network.facts["accuracy"]["validation"])
