"""What is refused as a Core AI asset, and that damage ends a process of its own and not ours."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from sdkgen.artifact import tool_versions
from sdkgen.backends import coreai
from sdkgen.backends.coreai import CoreAiBackend, check_asset, describe, is_older
from sdkgen.errors import BackendError, MissingExtraError
from sdkgen.spec.registry import load_model

FRONT = load_model("blazeface-front")


def asset(folder: Path, program: bytes = b"no program", producer: str = "coreai-core 1.0.0b3") -> Path:
    """Make a folder that looks like an asset from outside."""
    path = folder / "x.aimodel"
    path.mkdir()
    (path / "main.mlirb").write_bytes(program)
    (path / "main.hash").write_bytes(hashlib.sha256(program).digest())
    (path / "metadata.json").write_text(json.dumps({"producer": producer}))
    return path


@pytest.mark.parametrize(
    ("version", "older"),
    [
        ("coreai-core 1.0.0b2", True),
        ("coreai-core 1.0.0b3", False),
        ("coreai-core 1.0.0b10", False),
        ("coreai-core 1.0.0", False),
        ("coreai-core 0.9.0", True),
        ("coreai-core 1.0.1", False),
        ("somebody's tool", True),
    ],
)
def test_older_tools_are_known_by_their_version(version: str, older: bool) -> None:
    assert is_older(version, "1.0.0b3") == older


def test_a_folder_that_is_no_asset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="no Core AI asset"):
        check_asset(tmp_path)


@pytest.mark.parametrize("content", ["[]", "{}", "{"])
def test_metadata_of_another_kind_is_refused(tmp_path: Path, content: str) -> None:
    path = asset(tmp_path)
    (path / "metadata.json").write_text(content)
    with pytest.raises(BackendError, match="no Core AI asset"):
        check_asset(path)


def test_a_program_that_is_not_the_hashed_one_is_refused(tmp_path: Path) -> None:
    path = asset(tmp_path)
    (path / "main.hash").write_bytes(bytes(32))
    with pytest.raises(BackendError, match="not that of its program"):
        check_asset(path)


def test_an_older_converter_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"made by coreai-core 1\.0\.0b1; it takes 1\.0\.0b3") as caught:
        describe(asset(tmp_path, producer="coreai-core 1.0.0b1"))
    assert "extra coreai" in caught.value.hint


@pytest.mark.parametrize("program", [b"", b"no program", bytes(4096), b"ML\xefR" + bytes(range(256)) * 16])
def test_damage_ends_the_process_of_its_own(tmp_path: Path, program: bytes) -> None:
    pytest.importorskip("coreai.runtime", reason="needs the extra coreai", exc_type=ImportError)
    with pytest.raises(BackendError):
        describe(asset(tmp_path, program))
    with pytest.raises(BackendError):
        CoreAiBackend(tmp_path / "x.aimodel", FRONT)


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Let a script stand for the process that has Core AI."""
    script = tmp_path / "worker.py"
    script.write_text(f"import json, sys\nout = sys.stdout.buffer\n{body}\n")
    monkeypatch.setattr(coreai, "_WORKER", script)
    monkeypatch.setenv("SDKGEN_COREAI_PYTHON", sys.executable)


def about(height: int = 128) -> str:
    told = {"input": [1, 3, height, 128], "outputs": [{"name": "predictions", "shape": [1, 2]}]}
    return f"out.write(json.dumps({told!r}).encode() + b'\\n'); out.flush()\n"


def test_an_asset_of_another_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, about(height=64))
    with pytest.raises(BackendError, match=r"shape \(1, 3, 64, 128\), blazeface-front one of \(1, 3, 128, 128\)"):
        CoreAiBackend(asset(tmp_path), FRONT)


def test_a_crash_in_a_run_says_what_the_process_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, about() + "sys.stdin.buffer.read(9); sys.exit('out of memory')")
    backend = CoreAiBackend(asset(tmp_path), FRONT)
    with pytest.raises(BackendError, match="out of memory"):
        for _ in range(2):
            backend.run(np.zeros((1, 128, 128, 3), np.float32))
    backend.close()


def test_a_missing_package_is_a_missing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, 'out.write(b\'{"error": "no coreai", "missing": true}\\n\')')
    with pytest.raises(MissingExtraError, match="coreai-core") as caught:
        describe(asset(tmp_path))
    assert "sdkgen[coreai]" in caught.value.hint


def test_versions_of_a_package_that_is_missing_name_its_extra() -> None:
    with pytest.raises(MissingExtraError, match="coreai-nothing") as caught:
        tool_versions("numpy", "coreai-nothing")
    assert "sdkgen[coreai]" in caught.value.hint
    with pytest.raises(MissingExtraError) as caught:
        tool_versions("litert-nothing")
    assert "sdkgen[convert]" in caught.value.hint
