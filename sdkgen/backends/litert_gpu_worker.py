"""The process that runs a .tflite on LiteRT's GPU accelerator; started by ``litert_gpu``, and by nothing else.

It imports only NumPy and ai_edge_litert, so that it also runs under another Python, in a root whose Vulkan driver is
newer than the host's. Standard input: four little-endian numbers (length of the model in bytes, 1 to enforce float32),
the model, then inputs as float32 or bytes. Standard output: one line of JSON about the model, then outputs as float32.
"""

import json
import os
import struct
import sys
from typing import Any


def main() -> None:
    """Serve one model until standard input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # native code that logs to standard output would break the replies
    requests = sys.stdin.buffer
    length, enforce_f32 = struct.unpack("<QQ", requests.read(16))
    model = requests.read(length)
    try:
        run, outputs = _load(model, bool(enforce_f32))
    except Exception as error:  # whatever the runtime raises is for the parent to tell
        replies.write(json.dumps({"error": str(error)}).encode() + b"\n")
        replies.flush()
        return
    replies.write(json.dumps(outputs).encode() + b"\n")
    replies.flush()
    while data := requests.read(outputs["input_bytes"]):
        for array in run(data):
            replies.write(array.tobytes())
        replies.flush()


def _load(model: bytes, enforce_f32: bool) -> tuple[Any, dict[str, Any]]:
    import numpy as np
    from ai_edge_litert.compiled_model import CompiledModel, GpuOptions, HardwareAccelerator, Options

    options = Options(hardware_accelerators=HardwareAccelerator.GPU, gpu_options=GpuOptions(enforce_f32=enforce_f32))
    compiled = CompiledModel.from_buffer(model, options=options)
    if not compiled.is_fully_accelerated():
        raise RuntimeError("not every op runs on the GPU")
    ((signature, names),) = compiled.get_signature_list().items()
    details = compiled.get_output_tensor_details(signature)
    shapes = [[int(n) for n in details[name]["shape"]] for name in names["outputs"]]
    (entry,) = compiled.get_input_tensor_details(signature).values()
    dtype = np.dtype(entry["dtype"])
    (source,), sinks = compiled.create_input_buffers(0), compiled.create_output_buffers(0)

    def run(data: bytes) -> list[Any]:
        source.write(np.frombuffer(data, dtype))
        compiled.run_by_index(0, [source], sinks)
        return [sink.read(int(np.prod(shape)), np.float32) for sink, shape in zip(sinks, shapes, strict=True)]

    outputs = [{"name": name, "shape": shape} for name, shape in zip(names["outputs"], shapes, strict=True)]
    size = dtype.itemsize * int(np.prod(entry["shape"]))
    return run, {"input_bytes": size, "takes_bytes": dtype == np.uint8, "outputs": outputs}


if __name__ == "__main__":
    main()
