"""LiteRT's GPU accelerator over Vulkan, on a real GPU or on Mesa's software Vulkan, in a process of its own.

The process keeps a crashing driver away from ours, and may run under another Python:
``SDKGEN_GPU_PYTHON`` is the command that starts one whose Vulkan driver and ai-edge-litert are to be used instead.
"""

from __future__ import annotations

import json
import math
import re
import select
import struct
from pathlib import Path

import numpy as np

from sdkgen.backends.process import find_adapter, start_on_gpu
from sdkgen.detection.types import Array, RawOutputs
from sdkgen.errors import BackendError, RuntimeMissingError
from sdkgen.spec.model import ModelSpec

_WORKER = Path(__file__).with_name("litert_gpu_worker.py")
_PATIENCE_S = 900.0
"""A driver that has not answered by then hangs; software Vulkan compiles its shaders in the first run, slowly."""


_NOT_WHOLE = "not every op runs on the GPU"
"""What the worker says of an artifact that the GPU takes in part."""

_STATUSES = "INTERNAL|INVALID_ARGUMENT|FAILED_PRECONDITION|NOT_FOUND|UNAVAILABLE|UNIMPLEMENTED|UNKNOWN"


class LiteRtGpuBackend:
    """Runs a .tflite file wholly on the GPU; ``adapter`` is the GPU's name as Vulkan reports it."""

    name = "litert-gpu"

    def __init__(self, path: Path, spec: ModelSpec, *, enforce_f32: bool = False) -> None:
        """Compile ``path`` for the GPU; ``enforce_f32`` computes in float32 where the GPU would use float16.

        Raises ``RuntimeMissingError`` if there is no Vulkan driver that LiteRT takes, ``BackendError`` if an op cannot
        run on the GPU.
        """
        self._runs = False
        self._process = start_on_gpu(_WORKER, buffered=False)
        model = path.read_bytes()
        try:
            self._send(struct.pack("<QQ", len(model), enforce_f32) + model)
            answer = json.loads(self._receive_line())
            if "error" in answer:
                raise self._refusal(answer["error"])
        except BaseException:
            self.close()
            raise
        self._runs = True
        released = {source: output.name for output in spec.outputs for source in output.sources}
        self._outputs = [(released.get(o["name"], o["name"]), tuple(o["shape"])) for o in answer["outputs"]]
        self._spec = spec.input
        self._takes_bytes = bool(answer["takes_bytes"])
        self.adapter = find_adapter(self._process.log) or "unknown GPU"

    def run(self, image: Array) -> RawOutputs:
        """Return the outputs for one input; see ``Backend.run``."""
        fed = self._spec.to_bytes(image) if self._takes_bytes else np.ascontiguousarray(image, "<f4")
        self._send(fed.tobytes())
        return {
            name: np.frombuffer(self._receive(4 * math.prod(shape)), "<f4").reshape(shape)
            for name, shape in self._outputs
        }

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._process.stdin.write(view) :]
        except BrokenPipeError as error:
            raise self._refusal("the process ended") from error

    def _receive(self, count: int) -> bytes:
        parts: list[bytes] = []
        while count:
            ready, _, _ = select.select([self._process.stdout], [], [], _PATIENCE_S)
            part = self._process.stdout.read(min(count, 1 << 16)) if ready else None
            if not part:
                raise self._refusal("the process ended" if ready else f"no answer within {_PATIENCE_S:.0f} s")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _receive_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            line += self._receive(1)
        return line

    def _refusal(self, why: str) -> BackendError:
        # The runtime's own reason stands at the end of one of many lines: "… INTERNAL: No adapters found".
        words = self._process.log
        reasons = re.findall(rf"(?:{_STATUSES}): ([A-Z][^:\n]+)$", f"{words}\n{why}", re.MULTILINE)
        last = [line for line in words.splitlines() if line.strip() and not line.startswith(("INFO", "I0000"))][-1:]
        runs = self._runs or (_NOT_WHOLE in why and bool(find_adapter(words)))
        why = reasons[-1] if reasons else ": ".join([why.strip(), *last])
        if runs:
            hint = "The command sdkgen lint tells of operations that GPUs do not take."
            return BackendError(f"LiteRT's GPU accelerator does not run the artifact: {why}", hint=hint)
        return RuntimeMissingError(
            f"LiteRT's GPU accelerator does not run here: {why}",
            hint="It needs a Vulkan driver, Mesa 25 or newer for a software one; see docs/parity.md.",
            reference="no-gpu",
        )
