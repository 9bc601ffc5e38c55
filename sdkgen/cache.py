"""A content-addressed store in the user's cache folder: weights, artifacts, device roots, runners.

An entry is a folder named by the sha256 of everything that determines its content. Beside its content it keeps a
listing of sha256s, which is checked every time the entry is read: a damaged entry is dropped with a warning and made
anew.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sdkgen import console
from sdkgen.errors import OutputError
from sdkgen.files import files_below, sha256_path, whole_folder

if sys.platform != "win32":
    import fcntl

_LISTING = "sha256.json"


def root() -> Path:
    """Return the cache folder: ``$SDKGEN_CACHE``, or the platform's own place for caches."""
    if chosen := os.environ.get("SDKGEN_CACHE"):
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("sdkgen", appauthor=False)


def find(kind: str, key: str) -> Path | None:
    """Return the content folder of an entry, or None if there is none or it is damaged (then it is removed)."""
    entry = root() / kind / key
    if not entry.exists():
        return None
    try:
        listing = json.loads((entry / _LISTING).read_text())
        sound = listing == _list(entry / "content")
    except (OSError, ValueError):
        sound = False
    if sound:
        return entry / "content"
    console.warn(f"the cached {kind} entry {key[:12]} is damaged; it is made anew")
    shutil.rmtree(entry, ignore_errors=True)
    return None


def make(kind: str, key: str, build: Callable[[Path], None], *, anew: bool = False) -> Path:
    """Return the content folder of an entry, calling ``build`` with an empty folder to fill if there is none.

    With ``anew`` it is called in any case; an entry that is there is replaced once that has ended well. Another process
    that wants the same entry meanwhile waits, and takes what this one made.

    Raises ``OutputError`` where the cache folder cannot be written.
    """
    entry = root() / kind / key
    with _alone(f"{kind}-{key}"):
        if not anew and (found := find(kind, key)) is not None:
            return found
        with _hint_at_the_variable(), whole_folder(entry) as work:
            (work / "content").mkdir()
            build(work / "content")
            (work / _LISTING).write_text(json.dumps(_list(work / "content"), indent=1))
    return entry / "content"


@contextmanager
def _hint_at_the_variable() -> Iterator[None]:
    """Let an error that says that the cache cannot be written name the variable that moves it."""
    try:
        yield
    except OutputError as error:
        if Path(error.context).is_relative_to(root().absolute()):
            error.hint = f"{error.hint} SDKGEN_CACHE names another folder for the cache."
        raise


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Keep other processes from the entry ``name`` while the block runs; who comes second finds what the first made."""
    folder = root() / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / name).open("a")
    except OSError:
        yield  # Nobody can write here, so that there is nothing to keep them from.
        return
    with lock:
        if sys.platform != "win32":
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _list(content: Path) -> dict[str, str]:
    return {file.relative_to(content).as_posix(): sha256_path(file) for file in files_below(content)}
