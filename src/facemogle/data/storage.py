"""Files of a folder or of an uncompressed tar: listed once, read one by one when they are asked for."""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Where the bytes of one file lie: a whole file, or `size` bytes from `offset` of a tar."""

    path: str
    offset: int = 0
    size: int | None = None

    def read(self) -> bytes:
        """The bytes; ValueError when the tar has become shorter. No handle is kept, so any process may."""
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            data = file.read() if self.size is None else file.read(self.size)
        if self.size is not None and len(data) < self.size:
            raise ValueError(f"{self.path}: has changed since it was opened, it ends within a file")
        return data


def stored_files(source: Path) -> dict[str, StoredFile]:
    """The files of a folder or tar by their relative names, in name order; without dot files and __MACOSX.

    Of several members of one name in a tar the last counts, as when tar unpacks them. Raises ValueError for
    a damaged or compressed tar, and for links and names that could lead out of the source.
    """
    if source.is_dir():
        files = _folder_files(source)
    elif source.is_file():
        files = _tar_files(source)
    else:
        raise ValueError(f"{source}: neither a tar file nor a folder")
    return dict(sorted(files.items()))


def inner_name(name: str, source: Path) -> str | None:
    """A name within a source in its plain form, None for what systems leave behind (.DS_Store, __MACOSX).

    Raises ValueError when it could lead out of the source.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{source}: the name {name!r} leads out of it; names must be relative, without '..'")
    left_behind = not path.parts or any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return None if left_behind else path.as_posix()


def _folder_files(folder: Path, inside: str = "") -> dict[str, StoredFile]:
    files = {}
    with os.scandir(folder / inside) as entries:
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            if inner_name(name, folder) is None:
                continue
            if entry.is_symlink():
                raise ValueError(f"{entry.path}: a symbolic link may lead anywhere; put its files there")
            if entry.is_dir():
                files |= _folder_files(folder, name)
            elif entry.is_file():
                files[name] = StoredFile(entry.path)
    return files


def _tar_files(path: Path) -> dict[str, StoredFile]:
    files = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                name = inner_name(member.name, path)
                if name is None or member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    raise ValueError(f"{path}: {member.name} is a link or device; only whole files are read")
                files[name] = StoredFile(str(path), member.offset_data, member.size)
            end = archive.offset
    except tarfile.TarError as error:
        raise ValueError(
            f"{path}: damaged, or not a tar file: {error} (compressed ones must be unpacked)"
        ) from error
    # tarfile takes whatever is no header for the end, which hides all files behind a damaged one.
    with path.open("rb") as file:
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise ValueError(f"{path}: damaged, or cut off: neither a header nor the end mark at byte {end}")
    return files
