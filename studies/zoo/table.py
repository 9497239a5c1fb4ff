"""The table of the zoo in `README.md`, written anew from the pages beside the weights."""

from pathlib import Path

from dlas.layers.model import zoo

README = Path(__file__).parent / "README.md"
HEAD = ("data", "model", "recipe", "seed", "accuracy on the test set (95 %)", "training", "weights")


def lines() -> list[str]:
    """The table in Markdown."""
    rows = [HEAD, ("---",) * len(HEAD), *(_row(entry) for entry in zoo.entries())]
    return [f"| {' | '.join(row)} |" for row in rows]


def _row(entry: zoo.Entry) -> tuple[str, ...]:
    score, recipe = entry.accuracy, entry.recipe
    return (
        entry.dataset,
        f"`{entry.model}`",
        f"{recipe['images']:,} images, {recipe['optimizer']} {recipe['rate']:g}, decay {recipe['decay']:g}",
        str(recipe["seed"]),
        f"{score['value']:.1%} ({score['low']:.1%} to {score['high']:.1%})",
        f"{entry.seconds / 60:.0f} min",
        f"{entry.file.stat().st_size / 1e6:.2f} MB",
    )


def put(name: str, written: list[str]) -> None:
    """Replace what stands between the markers of that name in the README."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, rest = README.read_text(encoding="utf-8").split(start)
    README.write_text(before + start + "\n".join(written) + "\n" + end + rest.split(end)[1], encoding="utf-8")


def write() -> None:
    """Write the table of what is there now."""
    zoo.entries.cache_clear()
    put("table", lines())


if __name__ == "__main__":
    write()
