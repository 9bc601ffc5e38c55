"""Reading packages: what they hold, and what damaged ones lead to."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sdkgen.artifact import TensorRecord
from sdkgen.backends.mil.package import Ref, read
from sdkgen.errors import BackendError
from tests.backends.mil_programs import noise, save

WEIGHT = noise(8, 3, 5, 5)
MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("package"), (1, 3, 8, 8), lambda mb, x: mb.conv(x=x, weight=WEIGHT, name="y"))


def test_constants_come_from_the_weight_file(package: Path) -> None:
    program = read(package)
    (conv,) = program.operations
    np.testing.assert_array_equal(np.asarray(conv.inputs["weight"]), WEIGHT)
    assert conv.inputs["x"] == Ref("x")
    assert conv.inputs["pad_type"] == "valid"
    assert (conv.type, conv.outputs, conv.shapes) == ("conv", ("y",), ((1, 8, 4, 4),))
    assert program.inputs == (TensorRecord(name="x", shape=(1, 3, 8, 8), dtype="float32"),)
    assert program.outputs == (TensorRecord(name="y", shape=(1, 8, 4, 4), dtype="float32"),)


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _make_file(package: Path) -> None:
    shutil.rmtree(package)
    package.write_text("no package")


def _point_outside(package: Path) -> None:
    manifest = json.loads((package / "Manifest.json").read_text())
    manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"] = "../../outside.mlmodel"
    (package / "Manifest.json").write_text(json.dumps(manifest))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no manifest": lambda p: (p / "Manifest.json").unlink(),
    "manifest is no JSON": lambda p: (p / "Manifest.json").write_text("{"),
    "manifest is a list": lambda p: (p / "Manifest.json").write_text("[]"),
    "manifest points outside": _point_outside,
    "truncated model": lambda p: _truncate(p / MODEL),
    "empty model": lambda p: (p / MODEL).write_bytes(b""),
    "truncated weights": lambda p: _truncate(p / WEIGHTS),
    "weights of another file": lambda p: (p / WEIGHTS).write_bytes(bytes(4096)),
    "no weights": lambda p: (p / WEIGHTS).unlink(),
    "not a folder": _make_file,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_package_is_refused(damage: str, package: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(package, tmp_path / "copy.mlpackage")
    DAMAGE[damage](copy)
    with pytest.raises(BackendError) as caught:
        read(copy)
    assert caught.value.reference == "bad-artifact"
    assert caught.value.context == str(copy)


def test_reading_loads_neither_torch_nor_the_converters(package: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sdkgen.backends.mil.package import read\n"
        f"read(Path({str(package)!r}))\n"
        "loaded = {'torch', 'coremltools'} & set(sys.modules); assert not loaded, loaded\n"
        "from coremltools.proto import Model_pb2\n"
        f"read(Path({str(package)!r}))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
