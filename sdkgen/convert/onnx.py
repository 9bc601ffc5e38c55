"""The plain ONNX model: for ONNX Runtime on servers and desktops, and for tools that read ONNX."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdkgen.artifact import Layout, Precision, TensorRecord
from sdkgen.convert.heads import joined, output_names
from sdkgen.errors import ConvertError, MissingExtraError
from sdkgen.spec.model import ModelSpec

if TYPE_CHECKING:
    from torch import nn

OPSET = 18


def convert(network: nn.Module, spec: ModelSpec, target: Path, *, precision: Precision, layout: Layout) -> None:
    """Write the network to ``target``: input (1, 3, H, W), outputs named as in the spec.

    With precision fp16 the weights are stored in half and cast at load; inputs and outputs stay float32.

    Raises ``ConvertError`` if the exporter fails or the result is not valid ONNX.
    """
    try:
        import onnx
        import torch
    except ImportError as error:
        raise MissingExtraError(error.name or "onnx") from error
    module = joined(network, spec) if layout == "joined" else network
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # else it warns that torchvision, unneeded, is missing
    example = torch.zeros(1, 3, spec.input.height, spec.input.width)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[spec.input.name],
                output_names=output_names(spec, layout),
                verbose=False,
            )
        model = _without_traces(program.model_proto) if program else None
        if model is None:
            raise ConvertError("ONNX export gave no model", context=spec.name)
        if precision == "fp16":
            _store_in_half(model)
        credit = f" Weights: {spec.weights.author}, {spec.weights.licence}." if spec.weights.author else ""
        model.doc_string = f"{spec.title}. {spec.summary}{credit}"
        model.producer_name, model.producer_version = "sdkgen", ""
        onnx.checker.check_model(model, full_check=True)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        raise ConvertError(f"ONNX export failed: {error}", context=spec.name) from error
    target.write_bytes(model.SerializeToString(deterministic=True))


def describe(path: Path) -> tuple[dict[str, int], tuple[TensorRecord, ...], tuple[TensorRecord, ...]]:
    """Return the operations with their counts, the inputs and the outputs of a .onnx file."""
    import onnx

    graph = onnx.load(str(path)).graph
    ops = Counter(node.op_type for node in graph.node if not _is_cast_of_weight(node, graph))
    return dict(sorted(ops.items())), tuple(map(_record, graph.input)), tuple(map(_record, graph.output))


def _without_traces(model: Any) -> Any:
    """Return the model without the exporter's debugging notes, which name files of this host."""
    parts = [*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info]
    for part in [model, model.graph, *model.graph.initializer, *parts]:
        del part.metadata_props[:]
    del model.graph.value_info[:]
    return model


def _store_in_half(model: Any) -> None:
    """Store each float32 weight as float16 behind a Cast, which ONNX Runtime folds when it loads the model."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for index, weight in enumerate(list(model.graph.initializer)):
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims, dtype=int) < 2:
            continue
        name = weight.name
        half = numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{name}_half")
        model.graph.initializer[index].CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _is_cast_of_weight(node: Any, graph: Any) -> bool:
    return node.op_type == "Cast" and node.input[0] in {weight.name for weight in graph.initializer}


def _record(value: Any) -> TensorRecord:
    from onnx import helper

    tensor = value.type.tensor_type
    shape = tuple(d.dim_value for d in tensor.shape.dim)
    return TensorRecord(name=value.name, shape=shape, dtype=helper.tensor_dtype_to_np_dtype(tensor.elem_type).name)
