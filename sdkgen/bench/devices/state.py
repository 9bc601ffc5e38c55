"""Where things live that are under way: emulated devices and locks. Unlike the cache, they mean something."""

from __future__ import annotations

import os
from pathlib import Path


def root() -> Path:
    """Return the state folder: ``$SDKGEN_STATE``, or the platform's own place for state."""
    if chosen := os.environ.get("SDKGEN_STATE"):
        return Path(chosen).absolute()
    from platformdirs import user_state_path

    return user_state_path("sdkgen", appauthor=False)
