"""Caches: the same numbers that the pipeline would feed its transformer, written whole, resumed, checked."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from facemogle import LabelMap
from facemogle.core.label_map import region_planes
from facemogle.core.latents import pack
from facemogle.models.autoencoder import encode, encode_planes
from facemogle.models.text import tokenize
from facemogle.training.cache import NO_MASK, FaceCache, open_cache, open_caches
from facemogle.training.cache_writing import CacheWriter, Face, Faces, write_latents, write_pixels

ROW_BYTES = 14 * 4 * 64 * 2  # of a face of 4 tokens, as the writer reckons


def face(seed: int) -> Face:
    """Every third face has no mask; captions repeat, those of every fourth are missing."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    ids = np.zeros((32, 32), dtype=np.uint8)
    ids[8:24, 4:20], ids[10 : 12 + seed % 7, 5:9] = 1, 4
    captions = () if seed % 4 == 3 else ("an old man", ("a hat", "woman", "young")[seed % 3])
    return Face(f"set/{seed}", pixels, None if seed % 3 == 2 else LabelMap.from_array(ids), captions)


def splits() -> dict[str, Faces]:
    def read(index: int) -> list[Face]:
        if index == 5:
            return []  # a face that cannot be read
        again = face(index)
        return [
            again,
            Face(again.key + " mirrored", again.pixels[:, ::-1].copy(), again.label_map, ("glasses",)),
        ]

    return {"train": Faces(8, read), "validation": Faces(3, lambda index: [face(100 + index)])}


def write(folder: Path, pipe, *, faces_a_shard: int = 3, **options) -> bool:
    writer = CacheWriter(
        folder, {"data": "x"}, kind="latents", size=32, shard_bytes=faces_a_shard * 2 * ROW_BYTES
    )

    def ids(texts: list[str]) -> dict[str, torch.Tensor]:
        found, attended = tokenize(pipe.tokenizer_2, texts, 8)
        return {"ids": found.int(), "attended": attended.int()}

    return write_latents(writer, splits(), pipe.vae, ids, num_captions=3, captions_at_once=2, **options)


