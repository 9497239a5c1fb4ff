"""The table of the zoo in `README.md`, written anew from the pages beside the weights."""

from pathlib import Path

from dlas.layers.model import zoo

README = Path(__file__).parent / "README.md"
START, END = "<!-- table -->\n", "<!-- end of table -->\n"
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


def write() -> None:
    """Replace the table in the README."""
    zoo.entries.cache_clear()
    before, rest = README.read_text(encoding="utf-8").split(START)
    after = rest.split(END)[1]
    README.write_text(before + START + "\n".join(lines()) + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    write()
