"""How fast the converted graphs are, beside the released file and a plain litert-torch conversion of the same network.

    python benchmarks/graphs.py make DIR [MODEL…]          writes the files to compare (needs sdkgen[convert])
    python benchmarks/graphs.py time DIR [--on cpu|gpu]    times them and prints a table (needs ai-edge-litert only)

``time`` loads all files of a model into one process and runs them in turns, in an order that changes from round to
round, each time writing the input, running, and reading all outputs back. A ratio is the median over rounds of the
file's time divided by that of the file it is compared with in the same round, so that what slows the whole machine
down for a while cancels out. ``floor`` is what no graph can go below: one convolution from the same input to as many
numbers in one output.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sdkgen.spec.model import ModelSpec

RELEASED, PLAIN, DEFAULT, STANDARD, BYTES, FLOOR = "released", "plain", "default", "standard", "bytes", "floor"
DEFAULT_MODELS = ("blazeface-front", "blazeface-back", "blazeface-full-range", "face-landmark")
CELLS = 8
"""The side of the floor graph's output, in cells."""

Run = Callable[[], list[float]]
"""Runs a file once and returns the times, in seconds, at its start and after the write, the run and each read."""
Rounds = dict[str, list[list[float]]]
"""Of each file one list a round: milliseconds of the write, of the run, and of each read."""


