"""Writing files and folders so that they appear whole or not at all, and hashing them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sdkgen.errors import OutputError

if sys.platform != "win32":
    import fcntl

_GRACE_S = 60
"""A folder that was made and is not locked yet looks like one that a killed process left."""


def sha256_bytes(data: bytes) -> str:
    """Return the hexadecimal sha256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_json(value: Any) -> str:
    """Return the sha256 of ``value`` as canonical JSON: a key for whatever the value determines."""
    return sha256_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def files_below(root: Path) -> list[Path]:
    """Return the files below ``root``, sorted by relative name; ``root`` itself if it is a file."""
    if root.is_file():
        return [root]
    return sorted((p for p in root.rglob("*") if p.is_file()), key=lambda p: p.relative_to(root).as_posix())


def sha256_path(path: Path) -> str:
    """Return the sha256 of a file, or of a folder's relative names and contents."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    total = hashlib.sha256()
    for file in files_below(path):
        total.update(f"{file.relative_to(path).as_posix()}\0{sha256_path(file)}\n".encode())
    return total.hexdigest()


def source_digest(*parts: str) -> str:
    """Return the sha256 of this package's own source in ``parts``, files and folders relative to the package."""
    package = Path(__file__).resolve().parent
    files = [file for part in parts for file in files_below(package / part) if file.suffix == ".py"]
    return sha256_json([[file.relative_to(package).as_posix(), sha256_path(file)] for file in files])


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    return sum(file.stat().st_size for file in files_below(path))


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``target`` whose contents take the place of its own when the block ends well.

    A folder that is there stays the same folder, so that a shell in it, a link to it or a mount of it goes on. If the
    block raises, or the process is interrupted, nothing is left behind and an old ``target`` stays as it was; what a
    killed process left beside it is removed by the next one.

    Raises ``OutputError`` where the place cannot be written, or where a folder that was empty at the start is not any
    more at the end: another process made it meanwhile.
    """
    target = _resolve(target)
    try:
        place = _workplace(target)
        _sweep(target.name, place)
        was_empty = not _contents(target)
        place.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=place))
    except OSError as error:
        raise unwritable(target, error) from error
    try:
        with _locked(work):
            work.chmod(0o777 & ~_umask())
            yield work
            _replace(work, target, was_empty=was_empty)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yield a path beside ``target`` that is moved there when the block ends well; see ``whole_folder``.

    A link stays a link to the file; a device or pipe, ``/dev/stdout`` for one, is written to.
    """
    target = target.absolute()
    is_stream = target.exists() and not target.is_file() and not target.is_dir()
    place = Path(tempfile.gettempdir()) / target.name if is_stream else _resolve(target)
    try:
        _sweep(place.name, place.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    except OSError as error:
        raise unwritable(target, error) from error
    os.close(handle)
    work = Path(name)
    try:
        with _locked(work):
            yield work
        if is_stream:
            with work.open("rb") as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
        else:
            work.chmod(0o666 & ~_umask())
            work.replace(place)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        work.unlink(missing_ok=True)


def unwritable(target: Path, error: OSError) -> OutputError:
    """Return the error that says why ``target`` cannot be written, with the remedy for the commonest causes."""
    number, reason = error.errno, error.strerror or str(error)
    if isinstance(error, shutil.Error) and (found := re.search(r"\[Errno (\d+)\] ([^:']+)", str(error))):
        # shutil collects what went wrong with each file, as text.
        number, reason = int(found[1]), found[2]
    hint = "Choose another place."
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = "Choose a folder you may write to."
    elif number in (errno.ENOTDIR, errno.EEXIST):
        hint = "A file stands where a folder is needed: choose another place."
    elif number in (errno.ENOSPC, errno.EDQUOT):
        hint = "The disk is full: free some space or choose another disk."
    return OutputError(f"cannot write: {reason}", context=str(target), hint=hint)


def _resolve(target: Path) -> Path:
    """Return where ``target`` is, a link followed: what it names is written, and it stays a link."""
    return target.resolve() if target.is_symlink() or target.is_dir() else target.absolute()


def _replace(work: Path, target: Path, *, was_empty: bool) -> None:
    """Put the contents of ``work`` in the place of those of ``target``, which stay until all of the new ones stand."""
    if not target.exists():
        work.rename(target)
        return
    with _locked(target), tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=work.parent) as spare:
        if was_empty and _contents(target):
            raise OutputError(
                "another process has written here meanwhile; what it wrote stays",
                context=str(target),
                hint="Choose another place, or start again when nothing else writes there.",
                reference="written-meanwhile",
            )
        old = Path(spare)
        moved: list[tuple[Path, Path]] = []
        try:
            for source, sink in ((target, old), (work, target)):
                for child in _contents(source):
                    child.rename(sink / child.name)
                    moved.append((child, sink / child.name))
            target.chmod(work.stat().st_mode)
        except BaseException:
            for before, after in reversed(moved):
                after.rename(before)
            raise


def _workplace(target: Path) -> Path:
    """Return the folder to work in: beside ``target``, or in it where it is mounted or stands in a read-only folder."""
    inside = target.is_dir() and (os.path.ismount(target) or not os.access(target.parent, os.W_OK))
    return target if inside else target.parent


def _is_work(path: Path, name: str) -> bool:
    return re.fullmatch(re.escape(f".{name}.") + r"[a-z0-9_]{8}", path.name) is not None


def _contents(folder: Path) -> list[Path]:
    """Return what lies in a folder, if there is one, aside from folders that this module works in."""
    return [child for child in folder.iterdir() if not _is_work(child, folder.name)] if folder.exists() else []


def _sweep(name: str, place: Path) -> None:
    """Remove from ``place`` what processes that were killed left of ``name``; what a living one works on is locked."""
    long_ago = time.time() - _GRACE_S
    for leftover in place.iterdir() if place.is_dir() else ():
        if _is_work(leftover, name) and leftover.lstat().st_mtime < long_ago:
            with contextlib.suppress(OSError), _locked(leftover, wait=False):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


@contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock on a file or folder while the block runs; without ``wait``, raise ``BlockingIOError`` if taken."""
    if sys.platform == "win32":
        yield
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
