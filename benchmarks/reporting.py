"""What every benchmark shares: `--quick`, `--json FILE`, and figures printed with their intervals."""

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from dlas import host

CONTEXT = ("processor", "date")  # what a file says beside the figures


def arguments(description: str) -> argparse.Namespace:
    """The two options of every benchmark."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer cases, the same method, at most a minute")
    parser.add_argument("--json", type=Path, help="write the figures to this file, flat keys, with processor and date")
    return parser.parse_args()


def publish(figures: Mapping[str, float], file: Path | None) -> None:
    """Print the figures, and write them where they were asked for."""
    for name, value in figures.items():
        print(f"{name:40} {value:.4g}")
    if file:
        context = dict(zip(CONTEXT, (host.probe().cpu, f"{datetime.now(UTC):%Y-%m-%d}"), strict=True))
        file.write_text(json.dumps({**context, **figures}, indent=1) + "\n", encoding="utf-8")
