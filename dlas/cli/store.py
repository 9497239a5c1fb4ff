"""`dlas store`: list, verify, prune."""

import time

from dlas import api
from dlas.artifacts import MANIFEST, Artifact, Store

_DAY = 86_400.0


def _prepared() -> Store:
    store = api.store()
    store.prepare()
    return store


def listing() -> None:
    """Print a line an artifact."""
    store = _prepared()
    total = 0
    for key in store.keys():
        artifact = store.get(key)
        if artifact:
            total += artifact.size
            recipe = artifact.recipe
            print(f"{key[:12]}  {artifact.size / 1e6:8.2f} MB  {recipe['layer']} {recipe['option']}")
    print(f"{len(store.keys())} artifacts, {total / 1e6:.1f} MB in {store.root}")


def verify() -> None:
    """Check every file; exit code 1 if any is damaged."""
    store = _prepared()
    damaged = {key: bad for key in store.keys() if (bad := store.damaged(key))}
    for key, files in damaged.items():
        print(f"{key[:12]}  damaged: {', '.join(files)}")
    print(f"{len(store.keys()) - len(damaged)} artifacts are whole, {len(damaged)} damaged")
    if damaged:
        raise SystemExit(1)


def prune(damaged: bool, unused_for: float) -> None:
    """Remove unfinished work, and the artifacts that the options name."""
    store = _prepared()
    print(f"unfinished work: {store.sweep_work()} folders removed")
    if not damaged and not unused_for:
        return
    removed = 0
    for key in store.keys():
        artifact = store.get(key)
        old = bool(unused_for) and artifact is not None and _age(artifact) > unused_for * _DAY
        if old or (damaged and store.damaged(key)):
            store.remove(key)
            removed += 1
    print(f"artifacts: {removed} removed, {len(store.keys())} left")


def _age(artifact: Artifact) -> float:
    """Seconds since anything last used it."""
    return time.time() - (artifact.folder / MANIFEST).stat().st_mtime
