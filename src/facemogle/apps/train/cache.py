"""`facemogle train cache`: faces encoded once, so that training never needs autoencoder or text encoders."""

from __future__ import annotations

import itertools
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facemogle.apps.generate import Device
from facemogle.apps.train.options import Sources, fingerprint

if TYPE_CHECKING:  # the heavy imports happen inside the command, so that help and errors come at once
    from facemogle.data.layouts import FaceSet
    from facemogle.training.cache_writing import Face, Faces

_SPLITS = ("train", "validation")  # faces for testing are nobody's to learn from


def cache(
    data: Sources,
    out: Annotated[Path, typer.Option(help="Folder of the cache; an unfinished one goes on.")],
    model: Annotated[
        str,
        typer.Option(
            metavar="mini|DIR", help="Whose autoencoder and words: the embedded model's, or a pipeline's."
        ),
    ] = "mini",
    autoencoder: Annotated[
        Path | None,
        typer.Option(help="An autoencoder of yours in its place, with the words of face captions."),
    ] = None,
    flux: Annotated[Path | None, typer.Option(help="Folder of FLUX.1-dev, for recipes of kind flux.")] = None,
    pixels: Annotated[
        bool,
        typer.Option("--pixels", help="Photographs and masks as they are, for recipes of kind autoencoder."),
    ] = False,
    size: Annotated[
        int | None, typer.Option(min=16, help="Side in pixels; the model's own, 512 for FLUX, if not given.")
    ] = None,
    captions: Annotated[
        int, typer.Option(min=1, help="Captions of each face: its own, or written from its attributes.")
    ] = 10,
    caption_tokens: Annotated[
        int,
        typer.Option(min=1, max=512, help="Tokens of a caption for FLUX; pictures may be drawn with 512."),
    ] = 128,
    device: Device = None,
) -> None:
    """Encode faces, masks and captions into OUT, mirror images too. Interrupted, the same command goes on."""
    if pixels + (autoencoder is not None) + (flux is not None) > 1:
        raise ValueError("--pixels, --autoencoder and --flux exclude one another")
    from facemogle.training.cache_writing import CacheWriter, write_latents, write_pixels
    from facemogle.training.stopping import stop_requested

    made_of: dict[str, Any] = {"data": fingerprint(data)}
    began = time.monotonic()
    if pixels:
        side = size or 128
        writer = CacheWriter(out, made_of, kind="pixels", size=side)

        def write(**watch: Any) -> bool:
            return write_pixels(writer, _splits(data, side, 0), **watch)
    else:
        from facemogle.apps.train.encoders import flux_encoders, mini_encoders

        encoders = (
            mini_encoders(model, autoencoder, device)
            if flux is None
            else flux_encoders(flux, caption_tokens, device)
        )
        side = size or encoders.size
        made_of |= {"captions of a face": captions, **encoders.made_of}
        writer = CacheWriter(out, made_of, kind="latents", size=side)
        encoders.save_words(out)

        def write(**watch: Any) -> bool:
            return write_latents(
                writer,
                _splits(data, side, captions),
                encoders.vae,
                encoders.encode_captions,
                num_captions=captions,
                captions_at_once=encoders.captions_at_once,
                dtype=encoders.dtype,
                **watch,
            )

    if writer.finished:
        typer.echo(f"{out}: finished already, nothing to do")
        return
    with stop_requested() as stopping, _shown_progress() as progress:
        finished = write(stopping=stopping, progress=progress)
    if not finished:
        typer.echo("stopped before the end; the same command goes on")
        return
    rows = sum(len(shard.get("keys", ())) for shard in writer.shards)
    gigabytes = sum(shard["bytes"] for shard in writer.shards) / 1e9
    typer.echo(f"wrote {out}: {rows} rows, {gigabytes:.2f} GB, {(time.monotonic() - began) / 60:.1f} min")


def _splits(data: list[Path], size: int, num_captions: int) -> dict[str, Faces]:
    """The faces of each split; of those for training mirror images follow, unless they are pixels alone."""
    from facemogle.data.layouts import open_face_sets
    from facemogle.training.cache_writing import Faces

    places: dict[str, list[tuple[FaceSet, int]]] = {split: [] for split in _SPLITS}
    for face_set in open_face_sets(data):
        for index, key in enumerate(face_set.keys):
            try:
                split = face_set.read(index).split
            except (ValueError, OSError) as error:
                typer.echo(f"skipped {key}: {error}", err=True)
                continue
            if split in places:
                places[split].append((face_set, index))

    def reader(split: str) -> Callable[[int], list[Face]]:
        def read(number: int) -> list[Face]:
            face_set, index = places[split][number]
            try:
                return list(read_face(face_set, index, size, num_captions, mirror=split == "train"))
            except (ValueError, OSError) as error:
                typer.echo(f"skipped {face_set.keys[index]}: {error}", err=True)
                return []

        return read

    for split, found in places.items():
        if not found:
            raise ValueError(
                f"--data holds no faces for {split} (one face in 20 is held out): give more faces"
            )
    return {split: Faces(len(found), reader(split)) for split, found in places.items()}


def read_face(face_set: FaceSet, index: int, size: int, num_captions: int, *, mirror: bool) -> Iterator[Face]:
    """A face with its captions, and its mirror image; with no captions wanted, just the face.

    Captions are the set's own, else written from its attributes, else from what its mask shows.
    """
    import numpy as np

    from facemogle.data.captions import captions_from_attributes, mirror_caption
    from facemogle.data.mask_attributes import attributes_from_mask
    from facemogle.training.cache_writing import Face

    record = face_set.read(index)
    photo, label_map, attributes = record.photo(size), record.label_map(), record.attributes
    texts = list(itertools.islice(itertools.cycle(record.captions), num_captions))
    if num_captions and not texts:
        if not attributes and label_map is not None:
            attributes = attributes_from_mask(label_map, photo)
        if attributes:
            texts = captions_from_attributes(
                attributes, seed=zlib.crc32(record.key.encode()), count=num_captions
            )
    if label_map is not None:
        label_map = label_map.resize(height=size, width=size)
    yield Face(record.key, photo, label_map, texts)
    if mirror and num_captions:
        yield Face(
            f"{record.key} mirrored",
            np.ascontiguousarray(photo[:, ::-1]),
            None if label_map is None else label_map.mirror(),
            [mirror_caption(text) for text in texts],
        )


@contextmanager
def _shown_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each part on stderr."""
    from tqdm import tqdm

    bars: dict[str, tqdm] = {}

    def progress(part: str, done: int, of: int) -> None:
        if part not in bars:
            bars[part] = tqdm(total=of, desc=part, unit="face" if part in _SPLITS else "caption")
        bars[part].update(done - bars[part].n)

    try:
        yield progress
    finally:
        for bar in bars.values():
            bar.close()