@pytest.fixture(scope="module")
def folder(tiny_pipe, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("cache") / "cache"
    assert write(out, tiny_pipe)
    return out


@pytest.fixture
def cache(folder) -> FaceCache:
    return open_cache(folder, verify=True)


def close(stored: torch.Tensor, exact: torch.Tensor) -> None:
    torch.testing.assert_close(stored.float(), exact, atol=2e-3, rtol=1e-3)  # stored in half precision


def test_rows_are_faces_and_mirror_images_of_those_that_can_be_read(cache):
    train, held_out = cache.split("train"), cache.split("validation")
    numbers = [0, 1, 2, 3, 4, 6, 7]
    assert train.keys(torch.arange(14)) == [k for n in numbers for k in (f"set/{n}", f"set/{n} mirrored")]
    assert held_out.keys(torch.tensor([2, 0])) == ["set/102", "set/100"]
    assert train.without_mask.tolist() == [4, 5]
    assert sorted([*train.with_mask.tolist(), 4, 5]) == list(range(14))
    assert held_out.without_mask.tolist() == [1]  # 101


@torch.no_grad()
def test_latents_and_planes_are_those_of_the_pipeline(cache, tiny_pipe):
    train = cache.split("train")
    rows, numbers = torch.tensor([12, 4, 0, 8]), (7, 2, 0, 4)  # from three shards, in no order
    pixels = torch.stack([torch.from_numpy(face(n).pixels).movedim(-1, 0) for n in numbers]) / 127.5 - 1
    close(train.latents(rows), pack(encode(tiny_pipe.vae, pixels)))
    planes = train.planes(rows)
    assert planes.shape == (4, 20, 4, 64)
    assert torch.equal(planes[1], cache.blank_NC.expand(20, -1, -1))  # no mask
    for row in (0, 2, 3):
        label_map = face(numbers[row]).label_map
        assert label_map is not None
        close(planes[row], encode_planes(tiny_pipe.vae, *region_planes([label_map], height=32, width=32))[0])


def test_captions_are_stored_once_and_missing_ones_are_empty(cache, tiny_pipe):
    rows = cache.split("train").caption_rows(torch.tensor([0, 6, 1, 4]))
    assert rows.shape == (4, 3)
    assert rows[0, 0] == rows[0, 2] != rows[0, 1]  # two captions, three places
    assert rows[1].tolist() == [0, 0, 0]
    texts = [
        tiny_pipe.tokenizer_2.decode(ids, skip_special_tokens=True)
        for ids in cache.captions(torch.cat([rows[0], rows[2], rows[3], torch.tensor([0])]))["ids"]
    ]
    assert texts[:2] == ["an old man", "a hat"]
    assert texts[3] == "glasses"
    assert texts[7:] == ["young", "an old man", ""] or texts[-1] == ""
    assert cache.manifest["captions"] == 6  # and the empty one


def test_held_in_a_device_it_gives_the_same(cache):
    there = cache.to("cpu")
    for name in ("train", "validation"):
        one, other = cache.split(name), there.split(name)
        rows = torch.arange(len(one)).flip(0)
        for read in ("latents", "planes", "caption_rows"):
            assert torch.equal(getattr(one, read)(rows), getattr(other, read)(rows))
        assert torch.equal(one.with_mask, other.with_mask)
    assert there.fingerprint == cache.fingerprint


def test_several_are_read_as_one(folder, cache, tiny_pipe, tmp_path):
    assert write(tmp_path / "other", tiny_pipe, faces_a_shard=5)
    other = open_cache(tmp_path / "other")
    for joined in (
        open_caches(folder, tmp_path / "other"),
        open_caches(folder, tmp_path / "other").to("cpu"),
    ):
        for name, split in (("train", cache.split("train")), ("validation", cache.split("validation"))):
            both, rows = joined.split(name), torch.arange(len(split)).flip(0)
            assert len(both) == 2 * len(split)
            later = rows + len(split)
            assert both.keys(later) == split.keys(rows)
            assert torch.equal(both.planes(later), split.planes(rows))
            assert torch.equal(both.latents(later), split.latents(rows))
            for one, two in ((rows, split), (later, other.split(name))):
                told = joined.captions(both.caption_rows(one).flatten())["ids"]
                assert torch.equal(told, cache.captions(two.caption_rows(rows).flatten())["ids"])
            assert both.with_mask.tolist() == [
                *split.with_mask.tolist(),
                *(split.with_mask + len(split)).tolist(),
            ]
    fingerprints = {one.fingerprint for one in (cache, other, open_caches(folder, tmp_path / "other"))}
    assert len(fingerprints) == 3
    assert open_caches(folder).fingerprint == cache.fingerprint


def test_only_caches_made_alike_are_joined(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "other")
    path = tmp_path / "other" / "manifest.json"
    path.write_text(path.read_text().replace('"size": 32', '"size": 64'))
    with pytest.raises(ValueError, match=r"other: was made with size 64, .*cache with 32"):
        open_caches(folder, tmp_path / "other")


def test_caches_that_share_what_they_should_not_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match=r"holds what .* holds; name it once"):
        open_caches(folder, folder)
    shutil.copytree(folder, tmp_path / "other")
    path = tmp_path / "other" / "manifest.json"
    manifest = json.loads(path.read_text())
    shard = next(shard for shard in manifest["shards"] if shard["part"] == "train")
    shard["keys"][1] = "set/101 mirrored"
    shard["sha256"] = "0" * 64
    path.write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"other: trains on set/101, which .*cache holds out"):
        open_caches(folder, tmp_path / "other")


