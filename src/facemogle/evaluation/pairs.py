"""Which generated picture belongs to which photograph, mask and caption: files are paired by their stems."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar, overload

from PIL import Image

from facemogle.core.label_map import LabelMap
from facemogle.core.photo import read_photo
from facemogle.evaluation.groups import person_facts

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_MASK = ".png"
_NAMED = 5
"""Unpaired files that an error names."""

Item = TypeVar("Item", covariant=True)


class Lazy(Sequence[Item]):
    """Values that are read whenever they are looked at, so that a set need not fit into memory."""

    def __init__(self, readers: Sequence[Callable[[], Item]]):
        self._readers = readers

    def __len__(self) -> int:
        return len(self._readers)

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Lazy[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | Lazy[Item]:
        return Lazy(self._readers[index]) if isinstance(index, slice) else self._readers[index]()


Pictures = Sequence[Image.Image]


@dataclass(frozen=True)
class Faces:
    """The faces of an evaluation: all sequences are in the order of `stems`, sorted.

    size: width and height of every generated picture. real: photographs as they are stored. masks, captions:
    what the faces were asked for with, or what their photographs have; None if there are none. people:
    gender presentation and age of each photograph, as `groups.person_facts` has them; may be empty.
    """

    stems: Sequence[str]
    size: tuple[int, int]
    generated: Pictures
    real: Pictures
    masks: Sequence[LabelMap] | None = None
    captions: Sequence[str] | None = None
    people: Sequence[set[str]] = ()

    def real_as_generated(self) -> Pictures:
        """The photographs at the generated pictures' size, LANCZOS: else one could tell them by sharpness."""
        return resized(self.real, self.size)

    def masks_as_generated(self) -> Sequence[LabelMap]:
        """The masks at the generated pictures' size."""
        masks, (width, height) = self.masks or (), self.size
        return Lazy([partial(_resized_mask, masks, i, height, width) for i in range(len(masks))])


def resized(pictures: Pictures, size: tuple[int, int]) -> Pictures:
    """The same pictures of that width and height, LANCZOS."""
    return Lazy([partial(_resized, pictures, index, size) for index in range(len(pictures))])


def pictures_of(files: Sequence[Path]) -> Pictures:
    """Upright RGB pictures; a ValueError names the file that is none as soon as it is looked at."""
    return Lazy([partial(read_photo, file) for file in files])


def faces_of_folders(
    real: Path, generated: Path, *, masks: Path | None = None, captions: Path | None = None
) -> Faces:
    """Photographs, generated pictures, masks (.png) and captions (.txt, the first line counts) of one stem.

    Masks and captions may lie among the pictures; a .png in the folder of the masks is a mask then. Raises
    ValueError for anything that is unpaired, unreadable, or generated in several sizes.
    """
    found = {
        role: files_by_stem(folder, _pictures_beside(folder, masks))
        for role, folder in (("real", real), ("generated", generated))
    }
    if masks is not None:
        found["masks"] = files_by_stem(masks, (_MASK,))
    if captions is not None:
        found["captions"] = files_by_stem(captions, (".txt",))
    folders = {"real": real, "generated": generated, "masks": masks, "captions": captions}
    stems = paired({f"--{role} {folders[role]}": files.keys() for role, files in found.items()})
    files = {role: [by_stem[stem] for stem in stems] for role, by_stem in found.items()}
    texts = [_caption(file) for file in files.get("captions", ())]
    return Faces(
        stems,
        one_size(files["generated"]),
        pictures_of(files["generated"]),
        pictures_of(files["real"]),
        masks and Lazy([partial(LabelMap.read, file) for file in files["masks"]]),
        captions and texts,
        [person_facts(None, text) for text in texts],
    )


def files_by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """The files with such suffixes, without hidden ones. ValueError if there are none, or two of one stem."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    files: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in suffixes and not file.name.startswith(".") and file.is_file():
            if file.stem in files:
                raise ValueError(f"{file}: {files[file.stem].name} has the same name but for its ending")
            files[file.stem] = file
    if not files:
        raise ValueError(f"{folder}: a folder without {', '.join(suffixes)} files")
    return files


def paired(stems_of: Mapping[str, Collection[str]]) -> list[str]:
    """The stems, sorted, if every source has the same. ValueError names up to five that one lacks."""
    everywhere = sorted(set().union(*stems_of.values()))
    for source, stems in stems_of.items():
        if missing := [stem for stem in everywhere if stem not in stems]:
            names = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
            raise ValueError(
                f"{source}: {len(missing)} of {len(everywhere)} faces have no file here that the other "
                f"folders have: {names}"
            )
    return everywhere


def one_size(files: Sequence[Path]) -> tuple[int, int]:
    """Width and height of all pictures. ValueError names the first unreadable one or one of another size."""
    sizes = ((file, read_photo(file).size) for file in files)
    first, size = next(sizes)
    for file, other in sizes:
        if other != size:
            raise ValueError(
                f"{file}: is {other[0]} x {other[1]}, but {first.name} is {size[0]} x {size[1]}; "
                "generated pictures must be of one size"
            )
    return size


def _pictures_beside(folder: Path, masks: Path | None) -> tuple[str, ...]:
    """Endings of pictures in a folder: where masks lie in it too, .png is theirs."""
    shared = masks is not None and folder.resolve() == masks.resolve()
    return tuple(suffix for suffix in PHOTO_SUFFIXES if not (shared and suffix == _MASK))


def _caption(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: damaged, not UTF-8: {error}") from error
    if not (first := next((line.strip() for line in lines if line.strip()), "")):
        raise ValueError(f"{file}: holds no caption")
    return first


def _resized(pictures: Pictures, index: int, size: tuple[int, int]) -> Image.Image:
    picture = pictures[index]
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _resized_mask(masks: Sequence[LabelMap], index: int, height: int, width: int) -> LabelMap:
    return masks[index].resize(height=height, width=width)
