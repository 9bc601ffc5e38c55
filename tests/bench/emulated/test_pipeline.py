"""A tracker's frames on an emulated device's GPU: the landmarks are the reference's, within what half floats allow."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from sdkgen.backends.litert import LiteRtBackend
from sdkgen.bench.devices import emulator
from sdkgen.bench.devices.transport import open_device
from sdkgen.bench.plan import Settings
from sdkgen.bench.runners import pipeline
from sdkgen.bench.runners.programs import LiteRtRunner
from sdkgen.bench.sessions.workspace import open_workspace
from sdkgen.convert import convert
from sdkgen.spec.registry import load_model
from sdkgen.tracking.tracker import FaceTracker


@pytest.mark.slow
def test_the_gpu_follows_the_face_as_the_reference_does(workplace: Path, tmp_path: Path) -> None:  # noqa: ARG001
    detector, landmarker = load_model("blazeface-front"), load_model("face-landmark")
    files = (convert(detector, "tflite").path, convert(landmarker, "tflite").path)
    worst = pipeline.cells(detector, landmarker, files, "gpu", 1, fp32=False)[-1]
    serial = emulator.start("birch").serial
    assert serial is not None
    with closing(open_device(serial)) as phone:
        made = open_workspace(phone, LiteRtRunner())
        made.bring([worst])
        folder = f"{made.root}/by-hand"
        place = made.place(worst, folder)
        command = made.runner.command(worst, Settings(runs=2, warmup_seconds=0), place, made.program)
        home = f"mkdir -p {folder}/cache; export HOME={folder} XDG_RUNTIME_DIR={folder} LD_LIBRARY_PATH={made.kit}"
        done = phone.shell(f"{home}; {command} --dump {folder}/dump; code=$?; cat {folder}/log >&2; exit $code", 120)
        assert done.exit_code == 0, done.stderr
        phone.pull(f"{folder}/dump", tmp_path / "dump")
        phone.shell(f"rm -rf {folder}")
    said = json.loads((tmp_path / "dump").read_text())
    backends = LiteRtBackend(files[0], detector), LiteRtBackend(files[1], landmarker)
    image = pipeline.frame()
    (face,) = FaceTracker((detector, backends[0]), (landmarker, backends[1])).update(image, 0.0).faces
    height, width = image.shape[:2]
    apart = np.abs(np.asarray(said["landmarks"]) - face.landmarks * [width, height, width])
    assert apart[:, :2].max() < 0.005 * width
    assert said["score"] == pytest.approx(face.score, abs=0.01)
