"""Files of folders and tars, listed and read on demand."""

import io
import os
import pickle
import tarfile
from pathlib import Path

import pytest

from facemogle.data.storage import StoredFile, stored_files

FILES = {"b/2.txt": b"two", "a.txt": b"one", "b/empty": b"", f"b/{'long' * 60}.txt": b"long name"}


@pytest.fixture(params=["folder", "set.tar"])
def source(request, tmp_path: Path, write_files) -> Path:
    extra = {".DS_Store": b"x", "b/.hidden": b"x", "__MACOSX/b/2.txt": b"x", ".git/config": b"x"}
    return write_files(tmp_path / request.param, FILES | extra)


def test_files_are_listed_in_name_order_and_read(source):
    files = stored_files(source)
    assert list(files) == sorted(FILES)
    assert {name: file.read() for name, file in files.items()} == FILES


def test_files_are_read_after_pickling(source):
    files = pickle.loads(pickle.dumps(stored_files(source)))
    assert files["b/2.txt"].read() == b"two"


def test_only_the_bytes_asked_for_are_read(tmp_path, write_files):
    path = write_files(tmp_path / "set.tar", {"1": b"a" * 100, "2": b"b" * 2000})
    file = stored_files(path)["2"]
    assert path.read_bytes()[file.offset : file.offset + 2000] == file.read() == b"b" * 2000


def test_of_two_members_of_one_name_the_last_counts(tmp_path):
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w") as archive:
        for data in (b"old", b"newer"):
            member = tarfile.TarInfo("./face/1.jpg")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    assert {name: file.read() for name, file in stored_files(path).items()} == {"face/1.jpg": b"newer"}


def test_a_source_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere: neither a tar file nor a folder"):
        stored_files(tmp_path / "nowhere")


def damaged_header(data: bytes) -> bytes:
    second = 1024  # a header and a block of data come first
    return data[:second] + b"X" + data[second + 1 :]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: b"no tar",
        lambda data: data[:1600],  # within the second file
        lambda data: data[:1024],  # between two files
        damaged_header,
    ],
)
def test_a_damaged_tar_is_refused(tmp_path, write_files, spoil):
    path = write_files(tmp_path / "set.tar", {"1": b"a" * 500, "2": b"b" * 500, "3": b"c"})
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match=r"set\.tar: damaged, or"):
        stored_files(path)


def test_a_compressed_tar_is_refused(tmp_path):
    with tarfile.open(tmp_path / "set.tar", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("1"), io.BytesIO())
    with pytest.raises(ValueError, match="compressed"):
        stored_files(tmp_path / "set.tar")


def test_a_tar_that_shrank_since_is_told(tmp_path, write_files):
    path = write_files(tmp_path / "set.tar", {"1": b"a" * 5000})
    file = stored_files(path)["1"]
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="changed since it was opened"):
        file.read()


@pytest.mark.parametrize("name", ["../1.jpg", "face/../../1.jpg", "/etc/1.jpg"])
def test_names_that_lead_out_are_refused(tmp_path, write_files, name):
    path = write_files(tmp_path / "set.tar", {name: b"x"})
    with pytest.raises(ValueError, match="leads out"):
        stored_files(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_in_a_tar_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        member = tarfile.TarInfo("face/1.jpg")
        member.type, member.linkname = kind, "face/2.jpg"
        archive.addfile(member)
    with pytest.raises(ValueError, match=r"face/1\.jpg is a link or device"):
        stored_files(tmp_path / "set.tar")


@pytest.mark.parametrize("target", ["secret", "secret.txt"])
def test_links_in_a_folder_are_refused(tmp_path, write_files, target):
    write_files(tmp_path / "secret", {"1.txt": b"x"})
    (tmp_path / "secret.txt").write_bytes(b"x")
    folder = write_files(tmp_path / "set", {"1.txt": b"x"})
    os.symlink(tmp_path / target, folder / "link")
    with pytest.raises(ValueError, match="link: a symbolic link"):
        stored_files(folder)


def test_the_source_itself_may_be_a_link(tmp_path, write_files):
    folder = write_files(tmp_path / "set", {"1.txt": b"x"})
    os.symlink(folder, tmp_path / "link")
    assert stored_files(tmp_path / "link") == {"1.txt": StoredFile(str(tmp_path / "link" / "1.txt"))}
