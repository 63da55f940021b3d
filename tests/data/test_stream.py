"""Endless faces: shuffled, resumable, the same for any number of workers."""

from itertools import islice

import pytest
import torch

from facemogle.data.layouts import FaceSet, open_faces
from facemogle.data.stream import stream


@pytest.fixture
def sets(tmp_path, photo, mask, write_files) -> list[FaceSet]:
    """Seven faces of two sets."""
    four = {f"face/{number}.jpg": photo(number) for number in range(4)}
    three = {f"{number}.jpg": photo(number) for number in range(10, 13)}
    return [
        open_faces(write_files(tmp_path / "a.tar", four | {"mask/1.png": mask()})),
        open_faces(write_files(tmp_path / "b", three)),
    ]


def never(key: str, reason: str) -> None:
    raise AssertionError(f"{key}: {reason}")


def taken(sets, count, *, on_skip=never, **options) -> list[tuple[int, str]]:
    faces = stream(sets, on_skip=on_skip, **{"seed": 0, **options})
    return [(position, record.key) for position, record in islice(faces, count)]


def test_every_epoch_holds_every_face_in_another_order(sets):
    faces = taken(sets, 70)
    assert [position for position, _ in faces] == list(range(70))
    epochs = [tuple(key for _, key in faces[start : start + 7]) for start in range(0, 70, 7)]
    everything = sorted(key for face_set in sets for key in face_set.keys)
    assert all(sorted(epoch) == everything for epoch in epochs)
    assert len(set(epochs)) > 5
    assert faces != taken(sets, 70, seed=1)
    assert faces == taken(sets, 70)


@pytest.mark.parametrize("start", [1, 6, 7, 24])
def test_the_stream_goes_on_as_if_it_had_not_stopped(sets, start):
    assert taken(sets, 20, start=start) == taken(sets, start + 20)[start:]


def test_workers_change_nothing(sets):
    alone, helped = (
        [(p, vars(r)) for p, r in islice(stream(sets, seed=3, start=2, workers=n, on_skip=never), 20)]
        for n in (0, 2)
    )
    assert alone == helped


@pytest.mark.parametrize("world", [2, 3, 7])
def test_ranks_share_every_epoch(sets, world):
    parts = [taken(sets, 14, rank=rank, world=world) for rank in range(world)]
    together = sorted(face for part in parts for face in part)
    assert together == taken(sets, 14 * world)
    later = [taken(sets, 5, rank=rank, world=world, start=10) for rank in range(world)]
    assert sorted(face for part in later for face in part) == taken(sets, 5 * world, start=10)


@pytest.mark.parametrize("workers", [0, 1])
def test_damaged_faces_are_told_and_passed_over(tmp_path, photo, mask, write_files, workers):
    files = {f"face/{number}.jpg": photo(number) for number in range(5)}
    files |= {"face/1.jpg": b"broken", "mask/2.png": b"broken", "mask/3.png": mask(), "text/4.txt": b"\xff"}
    face_set = open_faces(write_files(tmp_path / "set", files))
    skipped = []
    options = {"on_skip": lambda *why: skipped.append(why), "workers": workers}
    faces = taken(face_set, 4, **options)
    assert {key for _, key in faces} == {"set/0", "set/3"}
    reasons = dict(skipped)
    assert set(reasons) == {"set/1", "set/2", "set/4"}
    assert "damaged" in reasons["set/1"]
    assert "the mask of set/2" in reasons["set/2"]
    assert "not UTF-8" in reasons["set/4"]
    later = faces[1][0] + 1  # their positions are used up all the same
    assert taken(face_set, 2, start=later, **options) == faces[2:]


def test_nothing_but_damaged_faces_ends(tmp_path, write_files):
    face_set = open_faces(write_files(tmp_path / "set", {"face/1.jpg": b"x", "face/2.jpg": b"x"}))
    skipped = []
    with pytest.raises(ValueError, match="none of 2 faces in a row can be read"):
        taken(face_set, 1, on_skip=lambda key, reason: skipped.append(key))
    assert sorted(skipped) == ["set/1", "set/2"]


def test_the_random_state_of_torch_is_left_alone(sets):
    before = torch.get_rng_state()
    taken(sets, 3)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 2, "world": 2}, "rank is 2 of world 2"),
        ({"rank": -1}, "rank is -1"),
        ({"start": -1}, "start is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"workers": -1}, "workers is -1"),
    ],
)
def test_arguments_out_of_range_are_named(sets, options, message):
    with pytest.raises(ValueError, match=message):
        stream(sets, on_skip=never, **{"seed": 0, **options})
    with pytest.raises(ValueError, match="no faces to stream"):
        stream([], seed=0, on_skip=never)
