"""Core AI assets on Apple's own runtime: what they compute, that faults are seen, and that their bytes never vary."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("coreai_torch", reason="needs the extra coreai", exc_type=ImportError)

from sdkgen.artifact import Precision
from sdkgen.backends.coreai import CoreAiBackend
from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.convert import coreai
from sdkgen.detection.layout import split
from sdkgen.detection.preprocess import letterboxed
from sdkgen.errors import BackendError, ConvertError
from sdkgen.files import sha256_path
from sdkgen.network import load
from sdkgen.parity.compare import Subject, compare, reference
from sdkgen.parity.inputs import photographs
from sdkgen.parity.run import inputs_of
from sdkgen.spec.registry import load_model
from tests.photographs import astronaut

NAMES = ["blazeface-front", "face-landmark"]
SHARES: dict[Precision, float] = {"fp32": 1e-4, "fp16": 1e-2}
_CONVERT = """
import sys; from pathlib import Path
from sdkgen.convert import coreai; from sdkgen.network import load; from sdkgen.spec.registry import load_model
spec = load_model("blazeface-front")
coreai.convert(load(spec), spec, Path(sys.argv[1]), precision="fp32", layout="joined")
"""


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", NAMES)
def test_asset_computes_what_torch_does_and_faults_are_seen(name: str, precision: Precision, tmp_path: Path) -> None:
    spec = load_model(name)
    network = load(spec)
    coreai.convert(network, spec, tmp_path / "x.aimodel", precision=precision, layout="joined")
    image = letterboxed(astronaut(), spec.input)
    wanted = TorchBackend(network, spec).run(image)
    backend = CoreAiBackend(tmp_path / "x.aimodel", spec)

    def share(fed: np.ndarray) -> float:
        found = split(backend.run(fed), spec)
        return max(float(np.abs(found[k] - v).max()) / max(float(np.ptp(v)), 1.0) for k, v in wanted.items())

    try:
        right, channels, scale = share(image), share(image[..., ::-1]), share(image * 0.5)
    finally:
        backend.close()
    assert right <= SHARES[precision]
    assert min(channels, scale) > SHARES[precision]


def without_padding(network: Any) -> None:
    """Compute a convolution without its border, and fill the border with zeros to keep the shape."""
    from torch.nn import functional

    layer = network.stages[1][1].depthwise
    layer.padding = (0, 0)
    layer.register_forward_hook(lambda _module, _inputs, y: functional.pad(y, (1, 1, 1, 1)))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_apples_runtime_shows_a_missing_pad_down_to_the_faces(precision: Precision, tmp_path: Path) -> None:
    spec = load_model("blazeface-front")
    inputs = inputs_of(spec, photographs(), spec)
    inputs = [inputs[0], inputs[2]]  # noise, and the photograph as it is
    against = [reference("torch", TorchBackend(load(spec), spec), inputs)]
    subject = Subject("coreai", precision, "joined", "coreai")
    found: dict[str, list[str]] = {}
    for name in ("sound", "broken"):
        network = load(spec)
        if name == "broken":
            without_padding(network)
        coreai.convert(network, spec, tmp_path / f"{name}.aimodel", precision=precision, layout="joined")
        with closing(CoreAiBackend(tmp_path / f"{name}.aimodel", spec)) as backend:
            (comparison,) = compare(subject, backend, against, inputs, spec)
        found[name] = list(comparison.failures)
        assert comparison.faces is not None
        assert comparison.faces.count >= 1
    assert found["sound"] == []
    assert any("tensor 'scores'" in failure for failure in found["broken"])
    if precision == "fp32":  # a face moves, by less than half's arithmetic may move it
        assert any(": a face differs" in failure for failure in found["broken"])


def test_there_is_one_layout(tmp_path: Path) -> None:
    spec = load_model("blazeface-front")
    with pytest.raises(ConvertError, match="one output"):
        coreai.convert(load(spec), spec, tmp_path / "x.aimodel", precision="fp32", layout="standard")


@pytest.mark.parametrize(("package", "version"), [("coreai-torch", "0.4.0"), ("coreai-core", "1.0.0b2")])
def test_a_converter_whose_assets_are_refused_is_named(
    package: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"coreai-torch": "0.4.3", "coreai-core": "1.0.0b3", package: version}
    monkeypatch.setattr(coreai, "tool_versions", lambda *_: versions)
    spec = load_model("blazeface-front")
    with pytest.raises(ConvertError, match=f"{package} {version} writes assets that later betas") as caught:
        coreai.convert(load(spec), spec, tmp_path / "x.aimodel", precision="fp32", layout="joined")
    assert caught.value.reference == "old-converter"


def test_bytes_do_not_depend_on_the_process_and_the_hash_agrees(tmp_path: Path) -> None:
    for number in "12":
        command = [sys.executable, "-c", _CONVERT, str(tmp_path / number)]
        subprocess.run(command, check=True, capture_output=True)
    assert sha256_path(tmp_path / "1") == sha256_path(tmp_path / "2")
    assert coreai.describe(tmp_path / "1")[0]["conv2d"] == 35
    (tmp_path / "1" / "main.hash").write_bytes(bytes(32))
    with pytest.raises(BackendError, match="hash"):
        coreai.describe(tmp_path / "1")


@pytest.mark.filterwarnings("ignore")  # coreai-torch and torch about their own internals
def test_a_convolution_in_half_is_rounded_before_its_bias_is_added_and_after(tmp_path: Path) -> None:
    """Why Core AI's float16 is off by more than that of a Core ML convolution, which holds its bias."""
    import torch
    from coreai_torch import TorchConverter, get_decomp_table

    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(3, 24, 5, padding=2)

    class Half(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = convolution.half().requires_grad_(False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.inner(x.half()).float()
            return found

    image = torch.randn(1, 3, 16, 16)
    program = torch.export.export(Half(), (image,)).run_decompositions(get_decomp_table())
    converter = TorchConverter()
    converter.add_exported_program(program, input_names=["image"], output_names=["y"])
    converter.to_coreai().save_asset(tmp_path / "x.aimodel")
    front = load_model("blazeface-front")
    spec = front.model_copy(update={"input": front.input.model_copy(update={"width": 16, "height": 16})})
    with closing(CoreAiBackend(tmp_path / "x.aimodel", spec)) as backend:
        found = backend.run(image.permute(0, 2, 3, 1).numpy())["y"]
    assert convolution.bias is not None
    sums = torch.nn.functional.conv2d(image.half().double(), convolution.weight.double(), padding=2)
    bias = convolution.bias.reshape(1, -1, 1, 1)
    once, twice = (sums + bias).half(), sums.half() + bias
    equal = [float(np.mean(found == wanted.float().numpy())) for wanted in (once, twice)]
    assert equal[0] < 0.9
    assert equal[1] > 0.99
