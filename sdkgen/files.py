"""Writing files and folders so that they appear whole or not at all, and hashing them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sdkgen.errors import OutputError


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
    """Yield an empty folder beside ``target`` that takes its place when the block ends well.

    If the block raises, or the process is interrupted, nothing is left behind and an old ``target`` stays as it was.

    Raises ``OutputError`` where the place cannot be written.
    """
    target = target.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise unwritable(target, error) from error
    try:
        work.chmod(0o755)
        yield work
        _swap(work, target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yield a path beside ``target`` that is moved there when the block ends well; see ``whole_folder``."""
    target = target.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise unwritable(target, error) from error
    os.close(handle)
    work = Path(name)
    try:
        yield work
        work.chmod(0o644)
        work.replace(target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        work.unlink(missing_ok=True)


def unwritable(target: Path, error: OSError) -> OutputError:
    """Return the error that says why ``target`` cannot be written, with the remedy for the commonest causes."""
    hint = "Choose another place."
    if isinstance(error, PermissionError):
        hint = "Choose a folder you may write to."
    elif isinstance(error, (NotADirectoryError, FileExistsError)):
        hint = "A file stands where a folder is needed: choose another place."
    elif error.errno == 28:
        hint = "The disk is full: free some space or choose another disk."
    return OutputError(f"cannot write: {error.strerror or error}", context=str(target), hint=hint)


def _swap(work: Path, target: Path) -> None:
    """Put ``work`` in the place of ``target``, keeping the old one until the new one stands."""
    if not target.exists():
        work.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    try:
        target.rename(old / "it")
        try:
            work.rename(target)
        except BaseException:
            (old / "it").rename(target)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
