"""Core ML: a network becomes an .mlpackage that holds an ML Program for iOS 16 and later."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sdkgen import __version__
from sdkgen.artifact import Layout, Precision
from sdkgen.convert.coreml import package
from sdkgen.convert.coreml.compress import check_bits, compressed
from sdkgen.convert.coreml.describe import describe
from sdkgen.convert.coreml.graph import export_graph
from sdkgen.convert.coreml.passes import pipeline
from sdkgen.convert.coreml.tools import coremltools, quiet
from sdkgen.convert.heads import output_names
from sdkgen.errors import ConvertError
from sdkgen.spec.model import ModelSpec

__all__ = ["convert", "describe"]


def convert(
    network: nn.Module,
    spec: ModelSpec,
    target: Path,
    *,
    precision: Precision = "fp16",
    layout: Layout = "joined",
    image_input: bool = True,
    weights_bits: int | None = None,
) -> None:
    """Write ``network`` to the folder ``target`` as an ML Program; the same arguments yield the same bytes.

    The input is an RGB image (Core ML converts any pixel buffer, BGRA included; scale and bias are inside the model),
    or with ``image_input`` off a float32 array (1, 3, H, W) in the model's input range. Outputs are float32 arrays,
    whatever ``precision`` the arithmetic has. ``weights_bits`` compresses the weights to 8 or 6 bits; without, kernels
    that are float16 numbers, as in all released weights, take two bytes each also in "fp32".

    Raises ``ConvertError`` if the network cannot be converted, ``OutputError`` if ``target`` cannot be written.
    """
    check_bits(weights_bits)
    names = output_names(spec, layout)
    ct = coremltools()
    graph = export_graph(network, spec, layout=layout, image_input=image_input)
    shape = (1, 3, spec.input.height, spec.input.width)
    source = (
        ct.ImageType(spec.input.name, shape=shape, color_layout=ct.colorlayout.RGB)
        if image_input
        else ct.TensorType(spec.input.name, shape=shape, dtype=np.float32)
    )
    with quiet():
        try:
            traced = torch.jit.trace(graph, torch.zeros(shape), check_trace=False)  # type: ignore[no-untyped-call]
            model = ct.convert(
                traced,
                inputs=[source],
                outputs=[ct.TensorType(name, dtype=np.float32) for name in names],
                minimum_deployment_target=ct.target.iOS16,
                compute_precision=ct.precision.FLOAT16 if precision == "fp16" else ct.precision.FLOAT32,
                pass_pipeline=pipeline(store_halves=precision == "fp32" and weights_bits is None),
                skip_model_load=True,
            )
        except (RuntimeError, ValueError, NotImplementedError) as error:
            # Lets go of coremltools' temporary folder here, where the warning about how it is let go of is silenced.
            traceback.clear_frames(error.__traceback__)
            raise ConvertError(f"Core ML conversion failed: {error}", context=spec.name) from error
        if weights_bits is not None:
            model = compressed(model, weights_bits)
        _describe_to_reader(model, spec, layout=layout, image_input=image_input)
        model.user_defined_metadata["sdkgen.weights.sha256"] = spec.weights.sha256
        package.write(model, target)


def _describe_to_reader(model: Any, spec: ModelSpec, *, layout: Layout, image_input: bool) -> None:
    """Fill in what Xcode shows of a model: whose it is, under which licence, what goes in and what comes out."""
    size = f"{spec.input.width} × {spec.input.height}"
    model.author = spec.weights.author
    model.license = spec.weights.licence
    model.version = __version__
    model.short_description = f"{spec.title}. {spec.summary}"
    model.input_description[spec.input.name] = (
        f"The {spec.input.fit} of the picture to {size} pixels; any colour pixel buffer, BGRA included."
        if image_input
        else f"RGB planes, {size} pixels, values from {spec.input.minimum:g} to {spec.input.maximum:g}."
    )
    meanings = {output.name: output.meaning for output in spec.outputs}
    for name in output_names(spec, layout):
        model.output_description[name] = meanings.get(
            name, " Then, in the same row: ".join(output.meaning for output in spec.outputs)
        )
    model.user_defined_metadata["sdkgen.model"] = spec.name
    model.user_defined_metadata["sdkgen.outputs"] = layout
