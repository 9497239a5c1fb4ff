"""The store under friendly and unfriendly circumstances."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlas import artifacts, fingerprint
from dlas.artifacts import MANIFEST, Store, read
from dlas.errors import DataError, StoreError
from dlas.fingerprint import digest

RECIPE = {"layer": "model", "option": "resnet8"}
KEY = digest(RECIPE)


def make(out, work):
    (out / "sub").mkdir()
    (out / "weights").write_bytes(b"12345")
    (out / "sub" / "text").write_text("abc")
    return {"parameters": 5}


def never(out, work):
    raise AssertionError("built twice")


# --- building and finding ---------------------------------------------------------------------------------------


def test_what_is_built_once_is_found_by_the_second_call(store):
    built = store.build(RECIPE, make)
    assert store.build(RECIPE, never) == built == store.get(KEY)


def test_another_process_finds_it(store):
    store.build(RECIPE, make)
    assert Store(store.root).build(RECIPE, never).key == KEY


def test_an_artifact_tells_its_recipe_facts_and_size(store):
    artifact = store.build(RECIPE, make)
    assert (artifact.key, artifact.recipe, artifact.facts, artifact.size) == (KEY, RECIPE, {"parameters": 5}, 8)
    assert artifact.file("sub/text").read_text() == "abc"
    assert artifact.seconds >= 0


def test_an_artifact_that_was_shipped_is_read_where_it_lies(store, tmp_path):
    folder = store.build(RECIPE, make).folder.rename(tmp_path / "shipped")
    assert read(folder).file("weights").read_bytes() == b"12345"


def test_only_complete_artifacts_are_listed(store):
    store.build(RECIPE, make)
    with pytest.raises(RuntimeError):
        store.build({"other": 1}, fail)
    assert [artifact.key for artifact in store.artifacts()] == [KEY]
    assert store.get(digest({"other": 1})) is None


def fail(out, work):
    (out / "half").write_text("half")
    raise RuntimeError("no")


def test_out_starts_empty_again_and_work_survives_a_failure(store):
    def start(out, work):
        (work / "checkpoint").write_text("epoch 3")
        fail(out, work)

    def resume(out, work):
        assert not list(out.iterdir())
        return {"resumed": (work / "checkpoint").read_text()}

    with pytest.raises(RuntimeError):
        store.build(RECIPE, start)
    assert store.build(RECIPE, resume).facts == {"resumed": "epoch 3"}
    assert not list((store.root / "work").iterdir())


def test_what_is_removed_is_built_again(store):
    store.build(RECIPE, make)
    store.remove(KEY)
    assert store.get(KEY) is None
    assert store.build(RECIPE, make).facts == {"parameters": 5}


# --- other processes --------------------------------------------------------------------------------------------

BUILDER = """
import os, signal, sys, time
from pathlib import Path
from dlas.artifacts import Store

root, log, behaviour = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
recipe = {"layer": "model", "option": "resnet8"}

def slowly(out, work):
    (log / f"made-{os.getpid()}").touch()
    while len(list(log.glob("started-*"))) < 2:
        time.sleep(0.01)
    time.sleep(0.3)  # long enough for the other one to reach the lock
    (out / "weights").write_text(str(os.getpid()))
    return {}

def killed(out, work):
    (work / "checkpoint").write_text("epoch 3")
    (out / "weights").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

