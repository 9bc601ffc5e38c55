"""What every test shares."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# What a shell starts in the background ignores Ctrl-C, and so would every process that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a cache folder of its own, with nothing in it."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SDKGEN_CACHE", str(folder))
    return folder


@pytest.fixture
def run() -> Run:
    """Return a function that runs ``sdkgen`` with arguments in a process of its own and returns what it printed."""

    def call(
        *args: object, timeout: float = 300, cwd: Path | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sdkgen", *map(str, args)],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd,
            env={**os.environ, "COLUMNS": "120", "TERM": "dumb", **env},
            check=False,
        )

    return call
