"""`dlas store` on a store that has suffered."""

import pytest

from dlas.artifacts import MANIFEST
from dlas.cli import store as command

WHOLE, HURT = {"layer": "model", "option": "resnet8"}, {"layer": "model", "option": "resnet20"}


@pytest.fixture
def hurt(store, monkeypatch):
    """The artifact that is going to be damaged; the command uses its store."""
    monkeypatch.setenv("DLAS_STORE", str(store.root))
    store.build(WHOLE, make)
    return store.build(HURT, make)


def make(out, work):
    (out / "weights").write_bytes(b"12345")
    return {}


def change(artifact):
    (artifact.folder / "weights").write_bytes(b"12346")


def lose(artifact):
    (artifact.folder / "weights").unlink()


def blot(artifact):
    (artifact.folder / MANIFEST).write_text("{")


def behead(artifact):
    (artifact.folder / MANIFEST).unlink()


@pytest.mark.parametrize("damage", [change, lose, blot, behead])
def test_pruning_removes_what_is_damaged_and_nothing_else(hurt, store, damage):
    damage(hurt)
    command.prune(damaged=True, unused_for=0)
    assert not hurt.folder.exists()
    assert [artifact.recipe for artifact in store.artifacts()] == [WHOLE]


@pytest.mark.parametrize("damage", [change, lose, blot])
def test_verifying_names_what_is_damaged(hurt, capsys, damage):
    damage(hurt)
    with pytest.raises(SystemExit):
        command.verify()
    assert f"{hurt.key[:12]}  damaged" in capsys.readouterr().out


@pytest.mark.parametrize("damage", [change, lose, blot, behead])
def test_a_damaged_artifact_does_not_hide_the_others(hurt, capsys, damage):
    damage(hurt)
    command.listing()
    assert "model resnet8" in capsys.readouterr().out


def test_verifying_a_whole_store_says_so(hurt, capsys):
    command.verify()
    assert capsys.readouterr().out == "2 artifacts are whole, 0 damaged\n"


def test_pruning_unfinished_work_leaves_artifacts_alone(hurt, store):
    (store.root / "work" / "0123").mkdir()
    command.prune(damaged=False, unused_for=0)
    assert len(store.artifacts()) == 2
    assert not list((store.root / "work").iterdir())
