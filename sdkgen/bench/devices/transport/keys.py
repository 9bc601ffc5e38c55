"""The user's adb keys: what a device knows this machine by. They are the ones that adb itself uses."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any


def user_keys() -> list[Any]:
    """Return adb_shell's signers for the keys in ``ADB_VENDOR_KEYS`` and in ~/.android, but for unreadable ones."""
    from adb_shell.auth.sign_pythonrsa import PythonRSASigner

    places = [Path(place) for place in os.environ.get("ADB_VENDOR_KEYS", "").split(os.pathsep) if place]
    files = [file for place in places for file in (sorted(place.glob("*.adb_key")) if place.is_dir() else [place])]
    signers = []
    for file in [_own_key(), *files]:
        with suppress(OSError, ValueError):
            signers.append(PythonRSASigner.FromRSAKeyPath(str(file)))
    return signers


def create_key() -> list[Any]:
    """Make the user's key where adb would make it, unless there is one, and return all keys."""
    from adb_shell.auth.keygen import keygen

    key = _own_key()
    if not key.exists():
        key.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        before = os.umask(0o077)
        try:
            keygen(str(key))
        finally:
            os.umask(before)
    return user_keys()


def _own_key() -> Path:
    return Path(os.environ.get("ANDROID_USER_HOME") or Path.home() / ".android") / "adbkey"
