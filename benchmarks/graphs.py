"""How fast the converted graphs are, beside the released file and a plain litert-torch conversion of the same network.

    python benchmarks/graphs.py make DIR [MODEL…]          writes the files to compare (needs sdkgen[convert])
    python benchmarks/graphs.py time DIR [--on cpu|gpu]    times them and prints a table (needs ai-edge-litert only)

``time`` loads all files of a model into one process and runs them in turns, in an order that changes from round to
round, each time writing the input, running, and reading all outputs back. A ratio is the median over rounds of the
file's time divided by that of the file it is compared with in the same round, so that what slows the whole machine
down for a while cancels out.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RELEASED, PLAIN = "released", "plain"
DEFAULT_MODELS = ("blazeface-front", "blazeface-back", "blazeface-full-range", "face-landmark")

Run = Callable[[], None]


def make(folder: Path, models: list[str]) -> None:
    """Write, for each model, the released file, the plain conversion, and each variant that is a graph of its own."""
    import litert_torch
    import torch

    from sdkgen import network
    from sdkgen.artifact import Layout
    from sdkgen.convert import tflite
    from sdkgen.convert.tflite.variants import DEFAULT, VARIANTS
    from sdkgen.spec.registry import load_model
    from sdkgen.weights import fetch

    for name in models:
        spec = load_model(name)
        weights = fetch.fetch(spec)
        module = network.load(spec, weights)
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        (target / f"{RELEASED}.tflite").write_bytes(weights.read_bytes())
        example = torch.zeros(1, 3, spec.input.height, spec.input.width)
        litert_torch.convert(module, (example,)).export(str(target / f"{PLAIN}.tflite"))
        graphs: list[tuple[str, str, Layout]] = [(variant, variant, "joined") for variant in VARIANTS]
        if spec.detection is not None:
            graphs.append((f"{DEFAULT}, standard", DEFAULT, "standard"))
        seen: set[bytes] = set()
        for label, variant, layout in graphs:
            path = target / f"{label}.tflite"
            tflite.convert(module, spec, path, precision="fp16", layout=layout, variant=variant)
            if path.read_bytes() in seen:
                path.unlink()  # nothing to choose for this model
            else:
                seen.add(path.read_bytes())
                print(name, label, path.stat().st_size, tflite.describe(path)[0], flush=True)


def runner_cpu(path: Path) -> Run:
    """Return a function that runs the file once on one CPU thread, XNNPACK, outputs read back."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    image = np.random.default_rng(0).uniform(-1, 1, entry["shape"]).astype(np.float32)
    outputs = [detail["index"] for detail in interpreter.get_output_details()]

    def run() -> None:
        interpreter.set_tensor(entry["index"], image)
        interpreter.invoke()
        for index in outputs:
            interpreter.get_tensor(index)

    return run


def runner_gpu(path: Path) -> Run:
    """Return a function that runs the file once on LiteRT's GPU accelerator, outputs read back."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator

    model: Any = CompiledModel.from_file(str(path), hardware_accel=HardwareAccelerator.GPU)
    inputs, outputs = model.create_input_buffers(0), model.create_output_buffers(0)
    (signature,) = model.get_signature_list().items()
    shapes = [
        (int(np.prod(detail["shape"])), np.float32) for detail in model.get_output_tensor_details(signature[0]).values()
    ]
    (entry,) = model.get_input_tensor_details(signature[0]).values()
    image = np.random.default_rng(0).uniform(-1, 1, entry["shape"]).astype(np.float32)

    def run() -> None:
        inputs[0].write(image)
        model.run_by_index(0, inputs, outputs)
        for buffer, (count, kind) in zip(outputs, shapes, strict=True):
            buffer.read(count, kind)

    return run


def measure(runs: dict[str, Run], seconds: float) -> dict[str, list[float]]:
    """Return each file's times in milliseconds, one a round, of rounds interleaved for about ``seconds``."""
    order = list(runs)
    for run in runs.values():
        for _ in range(3):
            run()
    times: dict[str, list[float]] = {name: [] for name in order}
    shuffler = random.Random(0)
    until = time.monotonic() + seconds
    while time.monotonic() < until or len(times[order[0]]) < 10:
        shuffler.shuffle(order)
        for name in order:
            start = time.perf_counter()
            runs[name]()
            times[name].append((time.perf_counter() - start) * 1e3)
    return times


def ratio(times: dict[str, list[float]], name: str, other: str) -> str:
    """Return the median over rounds of the time of ``name`` divided by that of ``other``."""
    if name not in times or other not in times:
        return "–"
    return f"{statistics.median(a / b for a, b in zip(times[name], times[other], strict=True)):.3f}"


def table(model: str, times: dict[str, list[float]]) -> str:
    """Return a Markdown table of one model's times."""
    lines = [f"\n{model}, {len(next(iter(times.values())))} rounds\n"]
    lines += ["| graph | median ms | least ms | of released | of plain |", "|---|---|---|---|---|"]
    for name, values in times.items():
        cells = [f"{statistics.median(values):.3f}", f"{min(values):.3f}"]
        cells += [ratio(times, name, RELEASED), ratio(times, name, PLAIN)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def compare(folder: Path, on: str, seconds: float, only: list[str]) -> None:
    """Time the files of every model in ``folder`` and print a table each."""
    print(f"{on}, {processor()}, {os.cpu_count()} cores")
    for model in sorted(p for p in folder.iterdir() if p.is_dir() and (not only or p.name in only)):
        names = sorted((p.stem for p in model.glob("*.tflite")), key=lambda n: (n != RELEASED, n != PLAIN, n))
        make_run = runner_gpu if on == "gpu" else runner_cpu
        runs = {name: make_run(model / f"{name}.tflite") for name in names}
        print(table(model.name, measure(runs, seconds)), flush=True)


def processor() -> str:
    """Return the name of the processor."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["make", "time"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="*", help="models; all that are known if none is named")
    parser.add_argument("--on", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to time each model")
    given = parser.parse_args()
    if given.verb == "make":
        make(given.folder, given.models or list(DEFAULT_MODELS))
    else:
        os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")
        compare(given.folder, given.on, given.seconds, given.models)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
