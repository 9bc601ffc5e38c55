"""Finds models/, templates/, devices/, what bundles bring of tests/, and the licence.

They are at the top of a checkout, or inside the installed wheel.
"""

from __future__ import annotations

from pathlib import Path

from sdkgen.errors import SdkgenError

_PACKAGE = Path(__file__).resolve().parent


def path(name: str) -> Path:
    """Return the place of the data folder or file ``name``, such as "models", "templates", "tests/golden", "LICENSE".

    Raises ``SdkgenError`` if this installation lacks it.
    """
    for parent in (_PACKAGE / "_data", _PACKAGE.parent):
        if (parent / name).exists():
            return parent / name
    raise SdkgenError(
        f"{name} is missing from this installation",
        context=str(_PACKAGE),
        hint="Reinstall sdkgen: pip install --force-reinstall sdkgen",
        reference="broken-install",
    )


def photograph() -> Path:
    """Return the place of the photograph of one face that golden inputs are made of."""
    return path("models") / "selftest.png"
