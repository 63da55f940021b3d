"""Results on disk: whole or not there, newest first, within a limit."""

import pytest

from facemogle.apps.studio.store import ResultStore, new_id


@pytest.fixture
def store(tmp_path):
    store = ResultStore(tmp_path / "results", limit=10**6)
    yield store
    store.close()


def put(store: ResultStore, num_bytes: int = 10) -> str:
    name = new_id()
    with store.writing(name) as folder:
        (folder / "picture.png").write_bytes(bytes(num_bytes))
    return name


def test_pages_are_newest_first(store):
    names = [put(store) for _ in range(5)]
    assert store.page(limit=2) == names[:2:-1]
    assert store.page(limit=2, before=names[3]) == names[2:0:-1]
    assert store.page(limit=9, before=names[1]) == names[:1]
    assert store.page(limit=9, before=names[0]) == []


def test_a_restart_finds_what_was_finished(store, tmp_path):
    names = [put(store) for _ in range(3)]
    store.close()
    again = ResultStore(store.folder, limit=10**6)
    assert again.page(limit=9) == names[::-1]
    assert again.read(names[0], "picture.png") == bytes(10)
    again.close()


def test_what_a_killed_studio_left_is_cleared_and_nothing_else(store):
    name = put(store)
    store.close()
    (store.folder / f".{new_id()}.part").mkdir()
    (store.folder / "notes.txt").write_text("mine")
    (store.folder / ".hidden.part").mkdir()
    ResultStore(store.folder, limit=10**6).close()
    assert {path.name for path in store.folder.iterdir()} == {name, "notes.txt", ".hidden.part", ".lock"}


def test_what_fails_halfway_is_not_there(store):
    def fail() -> None:
        with store.writing(new_id()) as folder:
            (folder / "picture.png").write_bytes(b"half")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert store.page(limit=9) == []
    assert [path.name for path in store.folder.iterdir()] == [".lock"]


def test_the_oldest_go_beyond_the_limit_but_never_the_newest(tmp_path):
    store = ResultStore(tmp_path, limit=100)
    names = [put(store, 40) for _ in range(4)]
    assert store.page(limit=9) == [names[3], names[2]]
    assert not (tmp_path / names[0]).exists()
    large = put(store, 1000)
    assert store.page(limit=9) == [large]
    store.close()
    later = ResultStore(tmp_path, limit=10)
    assert later.page(limit=9) == [large]
    later.close()


def test_one_studio_a_folder(store):
    with pytest.raises(ValueError, match="another studio keeps its results there"):
        ResultStore(store.folder, limit=1)


def test_removed_by_us_or_by_hand(store):
    first, second = put(store), put(store)
    assert store.remove(first)
    assert not store.remove(first)
    assert store.read(first, "picture.png") is None
    (store.folder / second / "picture.png").unlink()
    (store.folder / second).rmdir()
    assert store.read(second, "picture.png") is None
    assert store.remove(second)
    assert store.page(limit=9) == []
