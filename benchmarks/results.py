"""Writes README.md beside it: what every benchmark asks, and the figures committed of it.

python benchmarks/results.py
"""

import ast
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reporting import CONTEXT

from dlas.rounding import with_interval

FOLDER = Path(__file__).parent
README = FOLDER / "README.md"
REFERENCE = FOLDER.parent / "artifacts" / "reference" / "benchmarks"
HEAD = """# Benchmarks

`python benchmarks/NAME.py --quick` tries one, `python benchmarks/NAME.py --json FILE` measures everything and writes
its figures; nothing else should run meanwhile. Below stands what each asks, and what was committed of it under
`artifacts/reference/benchmarks/`, with 95 % intervals in brackets; `python benchmarks/results.py` writes this page.
"""


def text() -> str:
    """The page, in Markdown."""
    sources = {file.stem: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.py"))}
    benchmarks = {name: source for name, source in sources.items() if "import arguments" in source}
    return "\n".join([HEAD, *(line for name, source in benchmarks.items() for line in _section(name, source))])


def _section(name: str, source: str) -> Iterator[str]:
    yield from (f"## {name}", "", ast.get_docstring(ast.parse(source)) or "", "")
    file = REFERENCE / f"{name}.json"
    if not file.exists():
        yield from ("No run of it is committed.", "")
        return
    found = json.loads(file.read_text(encoding="utf-8"))
    processor, date = (found.pop(fact) for fact in CONTEXT)
    yield from (f"Measured on {processor}, {date}:", "", "| figure | |", "|---|---|")
    yield from (f"| `{figure}` | {value} |" for figure, value in _values(found))
    yield ""


def _values(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each figure with its interval, where it has one."""
    for name, value in figures.items():
        if f"{name}_low" in figures:
            yield name, with_interval(value, figures[f"{name}_low"], figures[f"{name}_high"])
        elif not name.endswith(("_low", "_high")):
            yield name, f"{value:.4g}"


if __name__ == "__main__":
    README.write_text(text(), encoding="utf-8")
    print(f"written: {README}")
