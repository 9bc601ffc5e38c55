from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sdkgen.backends import litert_gpu
from sdkgen.backends.litert import LiteRtBackend
from sdkgen.backends.litert_gpu import LiteRtGpuBackend
from sdkgen.detection.pipeline import detect
from sdkgen.errors import BackendError, RuntimeMissingError
from sdkgen.spec.registry import load_model
from sdkgen.weights.fetch import fetch
from tests.photographs import astronaut
from tests.toolchains import require

FRONT = load_model("blazeface-front")


@pytest.fixture(scope="module")
def gpu_python() -> str:
    from tests.debian_root import RootError
    from tests.gpu import python_command

    try:
        return python_command()
    except (RootError, subprocess.CalledProcessError, OSError) as error:
        require("a Vulkan driver", None, str(error))
        raise


@pytest.mark.vulkan
@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("enforce_f32", [True, False])
def test_agrees_with_the_cpu(gpu_python: str, monkeypatch: pytest.MonkeyPatch, enforce_f32: bool) -> None:
    monkeypatch.setenv("SDKGEN_GPU_PYTHON", gpu_python)
    gpu = LiteRtGpuBackend(fetch(FRONT), FRONT, enforce_f32=enforce_f32)
    cpu = LiteRtBackend(fetch(FRONT), FRONT, delegates=False)
    try:
        assert "Vulkan" in gpu.adapter
        (found,), (expected,) = (detect(astronaut(), backend, FRONT) for backend in (gpu, cpu))
        np.testing.assert_allclose(found.box, expected.box, atol=1e-5 if enforce_f32 else 1e-3)
        assert found.score == pytest.approx(expected.score, abs=1e-5 if enforce_f32 else 1e-2)
    finally:
        gpu.close()


def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Let a script stand for the process that has the GPU."""
    script = tmp_path / "worker.py"
    script.write_text(f"import json, sys\nout = sys.stdout.buffer\n{body}\n")
    monkeypatch.setattr(litert_gpu, "_WORKER", script)
    monkeypatch.setenv("SDKGEN_GPU_PYTHON", sys.executable)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"a model")
    return path


def test_a_refusal_tells_the_drivers_reason(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = "ERROR: [delegate.cc:359] Failed to initialize: INTERNAL: No adapters found"
    worker(tmp_path, monkeypatch, f"print({log!r}, file=sys.stderr)\nprint(json.dumps({{'error': 'ERROR: [x]'}}))")
    with pytest.raises(BackendError, match="No adapters found") as caught:
        LiteRtGpuBackend(model, FRONT)
    assert isinstance(caught.value, RuntimeMissingError)
    assert "docs/parity.md" in caught.value.hint


def test_an_artifact_that_the_gpu_takes_in_part_is_the_artifact_s_fault(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"error": "not every op runs on the GPU"}
    worker(
        tmp_path,
        monkeypatch,
        f"print('Selected adapter: Some GPU', file=sys.stderr)\nprint(json.dumps({answer!r}))",
    )
    with pytest.raises(BackendError, match="not every op") as caught:
        LiteRtGpuBackend(model, FRONT)
    assert not isinstance(caught.value, RuntimeMissingError)


def test_a_process_that_dies_is_an_error_not_a_hang(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker(tmp_path, monkeypatch, "sys.exit(1)")
    with pytest.raises(RuntimeMissingError, match="the process ended"):
        LiteRtGpuBackend(model, FRONT)
    ready = {"outputs": [{"name": "boxes", "shape": [1, 4]}], "input_bytes": 4, "takes_bytes": False}
    worker(tmp_path, monkeypatch, f"print(json.dumps({ready!r}), flush=True)\nsys.stdin.buffer.read(30)\nsys.exit(1)")
    backend = LiteRtGpuBackend(model, FRONT)
    with pytest.raises(BackendError, match="the process ended") as caught:
        backend.run(np.zeros((1, 128, 128, 3), np.float32))
    assert not isinstance(caught.value, RuntimeMissingError)
    backend.close()


def test_a_driver_that_hangs_is_given_up(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert_gpu, "_PATIENCE_S", 0.2)
    worker(tmp_path, monkeypatch, "sys.stdin.buffer.read()")
    with pytest.raises(BackendError, match="no answer"):
        LiteRtGpuBackend(model, FRONT)


def test_outputs_arrive_by_name_and_shape(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = {
        "outputs": [{"name": "regressors", "shape": [1, 2]}, {"name": "other", "shape": [1]}],
        "input_bytes": 4,
        "takes_bytes": False,
    }
    body = (
        f"print(json.dumps({ready!r}), flush=True)\n"
        "print('Selected adapter: Some GPU, backend=Vulkan', file=sys.stderr, flush=True)\n"
        "import struct\n"
        "n, _ = struct.unpack('<QQ', sys.stdin.buffer.read(16)); sys.stdin.buffer.read(n)\n"
        "while data := sys.stdin.buffer.read(4):\n"
        "    out.write(data * 3); out.flush()\n"
    )
    worker(tmp_path, monkeypatch, body)
    backend = LiteRtGpuBackend(model, FRONT)
    outputs = backend.run(np.array([2.5], np.float32))
    np.testing.assert_array_equal(outputs["boxes"], [[2.5, 2.5]])  # the released name is the spec's
    np.testing.assert_array_equal(outputs["other"], [2.5])
    backend.close()


def test_a_model_that_takes_bytes_is_given_bytes(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = {"outputs": [{"name": "other", "shape": [1]}], "input_bytes": 3, "takes_bytes": True}
    body = (
        f"print(json.dumps({ready!r}), flush=True)\n"
        "import struct\n"
        "n, _ = struct.unpack('<QQ', sys.stdin.buffer.read(16)); sys.stdin.buffer.read(n)\n"
        "while data := sys.stdin.buffer.read(3):\n"
        "    out.write(struct.pack('<f', data[0] + data[1] / 1000 + data[2] / 1e6)); out.flush()\n"
    )
    worker(tmp_path, monkeypatch, body)
    backend = LiteRtGpuBackend(model, FRONT)
    # 0.004 is nearer to byte 128 than to 127; what is out of range is brought into it.
    outputs = backend.run(np.array([-1.0, 0.004, 7.0], np.float32))
    np.testing.assert_allclose(outputs["other"], [0 + 0.128 + 255e-6], rtol=1e-6)
    backend.close()
