"""Core AI assets on Apple's own runtime: what they compute, that faults are seen, and that their bytes never vary."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("coreai_torch", reason="needs the extra coreai", exc_type=ImportError)

from sdkgen.artifact import Precision
from sdkgen.backends.coreai import CoreAiBackend
from sdkgen.backends.torch_backend import TorchBackend
from sdkgen.convert import coreai
from sdkgen.detection.layout import split
from sdkgen.detection.preprocess import letterboxed
from sdkgen.errors import ConvertError
from sdkgen.files import sha256_path
from sdkgen.network import load
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


def test_bytes_do_not_depend_on_the_process_and_the_hash_agrees(tmp_path: Path) -> None:
    for number in "12":
        command = [sys.executable, "-c", _CONVERT, str(tmp_path / number)]
        subprocess.run(command, check=True, capture_output=True)
    assert sha256_path(tmp_path / "1") == sha256_path(tmp_path / "2")
    assert coreai.describe(tmp_path / "1")[0]["conv2d"] == 35
    (tmp_path / "1" / "main.hash").write_bytes(bytes(32))
    with pytest.raises(ConvertError, match="hash"):
        coreai.describe(tmp_path / "1")
