"""Files that someone damaged or made to do harm: mutations of sound ones, and what the importer does with them.

Every file must be imported or refused with a typed error, in ten seconds and with a gigabyte of memory at most.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from sdkgen.errors import SdkgenError
from sdkgen.tflite import flatbuffer
from tests.convert.lint import cases
from tests.convert.tiny import Tiny, convolution

MOST_SECONDS = 10
MOST_BYTES = 1 << 30

_NUMBERS = (0, 1, -1, 2, 3, 4, 7, 16, 127, 128, 255, 256, 1 << 15, 1 << 16, 1 << 24, 1 << 30, (1 << 31) - 1, -(1 << 31))


def small_files() -> dict[str, bytes]:
    """Return five small files, which between them have what the importer reads: layers, shapes, packed constants."""
    return {
        "convolution": flatbuffer.write(convolution().model),
        "resize": cases.taken("RESIZE_BILINEAR").data,
        "slice": cases.taken("STRIDED_SLICE").data,
        "transposed": cases.taken("TRANSPOSE_CONV").data,
        "packed": flatbuffer.write(_packed().model),
    }


def _packed() -> Tiny:
    """Return a layer whose weights are sparse and in int8, behind DENSIFY and DEQUANTIZE."""
    tiny = Tiny()
    stored = np.arange(1, 9, dtype=np.int8)
    weights = tiny.constant(stored)
    tensor = tiny.graph.tensors[weights]
    tensor.shape, tensor.sparsity = np.array([8, 1, 1, 8], np.int32), tiny.schema.SparsityParametersT()
    tensor.quantization = tiny.schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = np.array([0.5], np.float32), np.array([0], np.int64)
    tensor.sparsity.traversalOrder, tensor.sparsity.dimMetadata = np.arange(4, dtype=np.int32), []
    for side in (8, 1, 1):
        entry = tiny.schema.DimensionMetadataT()
        entry.format, entry.denseSize = 0, side
        tensor.sparsity.dimMetadata.append(entry)
    last = tiny.schema.DimensionMetadataT()
    last.format = 1
    last.arraySegmentsType = last.arrayIndicesType = tiny.schema.SparseIndexVector.Uint8Vector
    last.arraySegments, last.arrayIndices = tiny.schema.Uint8VectorT(), tiny.schema.Uint8VectorT()
    last.arraySegments.values, last.arrayIndices.values = np.arange(9, dtype=np.uint8), np.arange(8, dtype=np.uint8)
    tensor.sparsity.dimMetadata.append(last)
    dense, whole = tiny.tensor((8, 1, 1, 8), "INT8"), tiny.tensor((8, 1, 1, 8))
    tiny.operation("DENSIFY", [weights], [dense])
    tiny.operation("DEQUANTIZE", [dense], [whole], version=2)
    x, y, z = tiny.tensor((1, 4, 4, 8)), tiny.tensor((1, 4, 4, 8)), tiny.tensor((1, 16, 8))
    tiny.operation("CONV_2D", [x, whole, tiny.constant(np.zeros(8, np.float32))], [y], strideH=1, strideW=1)
    tiny.operation("RESHAPE", [y, tiny.constant(np.array([1, -1, 8], np.int32))], [z])
    tiny.between([x], [z])
    return tiny


def mutate(data: bytes, numbers: np.random.Generator) -> bytes:
    """Return ``data`` with a few bytes or words changed, or cut, or with a part of it repeated or left out."""
    changed = bytearray(data)
    for _ in range(int(numbers.integers(1, 5))):
        way, place = int(numbers.integers(0, 8)), int(numbers.integers(0, max(len(changed), 1)))
        if way < 2:
            changed[place : place + 1] = bytes([int(numbers.integers(0, 256))])
        elif way < 5:
            place -= place % 4
            number = int(numbers.choice(_NUMBERS)) if way < 4 else int(numbers.integers(0, len(changed) + 1))
            changed[place : place + 4] = (number & 0xFFFFFFFF).to_bytes(4, "little")
        elif way == 5:
            changed[place : place + 1] = bytes([changed[place] ^ 1 << int(numbers.integers(0, 8))]) if changed else b""
        elif way == 6:
            part = changed[place : place + int(numbers.integers(1, 64))]
            target = int(numbers.integers(0, max(len(changed), 1)))
            changed[target : target + len(part)] = part
        elif numbers.random() < 0.2:
            del changed[place:]
    return bytes(changed)


def run(files: dict[str, bytes], count: int, seed: int, processes: int = 1) -> tuple[Counter[str], list[str]]:
    """Import ``count`` mutations; return how many ended how, and what must not have happened, with its seed."""
    # Not by forking this process, whose threads (torch's, JAX's) a fork does not take along.
    context = multiprocessing.get_context("forkserver")
    shares = [range(seed + i, seed + count, processes) for i in range(processes)]
    with context.Pool(processes) as pool:
        parts = pool.starmap(_run_share, [(files, share) for share in shares])
    ends: Counter[str] = Counter()
    for part, _ in parts:
        ends.update(part)
    return ends, [fault for _, faults in parts for fault in faults]


def _run_share(files: dict[str, bytes], seeds: range) -> tuple[Counter[str], list[str]]:
    from sdkgen.network.imported import import_graph

    names = sorted(files)
    ends: Counter[str] = Counter()
    faults: list[str] = []
    _limit_memory()
    signal.signal(signal.SIGALRM, _too_long)
    shared_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared_memory if shared_memory.is_dir() else None) as folder:
        path = Path(folder) / "mutation.tflite"
        for seed in seeds:
            name = names[seed % len(names)]
            path.write_bytes(mutate(files[name], np.random.default_rng(seed)))
            signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
            try:
                import_graph(path)
                ends["imported"] += 1
            except SdkgenError as error:
                ends[error.reference] += 1
            except BaseException as error:
                ends["fault"] += 1
                faults.append(f"{name}, seed {seed}: {type(error).__name__}: {error}")
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    return ends, faults


def _limit_memory() -> None:
    """Let this process have a gigabyte more than it has: beyond, an allocation fails."""
    held = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData"))
    most = int(held.split()[1]) * 1024 + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"more than {MOST_SECONDS} s")
