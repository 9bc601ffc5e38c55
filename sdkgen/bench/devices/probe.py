"""Asking a device many questions in one round trip."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from sdkgen.bench.devices.transport.base import Transport

_LONGEST = 200
"""Characters of an answer to a short question; a name is never longer, an attack may be."""


def ask(device: Transport, questions: Mapping[str, str], timeout: float = 30) -> dict[str, str | None]:
    """Run every command of ``questions`` on ``device`` and return what each wrote on standard output, by the same keys.

    None stands for a command that failed: there is no answer, which is not the same as an empty one. The marks between
    the answers are random, so no answer can pass for another.
    """
    mark = f"--{secrets.token_hex(16)}"
    script = "\n".join(f'( {command}\n) 2>/dev/null; echo "{mark} $?"' for command in questions.values())
    said = device.shell(script, timeout=timeout).stdout.decode("utf-8", errors="replace")
    answers: dict[str, str | None] = {}
    for name in questions:
        answer, _, said = said.partition(f"{mark} ")
        code, _, said = said.partition("\n")
        answers[name] = answer if code.strip() == "0" else None
    return answers


def short(answer: str | None) -> str | None:
    """Return a short answer without the white space around it, cut where it is absurdly long; None if it is empty."""
    return (answer or "").strip()[:_LONGEST] or None


def number(answer: str | None) -> int | None:
    """Return a short answer that is a whole number; None for anything else."""
    text = (answer or "").strip()
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None
