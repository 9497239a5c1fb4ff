"""The modules of a study are scripts beside each other; tests import them as these do."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [
    str(ROOT / "studies" / "across-stack"),
    str(ROOT / "studies" / "zoo"),
    str(ROOT / "docker"),
    str(ROOT / "tests"),
]
