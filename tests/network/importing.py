"""A .tflite file in LiteRT's own kernels, and imported into torch: the same inputs, output by output."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sdkgen import console
from sdkgen.network.imported import ImportedGraph

Numbers = NDArray[np.float32]


def open_reference(path: Path) -> Any:
    """Return LiteRT's interpreter of the file without delegates."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with console.unheard():
        resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = Interpreter(str(path), experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
    return interpreter


def run_reference(interpreter: Any, inputs: list[Numbers]) -> list[Numbers]:
    """Return what LiteRT computes."""
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def run_reference_apart(path: Path) -> tuple[list[Numbers], list[Numbers]] | None:
    """Return made-up inputs and what LiteRT makes of them; None if it refuses the file, or dies of it."""
    # Not by forking this process, whose threads (torch's, JAX's) a fork does not take along.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__])
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(path, sender))
    child.start()
    sender.close()
    try:
        told: tuple[list[Numbers], list[Numbers]] = receiver.recv()
    except EOFError:
        return None
    else:
        return told
    finally:
        receiver.close()
        child.join()


def _answer(path: Path, sender: Connection) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    interpreter = open_reference(path)
    numbers = np.random.default_rng(5)
    inputs = [numbers.normal(size=d["shape"]).astype(np.float32) * 2 for d in interpreter.get_input_details()]
    sender.send((inputs, run_reference(interpreter, inputs)))


def run_imported(graph: ImportedGraph, inputs: list[Numbers], *, double: bool = False) -> list[Numbers]:
    """Return what the torch module computes, in float32 or, as a measure of that, in float64."""
    module = graph.module.double() if double else graph.module
    tensors = [torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2) if x.ndim == 4 else x)) for x in inputs]
    with torch.inference_mode():
        results = [y.numpy().copy() for y in module(*(t.double() for t in tensors) if double else tensors)]
    graph.module.float()
    return results


def difference(found: Numbers, expected: Numbers) -> float:
    """Return the largest difference as a share of the range of ``expected``; one number's is itself, or 1 if less."""
    assert found.shape == expected.shape
    wide = expected.astype(np.float64)
    spread = float(wide.max() - wide.min())
    if spread < 1e-3:  # one number, or as good as one
        spread = max(float(np.abs(wide).max()), 1.0 if wide.size == 1 else 1e-3)
    return float(np.abs(found - wide).max()) / spread
