"""Apple's Core AI: what is in an .aimodel folder, and its runtime, on Linux for parity and never for latency.

Both in a process of its own: native code that writes to the terminal is kept off it, and damaged programs crash
coreai-core 1.0.0b3. It may run under another Python: ``SDKGEN_COREAI_PYTHON`` is the command that starts one with
coreai-core.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdkgen.artifact import TensorRecord
from sdkgen.backends.process import WorkerProcess
from sdkgen.detection.types import Array, RawOutputs
from sdkgen.errors import BackendError, MissingExtraError
from sdkgen.files import sha256_bytes
from sdkgen.spec.model import ModelSpec

PROGRAM, HASH, METADATA = "main.mlirb", "main.hash", "metadata.json"
OLDEST_CORE = "1.0.0b3"
"""Programs of earlier betas of coreai-core are refused by later ones, and by the systems that came with those."""

_WORKER = Path(__file__).with_name("coreai_worker.py")
_LARGEST_METADATA = 1 << 20
_DTYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "i1": "bool"} | {
    f"{kind}{bits}": f"{name}{bits}"
    for kind, name in (("si", "int"), ("ui", "uint"), ("i", "int"))
    for bits in (8, 16, 32, 64)
}


@dataclass(frozen=True)
class Operation:
    """An operation of a program: the numbers of the values that it takes and makes, and types and shapes of the latter.

    A shape has None where a side is not fixed. ``has_blocks``: it has a body of its own, as loops and branches have.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    dtypes: tuple[str, ...]
    shapes: tuple[tuple[int | None, ...], ...]
    has_blocks: bool


@dataclass(frozen=True)
class Function:
    """A function of a program, with its operations in order, constants among them."""

    name: str
    inputs: tuple[TensorRecord, ...]
    outputs: tuple[TensorRecord, ...]
    operations: tuple[Operation, ...]

    @property
    def work(self) -> list[Operation]:
        """The operations that compute something."""
        return [operation for operation in self.operations if operation.name not in ("constant", "output")]


def describe(path: Path) -> list[Function]:
    """Return the functions of the asset at ``path``.

    Raises ``BackendError`` if it is damaged or older than can be read, ``MissingExtraError`` without coreai-core.
    """
    check_asset(path)
    with contextlib.closing(_Worker("describe", path)) as worker:
        return [_function(entry) for entry in worker.about["functions"]]


def check_asset(path: Path) -> None:
    """Raise ``BackendError`` if ``path`` is no whole asset, or an earlier beta of coreai-core wrote it."""
    try:
        program, digest = (path / PROGRAM).read_bytes(), (path / HASH).read_bytes()
        with (path / METADATA).open("rb") as stream:
            metadata = json.loads(stream.read(_LARGEST_METADATA))
        producer = str(metadata["producer"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _bad(f"this is no Core AI asset: {error}", path) from error
    if digest.hex() != sha256_bytes(program):
        raise _bad("the hash in the asset is not that of its program", path)
    if is_older(producer, OLDEST_CORE):
        raise _bad(f"the asset was made by {producer}; it takes {OLDEST_CORE} or later", path)


def is_older(version: str, oldest: str) -> bool:
    """Whether the first version number in ``version`` is below ``oldest``; a beta is below its release."""

    def key(text: str) -> tuple[float, ...]:
        found = re.search(r"(\d+)\.(\d+)\.(\d+)(?:b(\d+))?", text)
        return tuple(math.inf if part is None else int(part) for part in found.groups()) if found else ()

    return key(version) < key(oldest)


class CoreAiBackend:
    """Runs an .aimodel whose input is a float32 array (1, 3, H, W)."""

    name = "coreai"

    def __init__(self, path: Path, spec: ModelSpec) -> None:
        """Load ``path``.

        Raises ``MissingExtraError`` without coreai-core, ``BackendError`` if the asset is damaged, refused, or was made
        for another model.
        """
        check_asset(path)
        self._worker = _Worker("run", path)
        found, expected = tuple(self._worker.about["input"]), (1, 3, spec.input.height, spec.input.width)
        if found != expected:
            self.close()
            raise _bad(f"the asset takes an input of shape {found}, {spec.name} one of {expected}", path)
        self._outputs = [(output["name"], tuple(output["shape"])) for output in self._worker.about["outputs"]]

    def run(self, image: Array) -> RawOutputs:
        """Return the outputs for one input; see ``Backend.run``."""
        self._worker.send(np.ascontiguousarray(image.transpose(0, 3, 1, 2), "<f4").tobytes())
        return {
            name: np.frombuffer(self._worker.receive(4 * math.prod(shape)), "<f4").reshape(shape)
            for name, shape in self._outputs
        }

    def close(self) -> None:
        """End the process."""
        self._worker.close()


class _Worker:
    """The process, having answered with what it says ``about`` the asset."""

    def __init__(self, verb: str, path: Path) -> None:
        self._path = path
        self._process = WorkerProcess(_WORKER, "SDKGEN_COREAI_PYTHON", ["-P"], [verb, str(path)])
        try:
            self.about: dict[str, Any] = json.loads(self._line())
            if self.about.get("missing"):
                raise MissingExtraError("coreai-core", "coreai")
            if "error" in self.about:
                raise BackendError(f"Core AI refuses the asset: {self.about['error']}", context=str(path))
        except BaseException:
            self.close()
            raise

    def send(self, data: bytes) -> None:
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._end() from error

    def receive(self, count: int) -> bytes:
        data = self._process.stdout.read(count)
        if len(data) != count:
            raise self._end()
        return data

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _line(self) -> bytes:
        line = self._process.stdout.readline()
        if not line:
            raise self._end()
        return line

    def _end(self) -> BackendError:
        code = self._process.wait()
        lines = self._process.log.strip().splitlines()
        why = f"it was ended by signal {-code}" if code < 0 else lines[-1] if lines else f"it exited with {code}"
        return BackendError(
            f"Core AI's runtime ended over the asset: {why}",
            context=str(self._path),
            hint="The asset is damaged, or holds what this version cannot run: convert the model again.",
        )


def _function(entry: dict[str, Any]) -> Function:
    return Function(
        name=entry["name"],
        inputs=tuple(_record(one) for one in entry["inputs"]),
        outputs=tuple(_record(one) for one in entry["outputs"]),
        operations=tuple(
            Operation(
                name=one["name"],
                inputs=tuple(one["inputs"]),
                outputs=tuple(one["outputs"]),
                dtypes=tuple(_DTYPES.get(result["dtype"], result["dtype"]) for result in one["results"]),
                shapes=tuple(tuple(result["shape"]) for result in one["results"]),
                has_blocks=one["has_blocks"],
            )
            for one in entry["operations"]
        ),
    )


def _record(entry: dict[str, Any]) -> TensorRecord:
    shape = tuple(-1 if side is None else side for side in entry["shape"])
    return TensorRecord(name=entry["name"], shape=shape, dtype=_DTYPES.get(entry["dtype"], entry["dtype"]))


def _bad(message: str, path: Path) -> BackendError:
    return BackendError(
        message,
        context=str(path),
        hint="Convert the model again with the versions of the extra coreai.",
        reference="bad-artifact",
    )
