"""Finished pictures on disk: a folder each, whole or not at all, the oldest removed beyond a limit."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import threading
import time
from bisect import bisect_left, insort
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

ID = r"^[0-9a-f]{24}$"
"""What a name of a picture looks like: sixteen digits of time, so that names sort by age, and eight drawn."""

_UNFINISHED = re.compile(r"\.[0-9a-f]{24}\.part")


def new_id() -> str:
    """A name that sorts after those made before."""
    return f"{time.time_ns():016x}{secrets.token_hex(4)}"


class ResultStore:
    """FOLDER/ID/..., at most `limit` bytes in all, for one process at a time; any thread may call.

    Raises ValueError if another studio has the folder, OSError if it cannot be written to.
    """

    def __init__(self, folder: Path, *, limit: int):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.limit = folder, limit
        self._file_lock = FileLock(folder / ".lock")
        try:
            self._file_lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(f"{folder}: another studio keeps its results there; choose another") from None
        self._lock = threading.Lock()
        self._bytes: dict[str, int] = {}
        for path in folder.iterdir():
            if _UNFINISHED.fullmatch(path.name):  # of a studio that was killed while it wrote or removed
                shutil.rmtree(path)
            elif re.fullmatch(ID, path.name):
                self._bytes[path.name] = _size(path)
        self._ids = sorted(self._bytes)
        self._keep_to_limit()

    def close(self) -> None:
        """Let another process have the folder."""
        self._file_lock.release()

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A folder to write the files of a result into; it gets its name when all are on the disk."""
        unfinished = self._unfinished(name)
        unfinished.mkdir()
        try:
            yield unfinished
            for path in (*unfinished.iterdir(), unfinished):
                _flush(path)
            size = _size(unfinished)
            with self._lock:
                os.rename(unfinished, self.folder / name)
                self._bytes[name] = size
                insort(self._ids, name)
                self._keep_to_limit()
            _flush(self.folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def page(self, *, limit: int, before: str | None = None) -> list[str]:
        """Names of up to `limit` results, newest first, all older than `before`."""
        with self._lock:
            end = len(self._ids) if before is None else bisect_left(self._ids, before)
            return self._ids[max(0, end - limit) : end][::-1]

    def read(self, name: str, file: str) -> bytes | None:
        """The bytes of a result's file, None if there is no such result or it has no such file."""
        with self._lock:  # so that it cannot be removed meanwhile
            try:
                return (self.folder / name / file).read_bytes() if name in self._bytes else None
            except FileNotFoundError:
                return None

    def remove(self, name: str) -> bool:
        """Forget a result; False if there is none of that name."""
        with self._lock:
            return self._remove(name)

    def _remove(self, name: str) -> bool:
        if self._bytes.pop(name, None) is None:
            return False
        self._ids.remove(name)
        unfinished = self._unfinished(name)
        try:
            os.rename(self.folder / name, unfinished)
        except FileNotFoundError:  # someone removed it by hand
            return True
        shutil.rmtree(unfinished, ignore_errors=True)
        return True

    def _keep_to_limit(self) -> None:
        while len(self._ids) > 1 and sum(self._bytes.values()) > self.limit:
            self._remove(self._ids[0])

    def _unfinished(self, name: str) -> Path:
        return self.folder / f".{name}.part"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _flush(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # Windows does not open folders
        return
    file = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)
