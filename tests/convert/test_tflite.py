from __future__ import annotations

import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sdkgen import network
from sdkgen.artifact import Layout, Precision
from sdkgen.convert import tflite
from sdkgen.convert.heads import joined, output_names
from sdkgen.convert.lint import lint
from sdkgen.convert.tflite import metadata, variants
from sdkgen.errors import UsageError
from sdkgen.network.layers import seeded
from sdkgen.spec.model import BlazeFaceNetwork, ModelSpec
from sdkgen.spec.registry import load_model
from sdkgen.tflite import flatbuffer
from sdkgen.weights import fetch

REAL = {"blazeface-front": 68, "blazeface-back": 106, "blazeface-full-range": 127, "face-landmark": 99}
"""The operations a model may have, constants' DEQUANTIZE aside."""


@cache
def small() -> tuple[ModelSpec, torch.nn.Module]:
    """Return front with a handful of blocks, so that it converts in seconds, and seeded weights."""
    spec = load_model("blazeface-front")
    assert isinstance(spec.network, BlazeFaceNetwork)
    first = [block for block in spec.network.blocks if block.stride == 2]
    blocks = (spec.network.blocks[0], spec.network.blocks[1], *(b.model_copy(update={"repeat": 1}) for b in first))
    net = spec.network.model_copy(update={"blocks": blocks})
    spec = spec.model_copy(update={"network": net})
    return spec, seeded(network.build(spec), 11).eval().requires_grad_(False)


@cache
def real(name: str) -> tuple[ModelSpec, torch.nn.Module]:
    spec = load_model(name)
    return spec, network.load(spec, fetch.fetch(spec))


def converted(
    made: tuple[ModelSpec, torch.nn.Module],
    folder: Path,
    precision: Precision = "fp16",
    layout: Layout = "joined",
    variant: str | None = None,
) -> Path:
    spec, module = made
    path = folder / f"{spec.name}.tflite"
    tflite.convert(module, spec, path, precision=precision, layout=layout, variant=variant)
    return path


def run(path: Path, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return the outputs by the names of the signature."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    (name,) = interpreter.get_signature_list()
    outputs: dict[str, NDArray[np.float32]] = interpreter.get_signature_runner(name)(image=image)
    return outputs


def image_for(spec: ModelSpec) -> NDArray[np.float32]:
    shape = (1, spec.input.height, spec.input.width, 3)
    return np.random.default_rng(5).uniform(spec.input.minimum, spec.input.maximum, shape).astype(np.float32)


def expected(
    spec: ModelSpec, module: torch.nn.Module, image: NDArray[np.float32], layout: Layout
) -> dict[str, NDArray[np.float32]]:
    with torch.no_grad():
        arranged = joined(module, spec) if layout == "joined" else module
        outputs = arranged(torch.from_numpy(image).permute(0, 3, 1, 2))
    return dict(zip(output_names(spec, layout), (output.numpy() for output in outputs), strict=True))


def assert_same(path: Path, spec: ModelSpec, module: torch.nn.Module, layout: Layout, share: float) -> None:
    image = image_for(spec)
    wanted, got = expected(spec, module, image, layout), run(path, image)
    assert got.keys() == wanted.keys()
    for name, values in wanted.items():
        assert got[name].shape == values.shape
        assert np.abs(got[name] - values).max() <= share * np.abs(values).max(), name


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "share"), [("fp32", 1e-5), ("fp16", 2e-3)])
@pytest.mark.parametrize("layout", ["joined", "standard"])
def test_a_converted_network_computes_the_same(
    precision: Precision, share: float, layout: Layout, tmp_path: Path
) -> None:
    spec, module = small()
    path = converted((spec, module), tmp_path, precision, layout)
    assert_same(path, spec, module, layout, share)
    ops, (image,), outputs = tflite.describe(path)
    assert "TRANSPOSE" not in ops
    assert (image.name, image.shape, image.dtype) == ("image", (1, 128, 128, 3), "float32")
    assert [output.name for output in outputs] == output_names(spec, layout)
    stored = {flatbuffer.type_name(tensor) for tensor in flatbuffer.read(path).subgraphs[0].tensors}
    assert ("float16" in stored) == (precision == "fp16")


@pytest.mark.slow
@pytest.mark.parametrize("variant", sorted(variants.VARIANTS))
def test_every_variant_computes_the_same(variant: str, tmp_path: Path) -> None:
    spec, module = small()
    path = converted((spec, module), tmp_path, "fp32", "joined", variant)
    assert_same(path, spec, module, "joined", 1e-5)
    assert lint(path).passed


@pytest.mark.slow
def test_the_same_network_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    first = converted(small(), tmp_path)
    again = tmp_path / "again"
    again.mkdir()
    code = (
        "import sys; from pathlib import Path; from tests.convert.test_tflite import converted, small;"
        "converted(small(), Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(again)], check=True)
    assert (again / first.name).read_bytes() == first.read_bytes()


@pytest.mark.slow
def test_metadata_and_labels_are_in_the_file(tmp_path: Path) -> None:
    spec, module = small()
    path = converted((spec, module), tmp_path)
    model = flatbuffer.read(path)
    entries = {entry.name.decode(): bytes(model.buffers[entry.buffer].data) for entry in model.metadata}
    assert entries == {metadata.NAME: metadata.metadata(spec, "joined")}
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["predictions.txt"]


@pytest.mark.slow
def test_litert_torch_is_as_before_afterwards(tmp_path: Path) -> None:
    from litert_torch import fx_infra
    from litert_torch._convert.fx_passes.optimize_layout_transposes_pass import layout_rewrite

    prelu = torch.ops.aten._prelu_kernel.default
    converted(small(), tmp_path)
    assert torch.ops.aten.constant_pad_nd.default not in layout_rewrite.rewriters
    assert prelu in fx_infra.decomp.pre_convert_decomp()


def test_an_unknown_variant_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown graph variant") as caught:
        variants.variant("stage-paddin")
    assert "Did you mean stage-padding?" in caught.value.hint


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("name", sorted(REAL))
def test_a_released_network_becomes_a_lean_graph_for_the_gpu(name: str, tmp_path: Path) -> None:
    spec, module = real(name)
    path = converted((spec, module), tmp_path)
    assert_same(path, spec, module, "joined", 1e-4)
    ops, _, _ = tflite.describe(path)
    assert sum(ops.values()) <= REAL[name]
    assert not {"TRANSPOSE", "DENSIFY", "RELU", "DEQUANTIZE"} & ops.keys()
    assert path.stat().st_size <= 1.05 * spec.released.bytes
    assert lint(path).passed
    assert not spatial_pads(path)


def spatial_pads(path: Path) -> list[str]:
    """Return the PADs that pad another axis than the channels."""
    model = flatbuffer.read(path)
    (graph,) = model.subgraphs
    found = []
    for operator in graph.operators:
        if flatbuffer.operation(model, operator) == "PAD":
            paddings = flatbuffer.constant(model, graph, operator.inputs[1])
            assert paddings is not None
            if paddings[:3].any():
                found.append(graph.tensors[operator.outputs[0]].name.decode())
    return found


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_a_conversion_takes_little_memory(tmp_path: Path) -> None:
    # VmHWM and not ru_maxrss: the latter starts at what this process, which forks, holds.
    code = (
        "import sys; from pathlib import Path; from tests.convert.test_tflite import converted, real;"
        "converted(real('blazeface-front'), Path(sys.argv[1]));"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    )
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], check=True, stdout=subprocess.PIPE
    )
    assert int(made.stdout.split()[-1]) < 1.2 * 2**20