def graphs(spec: ModelSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the graphs that sdkgen makes of a model, by name, as options of its converter."""
    from sdkgen.convert.tflite.variants import variants_of

    yield DEFAULT, {"layout": "joined"}
    yield STANDARD, {"layout": "standard"}
    yield BYTES, {"layout": "joined", "input_type": "bytes"}
    for variant in variants_of(spec)[1:]:
        yield variant, {"layout": "joined", "variant": variant}


def make(folder: Path, models: Sequence[str], only: Sequence[str] = ()) -> None:
    """Write, for each model, the released file, the plain conversion, the floor, and each graph that sdkgen makes.

    ``only`` limits what is written to graphs with these names.
    """
    from sdkgen import network
    from sdkgen.convert import tflite
    from sdkgen.spec.registry import load_model
    from sdkgen.weights import fetch

    for name in models:
        spec = load_model(name)
        weights = fetch.fetch(spec)
        module = network.load(spec, weights)
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        (target / f"{RELEASED}.tflite").write_bytes(weights.read_bytes())
        if not only or PLAIN in only:
            _write_plain(module, spec, target / f"{PLAIN}.tflite")
        if not only or FLOOR in only:
            _write_floor(spec, target / f"{FLOOR}.tflite")
        for label, options in graphs(spec):
            if not only or label in only:
                path = target / f"{label}.tflite"
                tflite.convert(module, spec, path, precision="fp16", **options)
                print(name, label, path.stat().st_size, tflite.describe(path)[0], file=sys.stderr, flush=True)


def _write_plain(module: Any, spec: ModelSpec, path: Path) -> None:
    import litert_torch
    import torch

    example = torch.zeros(1, 3, spec.input.height, spec.input.width)
    litert_torch.convert(module, (example,)).export(str(path))


def _write_floor(spec: ModelSpec, path: Path) -> None:
    import torch

    from sdkgen.convert import flatbuffer_passes, tflite
    from sdkgen.tflite import flatbuffer

    numbers = sum(int(np.prod(output.shape)) for output in spec.outputs)
    convolution = torch.nn.Conv2d(3, -(-numbers // CELLS**2), 3, spec.input.width // CELLS)
    with torch.no_grad():
        for values in convolution.parameters():
            values.fill_(0.01)

    class Floor(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = convolution

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.convolution(x).permute(0, 2, 3, 1)
            return y

    model = flatbuffer.parse(tflite.lowered(Floor(), spec), path)
    flatbuffer_passes.store_in_half(model)
    flatbuffer_passes.compact(model, "one convolution")
    flatbuffer_passes.rename(model, [spec.input.name], ["numbers"])
    path.write_bytes(flatbuffer.write(model))


def runner_cpu(path: Path) -> Run:
    """Return a function that runs the file once on one CPU thread, XNNPACK, outputs read back."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    image = _image(entry)
    outputs = [detail["index"] for detail in interpreter.get_output_details()]

    def run() -> list[float]:
        times = [time.perf_counter()]
        interpreter.set_tensor(entry["index"], image)
        times.append(time.perf_counter())
        interpreter.invoke()
        times.append(time.perf_counter())
        for index in outputs:
            interpreter.get_tensor(index)
            times.append(time.perf_counter())
        return times

    return run


def runner_gpu(path: Path) -> Run:
    """Return a function that runs the file once on LiteRT's GPU accelerator, outputs read back."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator

    model: Any = CompiledModel.from_file(str(path), hardware_accel=HardwareAccelerator.GPU)
    if not model.is_fully_accelerated():
        raise SystemExit(f"{path}: not every operation runs on the GPU")
    (source,), sinks = model.create_input_buffers(0), model.create_output_buffers(0)
    ((signature, names),) = model.get_signature_list().items()
    details = model.get_output_tensor_details(signature)
    counts = [int(np.prod(details[name]["shape"])) for name in names["outputs"]]
    (entry,) = model.get_input_tensor_details(signature).values()
    image = _image(entry)

    def run() -> list[float]:
        times = [time.perf_counter()]
        source.write(image)
        times.append(time.perf_counter())
        model.run_by_index(0, [source], sinks)
        times.append(time.perf_counter())
        for sink, count in zip(sinks, counts, strict=True):
            sink.read(count, np.float32)
            times.append(time.perf_counter())
        return times

    return run


def _image(entry: Any) -> Any:
    """Return an input of noise, in the type that a file takes."""
    noise = np.random.default_rng(0).uniform(-1, 1, entry["shape"])
    return ((noise + 1) * 127.5).astype(np.uint8) if np.dtype(entry["dtype"]) == np.uint8 else noise.astype(np.float32)


def measure(runs: dict[str, Run], seconds: float) -> Rounds:
    """Return each file's times, of rounds interleaved for about ``seconds``."""
    order = list(runs)
    for run in runs.values():
        for _ in range(3):
            run()
    rounds: Rounds = {name: [] for name in order}
    shuffler = random.Random(0)
    until = time.monotonic() + seconds
    while time.monotonic() < until or len(rounds[order[0]]) < 10:
        shuffler.shuffle(order)
        for name in order:
            times = runs[name]()
            rounds[name].append([(b - a) * 1e3 for a, b in pairwise(times)])
    return rounds


def ratio(rounds: Rounds, name: str, other: str) -> float | None:
    """Return the median over rounds of the time of ``name`` divided by that of ``other``, where both were timed."""
    if name not in rounds or other not in rounds:
        return None
    return statistics.median(sum(a) / sum(b) for a, b in zip(rounds[name], rounds[other], strict=True))


def summary(rounds: Rounds) -> dict[str, Any]:
    """Return what a table says of one model's files, for JSON: milliseconds and ratios."""
    found: dict[str, Any] = {}
    for name, parts in rounds.items():
        write, run, *reads = [statistics.median(part) for part in zip(*parts, strict=True)]
        totals = [sum(one) for one in parts]
        found[name] = {
            "median_ms": statistics.median(totals),
            "least_ms": min(totals),
            "write_ms": write,
            "run_ms": run,
            "read_ms": reads,
            **{f"of_{other}": ratio(rounds, name, other) for other in (RELEASED, PLAIN, FLOOR)},
        }
    return {"rounds": len(next(iter(rounds.values()))), "graphs": found}


def table(model: str, told: dict[str, Any]) -> str:
    """Return a Markdown table of one model's times."""
    lines = [f"\n{model}, {told['rounds']} rounds\n"]
    lines += ["| graph | median ms | least ms | write + run + reads | of released | of plain | of floor |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for name, one in told["graphs"].items():
        split = " + ".join(f"{part:.3f}" for part in (one["write_ms"], one["run_ms"], *one["read_ms"]))
        ratios = [one[f"of_{other}"] for other in (RELEASED, PLAIN, FLOOR)]
        cells = [f"{one['median_ms']:.3f}", f"{one['least_ms']:.3f}", split]
        cells += ["–" if value is None else f"{value:.3f}" for value in ratios]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def compare(folder: Path, on: str, seconds: float, only: Sequence[str], as_json: bool) -> None:
    """Time the files of every model in ``folder`` and print a table each, or all as JSON."""
    make_run = runner_gpu if on == "gpu" else runner_cpu
    first = [RELEASED, PLAIN, DEFAULT, STANDARD, BYTES]
    about = {
        "on": on,
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "litert": metadata.version("ai-edge-litert"),
    }
    if not as_json:
        print(", ".join(about.values()))
    models: dict[str, Any] = {}
    for model in sorted(p for p in folder.iterdir() if p.is_dir() and (not only or p.name in only)):
        names = sorted(path.stem for path in model.glob("*.tflite"))
        names.sort(key=lambda name: first.index(name) if name in first else len(first))
        models[model.name] = summary(measure({n: make_run(model / f"{n}.tflite") for n in names}, seconds))
        if not as_json:
            print(table(model.name, models[model.name]), flush=True)
    if as_json:
        print(json.dumps({**about, "models": models}, indent=1))


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
    parser.add_argument("--json", action="store_true", help="print the times as JSON")
    given = parser.parse_args()
    if given.verb == "make":
        make(given.folder, given.models or DEFAULT_MODELS)
    else:
        os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")
        compare(given.folder, given.on, given.seconds, given.models, given.json)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
