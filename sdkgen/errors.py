"""Errors a user can act on. Raised anywhere, printed in one place (``cli.main``)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SdkgenError(Exception):
    """An error whose cause and remedy are known.

    ``reference`` is a stable kebab-case name that scripts and documentation can rely on, ``message`` says what went
    wrong, ``context`` where (a file, a key, a device), and ``hint`` what to do about it. ``exit_code`` is what the
    process ends with.
    """

    reference = "error"
    exit_code = 1

    def __init__(self, message: str, *, context: str = "", hint: str = "", reference: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.context = context
        self.hint = hint
        self.reference = reference or type(self).reference

    def __str__(self) -> str:
        where = f" ({self.context})" if self.context else ""
        remedy = f". {self.hint}" if self.hint else ""
        return f"{self.message}{where}{remedy}"


class UsageError(SdkgenError):
    """What was asked for cannot be meant: an unknown name, options that contradict each other."""

    reference = "usage"
    exit_code = 2


class SpecError(SdkgenError):
    """A file in models/ or devices/ is wrong; ``context`` cites ``file: key``."""

    reference = "bad-spec"


class WeightsError(SdkgenError):
    """Weights could not be had, or are not what the model's spec says."""

    reference = "bad-weights"


class ImageError(SdkgenError):
    """An image or video cannot be read."""

    reference = "bad-image"


class OutputError(SdkgenError):
    """An output cannot be written where it was asked for."""

    reference = "bad-output"


class ConvertError(SdkgenError):
    """A converter failed, or made something the target cannot run."""

    reference = "convert-failed"


class BackendError(SdkgenError):
    """A runtime refuses an artifact, or computes what the artifact must not give."""

    reference = "backend-unavailable"


class RuntimeMissingError(BackendError):
    """A runtime cannot run any artifact here."""


class MissingExtraError(SdkgenError):
    """A package of an optional extra is not installed."""

    reference = "missing-extra"

    def __init__(self, package: str, extra: str = "convert") -> None:
        super().__init__(
            f"the package {package} is not installed",
            hint=f"Install it with: pip install 'sdkgen[{extra}]'",
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the known name nearest to ``name``, and lists them all."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    offer = f"Did you mean {close[0]}? " if close else ""
    return f"{offer}Known: {', '.join(names)}."