def test_stopped_anywhere_and_begun_again_the_files_are_the_same(folder, tiny_pipe, tmp_path):
    out, calls = tmp_path / "parts", 0
    while not write(out, tiny_pipe, stopping=lambda: True):  # one shard a call
        calls += 1
        with pytest.raises(ValueError, match="not finished; the same `facemogle train cache` goes on"):
            open_cache(out)
        (out / "journal.jsonl").open("a").write('{"part": "tra')  # as a kill may leave it
    assert calls > 5
    names = {path.name for path in folder.iterdir()}
    assert {path.name for path in out.iterdir()} == names
    assert all((out / name).read_bytes() == (folder / name).read_bytes() for name in names)


def test_a_shard_that_was_lost_on_the_way_is_made_again(folder, tiny_pipe, tmp_path):
    out, calls = tmp_path / "parts", []
    write(out, tiny_pipe, stopping=lambda: calls.append(1) or len(calls) == 3)
    (out / "train-00001.safetensors").write_bytes(b"")
    assert write(out, tiny_pipe)
    assert open_cache(out, verify=True).fingerprint == open_cache(folder).fingerprint


def test_a_finished_cache_is_known(folder):
    writer = CacheWriter(folder, {"data": "x"}, kind="latents", size=32)
    assert writer.finished


@pytest.mark.parametrize("finished", [True, False])
def test_refuses_to_go_on_as_another_cache(folder, tiny_pipe, tmp_path, finished):
    if not finished:
        folder = tmp_path / "parts"
        write(folder, tiny_pipe, stopping=lambda: True)
    with pytest.raises(ValueError, match="was begun with data 'x', now it is 'y'; choose another folder"):
        CacheWriter(folder, {"data": "y"}, kind="latents", size=32)


def test_will_not_write_among_other_files(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ValueError, match="is not empty and holds no cache"):
        CacheWriter(tmp_path, {}, kind="pixels", size=32)


@pytest.mark.parametrize("damage", ["size", "content", "manifest", "nothing there"])
def test_damage_is_named(tiny_pipe, tmp_path, damage):
    write(tmp_path / "c", tiny_pipe)
    target = tmp_path / "c" / "train-00000.safetensors"
    content = bytearray(target.read_bytes())
    if damage == "size":
        target.write_bytes(content[:-1])
        message = "train-00000.safetensors: missing or not as it was written"
    elif damage == "content":
        content[-1] ^= 1
        target.write_bytes(content)
        open_cache(tmp_path / "c")  # sizes alone
        message = r"train-00000.safetensors: not as it was written \(its hash differs\)"
    elif damage == "manifest":
        (tmp_path / "c" / "manifest.json").write_text("{")
        message = "manifest.json: damaged"
    else:
        (tmp_path / "c" / "manifest.json").unlink()
        message = "no cache is there"
    with pytest.raises(ValueError, match=message):
        open_cache(tmp_path / "c", verify=True)


def test_pixels_and_label_ids_are_kept_as_they_are(tmp_path):
    writer = CacheWriter(tmp_path / "c", {}, kind="pixels", size=32, shard_bytes=2 * 4 * 32 * 32)
    plain = {name: Faces(faces.count, lambda i, f=faces: f.read(i)[:1]) for name, faces in splits().items()}
    assert write_pixels(writer, plain)
    cache = open_cache(tmp_path / "c", verify=True)
    train, rows = cache.split("train"), torch.tensor([6, 2, 0])
    assert len(train) == 7
    for row, number in enumerate((7, 2, 0)):
        original = face(number)
        assert np.array_equal(train.pixels(rows)[row].movedim(0, -1), original.pixels)
        ids = train.label_ids(rows)[row].numpy()
        if original.label_map is None:
            assert (ids == NO_MASK).all()
        else:
            assert np.array_equal(ids, original.label_map.ids)
    assert train.without_mask.tolist() == [2]


def test_a_split_without_a_readable_face_is_an_error(tmp_path):
    writer = CacheWriter(tmp_path / "c", {}, kind="pixels", size=32)
    with pytest.raises(ValueError, match="no face for train can be read"):
        write_pixels(writer, {"train": Faces(3, lambda index: [])})
