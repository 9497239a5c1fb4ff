"""Files of a folder or of a tar archive, whole, broken and hostile."""

import io
import os
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import folder, tar

from dlas.errors import DataError
from dlas.layers.dataset import archive

FILES = {"b/two.txt": b"2", "a/one.txt": b"1" * 5000, "a/deep/er.txt": b""}
NAMES = ["a/", "a/deep/", "a/deep/er.txt", "a/one.txt", "b/", "b/two.txt"]
FOLDERS = [name for name in NAMES if name.endswith("/")]


def refuse(source):
    with pytest.raises(DataError) as caught:
        archive.names("dataset x", source)
    return str(caught.value)


@pytest.fixture(params=["folder", "w", "w:gz", "w:bz2", "w:xz"])
def source(request, tmp_path):
    if request.param == "folder":
        return folder(tmp_path / "x", FILES)
    return tar(tmp_path / "x.tar", FILES, request.param, FOLDERS)


def test_names_are_sorted_relative_and_tell_folders(source):
    assert archive.names("dataset x", source) == NAMES


def test_only_wanted_contents_are_read(source):
    wanted = {"a/one.txt", "b/two.txt"}
    assert dict(archive.contents("dataset x", source, wanted)) == {name: FILES[name] for name in wanted}


def test_a_leading_dot_is_no_part_of_a_name(tmp_path):
    source = tar(tmp_path / "x.tar", {f"./{name}": content for name, content in FILES.items()}, folders=["."])
    assert archive.names("dataset x", source) == [name for name in NAMES if name not in FOLDERS]
    assert dict(archive.contents("dataset x", source, {"b/two.txt"})) == {"b/two.txt": b"2"}


