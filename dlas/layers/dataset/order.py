"""A user's own order of the classes: a text file with the name of one class a line."""

from pathlib import Path

from dlas.errors import DataError

FOLDERS = "folders"  # stands for no such file


def read(place: str, path: Path, classes: int) -> tuple[str, ...]:
    """The names in their order; `classes` is how many there must be, 0 any number."""
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeError) as problem:
        raise DataError(f"{place}: labels {path} cannot be read ({problem}); give a text file") from problem
    while names and not names[-1]:
        names = names[:-1]
    doubtful = [name for name in names if not name or names.count(name) > 1] or [""] * (not names)
    if doubtful:
        what = f"{doubtful[0]!r} stands there twice" if doubtful[0] else "a line is empty"
        raise DataError(f"{place}: labels {path}: {what}; give each class one line")
    if classes not in (0, len(names)):
        raise DataError(f"{place}: labels {path} has {len(names)} lines, but classes={classes}; make them agree")
    return names
