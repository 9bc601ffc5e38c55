"""Finds models/, templates/ and devices/: at the top of a checkout, or inside the installed wheel."""

from __future__ import annotations

from pathlib import Path

from sdkgen.errors import SdkgenError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the data folder ``name`` ("models", "templates" or "devices").

    Raises ``SdkgenError`` if this installation lacks it.
    """
    for parent in (_PACKAGE / "_data", _PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise SdkgenError(
        f"the data folder {name}/ is missing from this installation",
        context=str(_PACKAGE),
        hint="Reinstall sdkgen: pip install --force-reinstall sdkgen",
        reference="broken-install",
    )
