"""Finding out what kind of data set a path holds, and opening it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from sdkgen.errors import UsageError
from sdkgen.evaluate.coco import Coco
from sdkgen.evaluate.table import Table
from sdkgen.evaluate.text import LabelError, opened
from sdkgen.evaluate.types import DataSet, Faults, Picture
from sdkgen.evaluate.wider import WiderFace, is_wider

Format: TypeAlias = Literal["wider", "coco", "csv"]
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_SUFFIXES: dict[str, Format] = {".txt": "wider", ".json": "coco", ".csv": "csv", ".tsv": "csv"}


class Folder:
    """A folder of images without labels: jitter can be measured on them, and nothing else."""

    format = "images"

    def __init__(self, source: Path) -> None:
        self.source = source
        self.faults = Faults()
        self._files = sorted(p for p in source.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
        self.count = len(self._files)

    def __iter__(self) -> Iterator[Picture]:
        """Yield every image below the folder, sorted by name."""
        for path in self._files:
            yield Picture(path.relative_to(self.source).as_posix(), path, None)


def open_dataset(data: Path, form: Format | None, images: Path | None, keypoints: Sequence[str]) -> DataSet:
    """Return the data set at ``data``, a file of labels or a folder that holds one (or images alone).

    ``form`` None goes by the file's name; ``images`` None looks in the places that the format's own archives use.

    Raises ``UsageError`` if there is no such path or nothing in it, ``LabelError`` for labels that cannot be read.
    """
    if not data.exists():
        raise UsageError(f"no such file or folder: {data}", hint="Give a file of labels or a folder with --data.")
    labels = _labels(data, form) if data.is_dir() else data
    if labels is None:
        folder = Folder(data)
        if not folder.count:
            raise UsageError(
                f"neither labels nor images in {data}",
                hint="Give a file of labels, or a folder of images, with --data.",
            )
        return folder
    form = form or _form(labels)
    root = images or _images(labels, form)
    if form == "wider":
        return WiderFace(labels, root)
    return (Coco if form == "coco" else Table)(labels, root, keypoints)


def _labels(folder: Path, form: Format | None) -> Path | None:
    """Return the one file of labels in ``folder``, or WIDER FACE's for validation in its unpacked archives."""
    published = folder / "wider_face_split" / "wider_face_val_bbx_gt.txt"
    if published.is_file() and form in (None, "wider"):
        return published
    found = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and _SUFFIXES.get(path.suffix.lower()) in ([form] if form else _SUFFIXES.values())
    )
    if form is None:
        found = [path for path in found if path.suffix.lower() != ".txt" or _is_wider(path)]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise UsageError(f"several files of labels in {folder}: {names}", hint="Name one of them with --data.")
    if not found and form is not None:
        raise UsageError(f"no {form} labels in {folder}", hint="Name the file of labels with --data.")
    return found[0] if found else None


def _is_wider(path: Path) -> bool:
    try:
        with opened(path) as stream:
            return is_wider(stream)
    except LabelError:
        return False


def _form(labels: Path) -> Format:
    if (form := _SUFFIXES.get(labels.suffix.lower())) is None:
        raise UsageError(f"cannot tell the format of {labels.name}", hint="Add --format wider, coco or csv.")
    return form


def _images(labels: Path, form: Format) -> Path:
    """Return the folder that image names are relative to: where the format's own archives have it."""
    places = [labels.parent / "images"]
    if form == "wider":
        part = next((part for part in ("train", "val", "test") if f"_{part}_" in labels.name), "val")
        archive = Path(f"WIDER_{part}") / "images"
        places = [labels.parent.parent / archive, labels.parent / archive, *places]
    return next((place for place in places if place.is_dir()), labels.parent)
