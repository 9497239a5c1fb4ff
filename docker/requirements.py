"""What `pyproject.toml` asks for with the extra `all`, a requirement a line: the image installs it before dlas."""

import re
import tomllib
from pathlib import Path


def requirements(document: dict[str, object]) -> list[str]:
    """Requirements of the package itself and of every extra that `all` names."""
    project = document["project"]
    assert isinstance(project, dict)
    extras = project["optional-dependencies"]
    (everything,) = extras["all"]
    names = re.fullmatch(r"dlas\[(.*)\]", everything)[1].split(",")  # type: ignore[index]
    return sorted({*project["dependencies"], *(text for name in names for text in extras[name])})


if __name__ == "__main__":
    print("\n".join(requirements(tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8")))))
