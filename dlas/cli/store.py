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
    artifacts = store.artifacts()
    for artifact in artifacts:
        recipe = artifact.recipe
        used = f"{_age(artifact) / _DAY:6.1f} days"
        print(f"{artifact.key[:12]}  {artifact.size / 1e6:8.2f} MB  {used}  {recipe['layer']} {recipe['option']}")
    print(f"{len(artifacts)} artifacts, {sum(a.size for a in artifacts) / 1e6:.1f} MB in {store.root}")


def verify() -> None:
    """Check every file; exit code 1 if any is damaged."""
    checked = {artifact.key: artifact.damaged() for artifact in _prepared().artifacts()}
    damaged = {key: files for key, files in checked.items() if files}
    for key, files in damaged.items():
        print(f"{key[:12]}  damaged: {', '.join(files)}")
    print(f"{len(checked) - len(damaged)} artifacts are whole, {len(damaged)} damaged")
    if damaged:
        raise SystemExit(1)


def prune(damaged: bool, unused_for: float) -> None:
    """Remove unfinished work, and the artifacts that the options name."""
    store = _prepared()
    print(f"unfinished work: {store.sweep_work()} folders removed")
    if not damaged and not unused_for:
        return
    artifacts = store.artifacts()
    going = [a for a in artifacts if (unused_for and _age(a) > unused_for * _DAY) or (damaged and a.damaged())]
    for artifact in going:
        store.remove(artifact.key)
    print(f"artifacts: {len(going)} removed, {len(artifacts) - len(going)} left")


def _age(artifact: Artifact) -> float:
    """Seconds since anything last used it; of one without its manifest, since that was lost."""
    manifest = artifact.folder / MANIFEST
    return time.time() - (manifest if manifest.exists() else artifact.folder).stat().st_mtime