(log / f"started-{os.getpid()}").touch()
artifact = Store(root).build(recipe, {"slowly": slowly, "killed": killed}[behaviour])
print(artifact.file("weights").read_text())
"""


def builder(store, log, behaviour):
    command = [sys.executable, "-c", BUILDER, store.root, log, behaviour]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_of_two_processes_one_builds_and_both_get_the_artifact(store, tmp_path):
    processes = [builder(store, tmp_path, "slowly") for _ in range(2)]
    answers = {process.communicate(timeout=30)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert [f"made-{answer}" for answer in answers] == [path.name for path in tmp_path.glob("made-*")]


def test_a_killed_build_leaves_no_artifact_but_its_work_and_the_next_one_completes(store, tmp_path):
    process = builder(store, tmp_path, "killed")
    process.communicate(timeout=30)
    assert process.returncode == -9
    assert store.get(KEY) is None
    assert store.artifacts() == []

    def resume(out, work):
        return {"resumed": (work / "checkpoint").read_text(), "left": [*out.iterdir()]}

    assert store.build(RECIPE, resume).facts == {"resumed": "epoch 3", "left": []}


def test_the_time_before_a_kill_counts_and_the_time_until_it_goes_on_does_not(store, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(artifacts.time, "time", lambda: now[0])
    monkeypatch.setattr(artifacts.time, "monotonic", lambda: now[0])

    def cut_short(out, work):
        os.utime(work / "clock.json", (now[0],) * 2)
        os.utime(work / "out", (now[0],) * 2)
        now[0] += 50
        (work / "checkpoint").write_text("epoch 3")
        os.utime(work / "checkpoint", (now[0],) * 2)
        now[0] += 400  # after the last checkpoint, and until somebody goes on
        raise RuntimeError

    def resume(out, work):
        now[0] += 30
        return {}

    for _ in range(2):
        with pytest.raises(RuntimeError):
            store.build(RECIPE, cut_short)
    assert store.build(RECIPE, resume).seconds == 130


def test_sweeping_removes_unfinished_work_but_not_what_a_process_holds(store):
    with pytest.raises(RuntimeError):
        store.build({"given": "up"}, fail)

    def sweep(out, work):
        removed = Store(store.root).sweep_work()
        return {"removed": removed, "mine": work.is_dir(), "left": len([*work.parent.iterdir()])}

    assert store.build(RECIPE, sweep).facts == {"removed": 1, "mine": True, "left": 1}


def test_sweeping_a_store_that_was_never_used_removes_nothing(tmp_path):
    assert Store(tmp_path / "none").sweep_work() == 0


# --- damage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [b"12346", b"123", None])
def test_a_damaged_file_is_never_handed_out(store, damage):
    artifact = store.build(RECIPE, make)
    path = artifact.file("weights")
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    with pytest.raises(StoreError) as caught:
        artifact.file("weights")
    remedy = "`dlas store prune --damaged` removes it, then run again"
    assert str(caught.value) == f"{path} is damaged or missing; {remedy}"
    assert artifact.damaged() == ["weights"]


def test_a_file_that_is_no_part_of_the_artifact_is_refused(store):
    artifact = store.build(RECIPE, make)
    (artifact.folder / "intruder").touch()
    with pytest.raises(StoreError):
        artifact.file("intruder")


@pytest.mark.parametrize("text", ["", '{"key": "', "{}", "[]", "\udcff"])
def test_a_damaged_manifest_is_an_error_with_its_remedy(store, text):
    artifact = store.build(RECIPE, make)
    (artifact.folder / MANIFEST).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(StoreError, match="cannot be read; `dlas store prune --damaged` removes it"):
        store.get(KEY)


def test_an_intact_artifact_has_no_damage(store):
    assert store.build(RECIPE, make).damaged() == []


def test_what_a_killed_removal_left_is_built_again(store):
    artifact = store.build(RECIPE, make)
    (artifact.folder / MANIFEST).unlink()
    assert store.build(RECIPE, make).file("weights").read_bytes() == b"12345"


def test_the_manifest_holds_the_hash_of_every_file(store):
    manifest = json.loads((store.build(RECIPE, make).folder / MANIFEST).read_text())
    assert sorted(manifest["files"]) == ["sub/text", "weights"]
    assert all(len(sha) == 64 for sha in manifest["files"].values())


# --- a store that cannot be -------------------------------------------------------------------------------------


def assert_trouble(caught, root, reason):
    assert str(caught.value) == f"store {root}: {reason}; name another one with DLAS_STORE"


def test_a_store_that_is_a_file_is_refused(tmp_path):
    root = tmp_path / "store"
    root.touch()
    with pytest.raises(StoreError) as caught:
        Store(root).prepare()
    assert_trouble(caught, root, "not a directory")


def test_a_store_below_a_folder_that_cannot_be_made_is_refused():
    root = Path("/proc/none/store")  # nobody may make a folder here, root neither
    with pytest.raises(StoreError) as caught:
        Store(root).prepare()
    assert_trouble(caught, root, "no such file or directory")


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_read_only_store_is_refused(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(StoreError) as caught:
        Store(tmp_path).prepare()
    tmp_path.chmod(0o755)
    assert_trouble(caught, tmp_path, "permission denied")


def test_a_full_disk_is_noticed_before_anything_is_built(store, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError) as caught:
        store.prepare()
    assert_trouble(caught, store.root, "no space left on device")


def test_a_disk_that_fills_up_while_building_leaves_no_artifact(store):
    def too_much(out, work):
        (out / "weights").symlink_to("/dev/full")
        (out / "weights").write_bytes(b"1")

    with pytest.raises(StoreError) as caught:
        store.build(RECIPE, too_much)
    assert_trouble(caught, store.root, "no space left on device")
    assert store.artifacts() == []
    assert store.build(RECIPE, make).facts == {"parameters": 5}


def test_a_disk_that_fills_up_at_the_last_moment_leaves_no_artifact(store, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError) as caught:
            store.build(RECIPE, make)
    assert_trouble(caught, store.root, "no space left on device")
    assert store.get(KEY) is None
    assert store.build(RECIPE, make).facts == {"parameters": 5}


def test_a_missing_file_of_the_users_is_not_blamed_on_the_store(store, tmp_path):
    with pytest.raises(FileNotFoundError):
        store.build(RECIPE, lambda out, work: (tmp_path / "flowers.npz").read_bytes())


def test_an_os_error_that_a_library_made_up_is_not_blamed_on_the_store(store):
    def unreadable(out, work):
        raise OSError("cannot identify image file")

    with pytest.raises(OSError, match="cannot identify image file"):
        store.build(RECIPE, unreadable)


# --- what the user's data are, remembered ----------------------------------------------------------------------------


@pytest.fixture
def read_files(store, monkeypatch, forget):
    """The names of the files that are read to be hashed, by processes that all have this store."""
    monkeypatch.setenv("DLAS_STORE", str(store.root))
    monkeypatch.setattr(artifacts, "_LARGE", 4)
    names = []

    def hashed(path):
        names.append(path.name)
        return digest({"content": path.read_text()})

    monkeypatch.setattr(fingerprint, "file_digest", hashed)
    return names


def data_in(folder, **contents):
    """A folder of files that were last changed a minute ago."""
    for name, text in contents.items():
        path = folder / "data" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, (path.stat().st_mtime - 60,) * 2)
    return folder / "data"


def test_large_data_are_hashed_once_for_all_processes(read_files, tmp_path, forget):
    path = data_in(tmp_path, a="roses", b="tulips")
    first = artifacts.content(path)
    assert sorted(read_files) == ["a", "b"]
    forget()
    assert artifacts.content(path) == first == fingerprint.content(path)
    assert sorted(read_files) == ["a", "a", "b", "b"]  # by fingerprint.content alone


@pytest.mark.parametrize("change", [{"a": "daisies"}, {"a": "ROSES"}, {"c": "daisies"}])
def test_another_name_time_or_size_is_seen(read_files, tmp_path, forget, change):
    path = data_in(tmp_path, a="roses", b="tulips")
    before = artifacts.content(path)
    data_in(tmp_path, **change)
    os.utime(path / min(change), (0, 0))
    forget()
    assert artifacts.content(path) == fingerprint.content(path) != before


def test_a_file_that_goes_is_seen(read_files, tmp_path, forget):
    path = data_in(tmp_path, a="roses", b="tulips")
    before = artifacts.content(path)
    (path / "a").unlink()
    forget()
    assert artifacts.content(path) != before


def test_small_data_and_data_in_change_are_not_remembered(read_files, tmp_path, store, monkeypatch):
    path = data_in(tmp_path, a="roses")
    (path / "a").write_text("tulips")  # a moment ago: it may change again at this very time
    artifacts.content(path)
    monkeypatch.setattr(artifacts, "_LARGE", 100)
    artifacts.content(data_in(tmp_path, a="roses"))
    assert not (store.root / "contents").exists()


def test_a_ruined_memory_and_a_store_that_cannot_be_written_only_cost_time(read_files, tmp_path, store, forget):
    path = data_in(tmp_path, a="roses")
    expected = artifacts.content(path)
    (kept,) = (store.root / "contents").iterdir()
    kept.write_text("[1")
    forget()
    assert artifacts.content(path) == expected
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.write_text("no folder")
    forget()
    assert artifacts.content(path) == expected
    assert read_files == ["a", "a", "a"]


def test_data_that_are_not_there_are_named_as_ever(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist; name a file or a folder that does"):
        artifacts.content(tmp_path / "nowhere")
