"""coremltools, imported quickly and quietly."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from types import ModuleType

from sdkgen.errors import MissingExtraError

_UNUSED = ("executorch", "libsvm", "sklearn", "tensorflow", "torchao", "torchvision", "transformers", "xgboost")
"""Packages whose models coremltools could also convert. It imports all it finds, which takes as long as all else."""

_EXPECTED = (
    "has not been tested with coremltools",
    "Failed to load _ML",
    "Tuple detected at graph output",
)
"""What coremltools logs on every run here: torch is newer than its list, and only a Mac has the runtime."""


@cache
def coremltools() -> ModuleType:
    """Return the package coremltools, without its progress bars and without packages it would import for nothing.

    Raises ``MissingExtraError`` if it is not installed.
    """
    absent = [name for name in _UNUSED if name not in sys.modules]
    logging.getLogger("coremltools").addFilter(_unexpected)
    with quiet():
        for name in absent:
            sys.modules[name] = None  # type: ignore[assignment]  # the import system's way of saying "not there"
        try:
            import coremltools as ct
            from coremltools.converters.mil.frontend.torch import ops
            from coremltools.converters.mil.mil.passes import pass_pipeline
        except ImportError as error:
            raise MissingExtraError("coremltools") from error
        finally:
            for name in absent:
                sys.modules.pop(name, None)
    ops._tqdm = partial(ops._tqdm, disable=True)
    pass_pipeline.tqdm = partial(pass_pipeline.tqdm, disable=True)
    return ct  # type: ignore[no-any-return]


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Python's warnings that torch's tracer and coremltools raise about their own code while the block runs."""
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning, ResourceWarning, SyntaxWarning):
            warnings.simplefilter("ignore", category)
        yield


def _unexpected(record: logging.LogRecord) -> bool:
    return not any(text in record.getMessage() for text in _EXPECTED)
