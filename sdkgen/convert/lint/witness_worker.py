"""The process that asks LiteRT's GPU accelerator about .tflite files; started by ``witness``, and by nothing else.

It imports only NumPy and ai_edge_litert, so that it also runs under another Python, in a root whose Vulkan driver is
newer than the host's. Standard input: for each file eight bytes with its length, eight with the seconds that it may
take, one that is 1 if it is to be run and not compiled alone, and the file. Standard output: a line of JSON for each.
Each file has a process of its own: what crashes or hangs there is an answer.
"""

import json
import os
import select
import signal
import struct
import sys
import tempfile
import time
from typing import Any

HEADER = struct.Struct("<QQB")
_SEED = 20260731
_MIDDLE = 0.5


def main() -> None:
    """Serve files until standard input ends."""
    import ai_edge_litert.compiled_model  # noqa: F401 - once, for all the processes to come
    import numpy as np  # noqa: F401

    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # native code that logs to standard output would break the replies
    requests = sys.stdin.buffer
    while len(header := requests.read(HEADER.size)) == HEADER.size:
        length, seconds, run = HEADER.unpack(header)
        model = requests.read(length)
        replies.write(json.dumps(_ask_apart(model, seconds, bool(run))).encode() + b"\n")
        replies.flush()


def _ask_apart(model: bytes, seconds: int, run: bool) -> dict[str, Any]:
    """Return the answer of a process of its own."""
    read_end, write_end = os.pipe()
    with tempfile.TemporaryFile() as log:
        child = os.fork()
        if child == 0:
            os.close(read_end)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            with os.fdopen(write_end, "wb") as pipe:
                try:
                    for answer in _ask(model, run):
                        pipe.write(json.dumps(answer).encode() + b"\n")
                        pipe.flush()
                finally:
                    pipe.flush()
                    os._exit(0)  # native threads may not end
        os.close(write_end)
        answer = _collect(child, read_end, seconds)
        log.seek(0)
        answer["log"] = log.read().decode(errors="replace")
    return answer


def _collect(child: int, pipe: int, seconds: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"stage": "starting"}
    deadline, pending = time.monotonic() + seconds, b""
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(pipe, 1 << 16) if ready else b""
        *lines, pending = (pending + part).split(b"\n")
        for line in lines:
            answer |= json.loads(line)
        if not part:
            break
    if not ready:
        answer["end"] = f"no answer within {seconds} s"
        os.kill(child, signal.SIGKILL)
    os.close(pipe)
    _, status = os.waitpid(child, 0)
    if ready and os.WIFSIGNALED(status):
        answer["end"] = signal.Signals(os.WTERMSIG(status)).name
    return answer


def _ask(model: bytes, run: bool) -> Any:
    """Yield what is known so far, step by step, so that a crash leaves what came before it."""
    from ai_edge_litert.compiled_model import CompiledModel, GpuOptions, HardwareAccelerator, Options

    expected = gpu = None
    yield {"stage": "loading on the CPU"}
    try:
        cpu = CompiledModel.from_buffer(model, options=Options(hardware_accelerators=HardwareAccelerator.CPU))
        if run:  # a file whose operations the CPU has no kernels for shows it only now
            yield {"stage": "running on the CPU"}
            expected = _results(cpu)
    except Exception as error:
        yield {"cpu_error": str(error)}
    yield {"stage": "compiling for the GPU"}
    try:
        gpu = CompiledModel.from_buffer(
            model,
            options=Options(hardware_accelerators=HardwareAccelerator.GPU, gpu_options=GpuOptions(enforce_f32=True)),
        )
        yield {"whole": bool(gpu.is_fully_accelerated())}
    except Exception as error:
        yield {"whole": False, "gpu_error": str(error)}
    if gpu is not None and expected is not None:
        yield {"stage": "running on the GPU"}
        yield _compare([array for array, _ in expected], [array for array, _ in _results(gpu)])
        yield {"quantized": any(is_byte for _, is_byte in expected)}
    yield {"stage": "done"}


def _compare(expected: list[Any], found: list[Any]) -> dict[str, Any]:
    """Return the largest difference between the results on the CPU and on the GPU, and the largest of their values."""
    import numpy as np

    worst, largest = 0.0, 0.0
    for before, after in zip(expected, found, strict=True):
        with np.errstate(all="ignore"):
            finite = np.isfinite(before)
            difference = np.abs(np.where(finite, before - after, ~_is_same(before, after)))
            worst = max(worst, float(np.nan_to_num(difference, nan=np.inf, posinf=np.inf).max(initial=0.0)))
            largest = max(largest, float(np.abs(before[finite]).max(initial=0.0)))
    return {"difference": worst if worst != float("inf") else None, "largest": largest, "ran": True}


def _is_same(before: Any, after: Any) -> Any:
    return (before == after) | ((before != before) & (after != after))


def _results(compiled: Any) -> list[Any]:
    """Return the results of every signature for the same made-up inputs, and whether each is of bytes."""
    signatures = compiled.get_signature_list()
    return [array for index, name in enumerate(signatures) for array in _run(compiled, index, name)]


def _run(compiled: Any, index: int, signature: str) -> list[Any]:
    import numpy as np

    generator = np.random.default_rng(_SEED)
    names = compiled.get_signature_list()[signature]
    entries = compiled.get_input_tensor_details(signature)
    sources, sinks = compiled.create_input_buffers(index), compiled.create_output_buffers(index)
    for name, source in zip(names["inputs"], sources, strict=True):
        dtype, shape = np.dtype(entries[name]["dtype"]), [int(n) for n in entries[name]["shape"]]
        numbers = generator.random(shape)
        values = numbers + _MIDDLE if dtype.kind == "f" else numbers < _MIDDLE if dtype.kind == "b" else numbers * 3
        source.write(np.ascontiguousarray(values.astype(dtype)))
    compiled.run_by_index(index, sources, sinks)
    details = compiled.get_output_tensor_details(signature)
    arrays = []
    for name, sink in zip(names["outputs"], sinks, strict=True):
        dtype = np.dtype(details[name]["dtype"])
        count = int(np.prod([int(n) for n in details[name]["shape"]]))
        arrays.append((np.asarray(sink.read(count, dtype)).astype(np.float64), dtype.itemsize == 1))
    return arrays


if __name__ == "__main__":
    main()
