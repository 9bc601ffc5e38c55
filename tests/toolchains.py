"""What a test does where a tool chain is missing: it skips and says why, or fails if all of them are required."""

from __future__ import annotations

import os

import pytest

REQUIRED = os.environ.get("SDKGEN_REQUIRE_TOOLCHAINS") == "1"


def require(name: str, found: object, why: str) -> None:
    """Skip the calling test unless ``found`` is true; fail it under SDKGEN_REQUIRE_TOOLCHAINS=1."""
    if found:
        return
    message = f"{name} is missing: {why}"
    if REQUIRED:
        pytest.fail(f"{message} (SDKGEN_REQUIRE_TOOLCHAINS=1)")
    pytest.skip(message)
