"""Apple's Core AI runtime, on Linux for parity and never for latency, in a process of its own.

The process keeps chatty native code off the terminal, and may run under another Python: ``SDKGEN_COREAI_PYTHON`` is the
command that starts one which has coreai-core.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from sdkgen.detection.types import Array, RawOutputs
from sdkgen.errors import BackendError, MissingExtraError

_WORKER = Path(__file__).with_name("coreai_worker.py")


class CoreAiBackend:
    """Runs an .aimodel whose input is a float32 array (1, 3, H, W)."""

    name = "coreai"

    def __init__(self, path: Path) -> None:
        """Load ``path``; raises ``MissingExtraError`` without coreai-core, ``BackendError`` if it is refused."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        command = shlex.split(os.environ.get("SDKGEN_COREAI_PYTHON", "")) or [sys.executable]
        self._process = subprocess.Popen(
            [*command, "-c", _WORKER.read_text(), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        try:
            answer = json.loads(self._answer_line())
            if answer.get("missing"):
                raise MissingExtraError("coreai-core", "coreai")
            if "error" in answer:
                raise BackendError(f"Core AI refuses the asset: {answer['error']}", context=str(path))
        except BaseException:
            self.close()
            raise
        self._input = tuple(answer["input"])
        self._outputs = [(output["name"], tuple(output["shape"])) for output in answer["outputs"]]

    def run(self, image: Array) -> RawOutputs:
        """Return the outputs for one input; see ``Backend.run``."""
        fed = np.ascontiguousarray(image.transpose(0, 3, 1, 2), "<f4")
        if fed.shape != self._input:
            raise BackendError(f"the asset takes {self._input}, not {fed.shape}")
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        try:
            self._process.stdin.write(fed.tobytes())
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._end() from error
        found: dict[str, Array] = {}
        for name, shape in self._outputs:
            data = self._process.stdout.read(4 * math.prod(shape))
            if len(data) != 4 * math.prod(shape):
                raise self._end()
            found[name] = np.frombuffer(data, "<f4").reshape(shape)
        return found

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                stream.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _answer_line(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101
        line = self._process.stdout.readline()
        if not line:
            raise self._end()
        return line

    def _end(self) -> BackendError:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return BackendError(f"the process that runs Core AI ended: {lines[-1] if lines else 'it said nothing'}")
