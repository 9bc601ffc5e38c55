"""Runners that behave in every way a real one may: shell scripts for this machine."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sdkgen.bench import samples
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.protocol import OUT, OnDevice, Place, System
from sdkgen.bench.samples import Recording

SCRIPTS = {
    # The model is what is played back.
    "played": 'cat "$model" >"$2"',
    "good": 'cat "$1" >"$2"',
    # As a GPU driver, it keeps something where it may; found there again, it is of no use.
    "driver": 'for at in "$HOME" "$XDG_CACHE_HOME" "$XDG_RUNTIME_DIR"; do [ -e "$at/kernel" ] && exit 7; done; '
    'touch "$HOME/kernel" "$XDG_CACHE_HOME/kernel" "$XDG_RUNTIME_DIR/kernel"; cat "$1" >"$2"',
    "slow": 'head -n 6 "$1" >"$2"; sleep "${3:-1}"; tail -n +7 "$1" >>"$2"',
    "hang": 'head -n 6 "$1" >"$2"; sleep 1000',
    "crash": 'head -n 6 "$1" >"$2"; kill -SEGV $$',
    "fail": 'echo "out of luck" >&2; exit 7',
    "garbage": 'echo "Segmentation fault, or so" >"$2"',
    "nothing": "exit 0",
    "unfinished": 'head -n 6 "$1" >"$2"',
    "escapes": 'printf \'{"type":"error","reference":"run-failed","message":"<b>\\\\u001b[31m</b>"}\\n\' >"$2"; exit 7',
    "no-gpu": 'case $4 in gpu) printf \'{"type":"error","reference":"backend-unavailable","message":"no GPU"}\\n\''
    ' >"$2"; exit 6;; esac; cat "$1" >"$2"',
}


@dataclass(frozen=True)
class ScriptRunner:
    """A runner that is a script from ``SCRIPTS``; it plays back a file of results."""

    folder: Path
    script: str
    results: bytes
    extra: str = ""
    name: str = "script"
    prints: bool = False
    end: str = ""

    def prepare(self, device: OnDevice) -> None:
        """Need nothing."""

    def files(self, system: System, abi: str) -> Mapping[str, Path]:  # noqa: ARG002
        program = self.folder / f"{self.script}.sh"
        program.write_text(f"#!/bin/sh\n{SCRIPTS[self.script]}\n")
        (self.folder / "results").write_bytes(self.results)
        return {"runner": program, "results": self.folder / "results"}

    def inputs(self, cell: Cell) -> tuple[Path, ...]:
        return cell.files

    def command(self, cell: Cell, settings: Settings, place: Place, program: str) -> str:  # noqa: ARG002
        out = f"{place.session}/{OUT}"
        return shlex.join([f"{place.kit}/{program}", f"{place.kit}/results", out, self.extra, cell.backend])

    def read(self, out: bytes, console: bytes, cell: Cell, settings: Settings) -> Recording:  # noqa: ARG002
        return samples.parse(out)
