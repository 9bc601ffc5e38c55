"""Network to .tflite, made so that GPU delegates take every operation: NHWC throughout, no transposes, fp16 weights."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdkgen import console
from sdkgen.artifact import InputType, Layout, Precision, TensorRecord
from sdkgen.convert import flatbuffer_passes
from sdkgen.convert.heads import joined, output_names
from sdkgen.convert.tflite import metadata
from sdkgen.errors import ConvertError, MissingExtraError
from sdkgen.spec.model import ModelSpec
from sdkgen.tflite import flatbuffer

if TYPE_CHECKING:
    from torch import nn

Description = tuple[dict[str, int], tuple[TensorRecord, ...], tuple[TensorRecord, ...]]


def convert(
    network: nn.Module,
    spec: ModelSpec,
    target: Path,
    *,
    precision: Precision,
    layout: Layout,
    input_type: InputType = "float",
    variant: str | None = None,
) -> None:
    """Write the network to ``target``: input (1, H, W, 3), outputs as ``layout`` says, one signature.

    With precision fp16 all constants are stored in half, which runtimes unpack or use as they are; the outputs and an
    input of floats stay float32. With ``input_type`` bytes the input is uint8 RGB and is normalised inside.
    ``variant`` chooses among graphs for the same function, see ``variants``.

    Raises ``ConvertError`` if the converter fails, ``UsageError`` for an unknown variant.
    """
    from sdkgen.convert.tflite import variants

    module = variants.variant(variant)(network, spec)
    if layout == "joined":
        module = joined(module, spec)
    model = flatbuffer.parse(lowered(module, spec), target)
    flatbuffer_passes.flatten_alphas(model)
    if precision == "fp16":
        flatbuffer_passes.store_in_half(model)
    if input_type == "bytes":
        flatbuffer_passes.take_bytes(model, spec.input.scale, spec.input.minimum)
    flatbuffer_passes.compact(model, spec.title)
    flatbuffer_passes.rename(model, [spec.input.name], output_names(spec, layout))
    flatbuffer_passes.attach(model, metadata.NAME, metadata.metadata(spec, layout))
    target.write_bytes(flatbuffer.write(model) + metadata.archive(metadata.labels(spec, layout)))


def lowered(module: nn.Module, spec: ModelSpec) -> bytes:
    """Return what litert-torch, with the rules it lacks, makes of a module that takes (1, 3, H, W): an NHWC input."""
    try:
        with _quiet():
            import litert_torch
            import torch

            from sdkgen.convert.tflite.rules import taught
    except ImportError as error:
        raise MissingExtraError(error.name or "litert-torch") from error
    example = torch.zeros(1, spec.input.height, spec.input.width, 3)
    try:
        with taught(), _quiet():
            nhwc = litert_torch.to_channel_last_io(module, args=[0]).eval()
            return bytes(litert_torch.convert(nhwc, (example,)).model_content())
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        raise ConvertError(f"TFLite conversion failed: {error}", context=spec.name) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the converter's Python and C++ say about themselves off the terminal."""
    python = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with warnings.catch_warnings(), console.unheard(), python[0], python[1]:
        warnings.simplefilter("ignore")
        yield


def describe(path: Path) -> Description:
    """Return the operations with their counts, constants' DEQUANTIZE aside, the inputs and the outputs of a file.

    Raises ``ConvertError`` if it cannot be read.
    """
    model = flatbuffer.read(path)
    graph = model.subgraphs[0]
    ops = Counter(flatbuffer.operation(model, operator) for operator in graph.operators)
    ops["DEQUANTIZE"] -= sum(1 for _ in flatbuffer.constant_dequantizes(model, graph))
    return dict(sorted((+ops).items())), _records(graph, graph.inputs), _records(graph, graph.outputs)


def _records(graph: Any, indices: Any) -> tuple[TensorRecord, ...]:
    tensors = [graph.tensors[index] for index in indices]
    return tuple(
        TensorRecord(name=t.name.decode(), shape=flatbuffer.shape(t), dtype=flatbuffer.type_name(t)) for t in tensors
    )
