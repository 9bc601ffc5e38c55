"""Opening label files whatever their encoding says it is."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from sdkgen.errors import SdkgenError

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class LabelError(SdkgenError):
    """A file of labels is not what its format says; ``context`` cites ``file:line`` where there is one."""

    reference = "bad-labels"


@contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """Yield the text of ``path``: UTF-8, or what its byte order mark says.

    Raises ``LabelError`` if it cannot be read or is in another encoding, also while the block reads from it.
    """
    try:
        with path.open(encoding=_encoding(path), newline="") as stream:
            yield stream
    except (OSError, UnicodeError) as error:
        raise unreadable(path, error) from error


class Bytes(Protocol):
    """What a parser reads from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""
        ...


class _Utf8:
    """A text, read as the bytes of its UTF-8; unlike codecs.EncodedFile it lends nothing of the raw stream."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text

    def read(self, size: int = -1, /) -> bytes:
        return self._text.read(size).encode()


@contextmanager
def opened_utf8(path: Path) -> Iterator[Bytes]:
    """Yield the bytes of ``path`` as UTF-8 without a mark; see ``opened``."""
    encoding = _encoding(path)
    try:
        if encoding == "utf-16":
            with path.open(encoding=encoding) as text:
                yield _Utf8(text)
            return
        with path.open("rb") as stream:
            if encoding == "utf-8-sig":
                stream.seek(len(codecs.BOM_UTF8))
            yield stream
    except (OSError, UnicodeError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> LabelError:
    """Return the error that says why the labels cannot be read."""
    if isinstance(error, OSError):
        return LabelError(
            f"the labels cannot be read: {error.strerror or error}", context=str(path), hint="Check the path."
        )
    return LabelError(
        f"the labels are not in UTF-8: {error}",
        context=str(path),
        hint=f"Convert them, for instance: iconv -f latin1 -t utf-8 {path.name} > labels-utf8{path.suffix}",
    )


def _encoding(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
    except OSError as error:
        raise unreadable(path, error) from error
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")