def test_long_names_are_kept(tmp_path):
    name = "/".join(["n" * 90] * 4) + ".txt"
    for number, form in enumerate((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        with tarfile.open(tmp_path / f"{number}.tar", "w", format=form) as packed:
            member = tarfile.TarInfo(name)
            packed.addfile(member)
        assert archive.names("dataset x", tmp_path / f"{number}.tar") == [name]


@pytest.mark.parametrize("name", ["../up.txt", "a/../../up.txt", "/etc/passwd", "a/b/.."])
def test_a_name_that_climbs_out_is_refused_and_nothing_written(tmp_path, name):
    source = tar(tmp_path / "in" / "x.tar", {name: b"1"}) if (tmp_path / "in").mkdir() is None else None
    sentence = refuse(source)
    assert sentence == f"dataset x: {source} holds {name!r}, which climbs out of it; do not trust it"
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "x.tar"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_what_is_no_plain_file_is_refused(tmp_path, kind):
    member = tarfile.TarInfo("a/link.png")
    member.type, member.linkname = kind, "../../etc/passwd"
    source = tar(tmp_path / "x.tar", {**FILES, "link": member})
    assert refuse(source) == (
        f"dataset x: {source} holds 'a/link.png', no plain file; pack it with `tar --dereference`"
    )


@pytest.mark.parametrize("content", [b"", b"roses are red", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\x00", b"PK\x03\x04"])
def test_a_file_that_is_no_archive_is_named(tmp_path, content):
    (tmp_path / "x.tar").write_bytes(content)
    assert refuse(tmp_path / "x.tar").startswith(f"dataset x: {tmp_path / 'x.tar'} is no whole tar archive (")


def whole(tmp_path, mode="w"):
    source = tar(tmp_path / "x.tar", FILES, mode)
    return source, source.read_bytes()


@pytest.mark.parametrize("kept", [512, 1024, 1500, 1536, 5000, 6656, 7168])
def test_a_truncated_archive_is_told(tmp_path, kept):
    """Also where it is cut between two members, which Python alone takes for its end."""
    source, content = whole(tmp_path)
    source.write_bytes(content[:kept])
    assert "is no whole tar archive (" in refuse(source)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_compressed_archive_is_told(tmp_path, share):
    source, content = whole(tmp_path, "w:gz")
    source.write_bytes(content[: int(len(content) * share)])
    assert "is no whole tar archive (" in refuse(source)


def test_a_damaged_header_in_the_middle_is_told(tmp_path):
    source, content = whole(tmp_path)
    second = content.index(b"a/one.txt")
    source.write_bytes(content[:second] + b"X" + content[second + 1 :])
    assert refuse(source) == (
        f"dataset x: {source} is no whole tar archive (damaged or cut off at byte {second:,}); fetch or pack it again"
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def told_or_read(source):
    """An archive is read whole or refused with a DataError: no other exception, no name that climbs out."""
    try:
        names = archive.names("dataset x", source)
        for name, content in archive.contents("dataset x", source, set(names)):
            assert isinstance(content, bytes)
            assert ".." not in name.split("/")
            assert not name.startswith("/")
    except DataError as problem:
        assert str(problem).startswith("dataset x: ")  # noqa: PT017 - either is right


@given(st.integers(0, 2000), st.integers(0, 255), st.sampled_from(["w", "w:gz", "w:xz"]))
def test_one_wrong_byte_never_crashes(place, position, value, mode):
    source, content = whole(place, mode)
    position %= len(content)
    source.write_bytes(content[:position] + bytes([value]) + content[position + 1 :])
    told_or_read(source)


@given(st.binary(max_size=2000), st.sampled_from([b"", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00"]))
def test_noise_never_crashes(place, noise, magic):
    (place / "x.tar").write_bytes(magic + noise)
    told_or_read(place / "x.tar")


HEADER = st.tuples(
    st.sampled_from(["a/b.png", "../b.png", "/b.png", "a//b.png", "", ".", "a/./b.png", "\udc80/b.png", "a\\..\\b"]),
    st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.GNUTYPE_SPARSE, tarfile.XHDTYPE, b"Z"]),
    st.sampled_from([0, 3, 512, 10**9, 8**11 - 1]),
)


@given(st.lists(HEADER, max_size=4), st.binary(max_size=600))
def test_members_of_any_kind_and_size_never_crash(place, headers, body):
    stream = io.BytesIO()
    for name, kind, size in headers:
        member = tarfile.TarInfo(name)
        member.type, member.size, member.linkname = kind, size, "../../x"
        stream.write(member.tobuf(tarfile.GNU_FORMAT) + body + bytes(-len(body) % 512))
    (place / "x.tar").write_bytes(stream.getvalue() + bytes(1024))
    told_or_read(place / "x.tar")


def test_a_member_too_large_for_a_picture_is_refused_before_it_is_read(tmp_path):
    member = tarfile.TarInfo("a/b.png")
    member.type, member.size = tarfile.GNUTYPE_SPARSE, 512
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % (archive.LARGEST + 1)  # the size when its holes are filled with zeros
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:]) + 8 * 32)
    (tmp_path / "x.tar").write_bytes(header + bytes(512 + 1024))
    assert refuse(tmp_path / "x.tar") == (
        f"dataset x: {tmp_path / 'x.tar'} holds 'a/b.png' of 1,073,741,825 bytes; no image is so large, remove it"
    )


def test_a_link_to_a_folder_is_refused(tmp_path):
    source = folder(tmp_path / "x", FILES)
    folder(tmp_path / "elsewhere", {"c.txt": b""})
    (source / "linked").symlink_to(tmp_path / "elsewhere")
    assert refuse(source) == f"dataset x: {source / 'linked'} is a link to a folder; put the folder itself there"


@pytest.mark.parametrize("kind", ["pipe", "broken link"])
def test_what_cannot_be_read_is_refused_before_anything_waits_for_it(tmp_path, kind):
    source = folder(tmp_path / "x", FILES)
    if kind == "pipe":
        os.mkfifo(source / "a/odd.png")
    else:
        (source / "a/odd.png").symlink_to("nowhere")
    assert refuse(source) == f"dataset x: {source / 'a/odd.png'} is no file that can be read; remove it"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(tmp_path):
    source = folder(tmp_path / "x", FILES)
    (source / "b/two.txt").chmod(0)
    with pytest.raises(DataError, match=r"two\.txt cannot be read \(Permission denied\); make it readable"):
        list(archive.contents("dataset x", source, {"b/two.txt"}))
