"""Will every operation of a model file run on the GPU?"""

from __future__ import annotations

from pathlib import Path

from sdkgen.convert.lint.report import Finding, LintReport, OperationVerdict
from sdkgen.errors import UsageError

__all__ = ["Finding", "LintReport", "OperationVerdict", "lint"]


def lint(path: Path) -> LintReport:
    """Return the verdict on a .tflite file or an .mlpackage folder.

    Raises ``UsageError`` for another kind of file, ``ConvertError`` for one that cannot be read.
    """
    if not path.exists():
        raise UsageError("there is no such file", context=str(path), hint="Check the path.", reference="no-such-file")
    if path.suffix == ".tflite":
        from sdkgen.convert.lint import tflite

        return tflite.lint(path)
    if path.suffix == ".mlpackage":
        from sdkgen.convert.lint import coreml

        return coreml.lint(path)
    raise UsageError(
        f"cannot judge a {path.suffix or 'file without a suffix'}",
        context=str(path),
        hint="Give a .tflite file or an .mlpackage folder.",
        reference="unknown-model-format",
    )
