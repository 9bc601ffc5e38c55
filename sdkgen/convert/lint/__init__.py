"""Will every operation of a model file run on the GPU?"""

from __future__ import annotations

from pathlib import Path

from sdkgen.convert.lint.report import Finding, LintReport, OperationVerdict
from sdkgen.errors import UsageError

__all__ = ["Finding", "LintReport", "OperationVerdict", "lint"]


def lint(path: Path) -> LintReport:
    """Return the verdict on a .tflite file, an .mlpackage or an .aimodel folder; they are told by what is in them.

    Raises ``UsageError`` for another kind of file, ``ConvertError`` or ``BackendError`` for one that cannot be read.
    """
    if not path.exists():
        raise UsageError("there is no such file", context=str(path), hint="Check the path.", reference="no-such-file")
    if path.is_dir():
        if path.suffix == ".mlpackage" or (path / "Manifest.json").is_file():
            from sdkgen.convert.lint import coreml

            return coreml.lint(path)
        if path.suffix == ".aimodel" or (path / "main.mlirb").is_file():
            from sdkgen.convert.lint import coreai

            return coreai.lint(path)
    elif path.suffix == ".tflite" or _is_tflite(path):
        from sdkgen.convert.lint import tflite

        return tflite.lint(path)
    kind = (
        "a folder, neither .mlpackage nor .aimodel" if path.is_dir() else f"a {path.suffix or 'file without a suffix'}"
    )
    raise UsageError(
        f"cannot judge {kind}",
        context=str(path),
        hint="Give a .tflite file, an .mlpackage or an .aimodel folder.",
        reference="unknown-model-format",
    )


def _is_tflite(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(8)[4:] == b"TFL3"
    except OSError:
        return False
