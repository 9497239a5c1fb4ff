"""Artifacts on a wire: what arrives is what was sent, or it is refused."""

import json
import shutil

import pytest

from dlas.artifacts import MANIFEST, Store
from dlas.errors import StoreError
from dlas.study import shipping


@pytest.fixture
def artifact(store):
    def make(out, work):
        (out / "empty").write_bytes(b"")
        (out / "large").write_bytes(bytes(range(256)) * 10)
        (out / "deep").mkdir()
        (out / "deep" / "small").write_bytes(b"abc")
        return {"fact": 1}

    return store.build({"layer": "model", "option": "toy"}, make)


@pytest.fixture
def there(tmp_path):
    other = Store(tmp_path / "there")
    other.prepare()
    return other


def sent(artifact, there):
    folder = there.root / "work" / "arriving"
    for number in range(shipping.loads(artifact)):
        shipping.unpack(folder, shipping.pack(artifact, number))
    return folder


@pytest.mark.parametrize("load", [1 << 20, 1000, 256, 7])
def test_an_artifact_arrives_whole_whatever_the_size_of_a_load(artifact, there, monkeypatch, load):
    monkeypatch.setattr(shipping, "LOAD", load)
    for number in range(shipping.loads(artifact)):
        assert sum(len(content) for _, _, content in shipping.pack(artifact, number)) <= load
    folder = sent(artifact, there)
    there.adopt(artifact.key, folder)
    arrived = there.get(artifact.key)
    assert (arrived.recipe, arrived.facts, arrived.files) == (artifact.recipe, artifact.facts, artifact.files)
    assert arrived.damaged() == []
    assert not folder.exists()


def test_a_small_artifact_is_one_load(artifact):
    assert shipping.loads(artifact) == 1


def test_what_is_there_already_stays(artifact, there):
    there.adopt(artifact.key, sent(artifact, there))
    before = there.get(artifact.key).folder.stat().st_ino
    there.adopt(artifact.key, sent(artifact, there))
    assert there.get(artifact.key).folder.stat().st_ino == before


def test_what_was_changed_on_its_way_is_refused(artifact, there):
    folder = sent(artifact, there)
    (folder / "large").write_bytes(b"else")
    with pytest.raises(StoreError, match="was damaged while it was shipped; run again"):
        there.adopt(artifact.key, folder)
    assert there.get(artifact.key) is None


def test_a_manifest_that_claims_another_recipe_is_refused(artifact, there):
    folder = sent(artifact, there)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["recipe"]["option"] = "another"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match="damaged"):
        there.adopt(artifact.key, folder)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "deep/../../outside"])
def test_a_name_that_leads_elsewhere_is_not_written(tmp_path, name):
    with pytest.raises(StoreError, match="lies outside of it"):
        shipping.unpack(tmp_path / "work", [(name, 0, b"evil")])
    assert not (tmp_path / "outside").exists()
    shutil.rmtree(tmp_path / "work", ignore_errors=True)
