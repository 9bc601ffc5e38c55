"""A device made of shell functions: what it says is a test's to choose, the shell and its quoting are real."""

from __future__ import annotations

from shlex import quote

from sdkgen.bench.devices.transport.base import Completed, Kind
from sdkgen.bench.devices.transport.local import Local


class Pretend(Local):
    """An "Android device" whose commands are shell functions, by name; what is not among them is not found."""

    kind: Kind = "adb-direct"

    def __init__(self, properties: dict[str, str] | None = None, **commands: str) -> None:
        self.serial = "PRETEND"
        cases = " ".join(f"{name}) printf '%s\\n' {quote(text)};;" for name, text in (properties or {}).items())
        functions = {
            "getprop": f"case $1 in {cases} *) echo;; esac",
            "dumpsys": "return 1",
            "cmd": "return 1",
            **commands,
        }
        self._prelude = "\n".join(f"{name}() {{ {body}\n}}" for name, body in functions.items())
        self.calls = 0

    def shell(self, command: str, timeout: float = 30) -> Completed:
        self.calls += 1
        return super().shell(f"{self._prelude}\n{command}", timeout)


def says(**answers: str) -> str:
    """Return the body of a function that answers by its first argument."""
    return (
        "case $1 in "
        + " ".join(f"{name}) printf %s {quote(text)};;" for name, text in answers.items())
        + " *) return 1;; esac"
    )
