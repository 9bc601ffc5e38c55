"""A tracker's frames on the device: the runner's faces are the reference's, and their rows stand beside the models'."""

from __future__ import annotations

import importlib.util
import json
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from sdkgen.artifact import Layout
from sdkgen.backends.litert import LiteRtBackend
from sdkgen.bench.plan import Cell, Settings
from sdkgen.bench.protocol import Place
from sdkgen.bench.runners import pipeline
from sdkgen.bench.runners.build import runner_files, target_of
from sdkgen.bench.runners.programs import BenchmarkModel, LiteRtRunner
from sdkgen.bench.samples import parse
from sdkgen.convert import convert
from sdkgen.detection.pipeline import detect
from sdkgen.detection.types import Options, Roi
from sdkgen.errors import UsageError
from sdkgen.spec.registry import load_model
from sdkgen.tracking.tracker import FaceTracker
from tests.conftest import Run
from tests.toolchains import require
from tests.tracking.sequences import blocked

DETECTOR, LANDMARKER = load_model("blazeface-front"), load_model("face-landmark")
RUNS = 4

Backends: TypeAlias = tuple[LiteRtBackend, LiteRtBackend]
Numbers: TypeAlias = NDArray[np.float64]


@pytest.fixture(scope="module")
def files() -> tuple[Path, Path]:
    return convert(DETECTOR, "tflite").path, convert(LANDMARKER, "tflite").path


@pytest.fixture(scope="module")
def backends(files: tuple[Path, Path]) -> Backends:
    return LiteRtBackend(files[0], DETECTOR), LiteRtBackend(files[1], LANDMARKER)


@pytest.fixture(scope="module")
def kit() -> Mapping[str, Path]:
    require("ziglang", importlib.util.find_spec("ziglang"), "pip install 'sdkgen[bench]'")
    return runner_files(target_of("linux", platform.machine()))


def cells(files: tuple[Path, Path]) -> list[Cell]:
    return pipeline.cells(DETECTOR, LANDMARKER, files, "cpu", 1, fp32=False)


def beyond(edge: str) -> NDArray[np.uint8]:
    """Return the frame moved so that the face is whole, but the crop around it reaches beyond an edge."""
    x, y = {"left": (-400, 0), "right": (560, 0), "top": (0, -170), "bottom": (0, 190)}[edge]
    return np.roll(pipeline.frame(), (y, x), (0, 1))


def reaches_beyond(roi: Roi, width: int, height: int) -> bool:
    half = max(roi.size) / 2
    return any(at < half or at > extent - half for at, extent in zip(roi.center, (width, height), strict=True))


def test_the_rows_are_both_models_and_both_kinds_of_frames(files: tuple[Path, Path]) -> None:
    made = cells(files)
    assert [cell.model for cell in made] == [
        "blazeface-front",
        "face-landmark",
        "track-steady blazeface-front",
        "track-worst blazeface-front",
    ]
    assert len({cell.sha256 for cell in made}) == 3
    assert [len(cell.files) for cell in made] == [1, 1, 4, 4]


def test_the_description_holds_the_models_numbers() -> None:
    lines = pipeline.describe(DETECTOR, LANDMARKER).splitlines()
    assert "detector 128 128 -1.0 1.0" in lines
    assert "landmarker 192 192 0.0 1.0" in lines
    assert [line for line in lines if line.startswith("grid")] == ["grid 16 16 2", "grid 8 8 6"]


def test_the_official_tool_times_no_pipeline(files: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="single model"):
        BenchmarkModel(Path("x")).inputs(cells(files)[-1])


@pytest.mark.slow
class TestOnThisMachine:
    def dump(self, kit: Mapping[str, Path], cell: Cell, folder: Path, **changed: object) -> dict[str, Numbers]:
        """Run the runner on ``cell`` without warm-up, and return what it says about the last frame."""
        program, library = kit["sdkgen-runner"], kit["libLiteRt.so"].parent
        place = Place(str(program.parent), tuple(map(str, LiteRtRunner().inputs(cell))), str(folder))
        command = LiteRtRunner().command(cell, Settings(runs=RUNS, warmup_seconds=0, limit=100), place, program.name)
        # The last of an option counts.
        command += f" --library {library} --dump {folder}/dump"
        command += "".join(f" --{name} {value}" for name, value in changed.items())
        done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
        found = parse((folder / "out.jsonl").read_bytes())
        assert done.returncode == 0, found.failure
        assert found.complete
        assert all(one.run_ns is not None and 0 < one.run_ns < one.total_ns for one in found.samples)
        return {name: np.asarray(value) for name, value in json.loads((folder / "dump").read_text()).items()}

    @pytest.mark.parametrize("layout", ["joined", "standard"])
    def test_the_worst_frame_holds_what_the_reference_finds(
        self, kit: Mapping[str, Path], backends: Backends, files: tuple[Path, Path], tmp_path: Path, layout: Layout
    ) -> None:
        detector = convert(DETECTOR, "tflite", layout=layout).path
        said = self.dump(kit, cells((detector, files[1]))[-1], tmp_path)
        image = pipeline.frame()
        height, width = image.shape[:2]
        (face, *_) = detect(image, backends[0], DETECTOR)
        assert said["score"] == pytest.approx(face.score, abs=1e-4)
        assert said["box"] == pytest.approx(np.asarray(face.box) * [width, height, width, height], abs=0.1)
        assert said["keypoints"] == pytest.approx(face.keypoints * [width, height], abs=0.1)
        tracked = FaceTracker((DETECTOR, backends[0]), (LANDMARKER, backends[1])).update(image, 0.0).faces[0]
        self.agree(said, tracked.landmarks * [width, height, width], tracked.presence, width)

    def test_steady_frames_follow_the_face_as_the_reference_does(
        self, kit: Mapping[str, Path], backends: Backends, files: tuple[Path, Path], tmp_path: Path
    ) -> None:
        said = self.dump(kit, cells(files)[-2], tmp_path)
        image = pipeline.frame()
        height, width = image.shape[:2]
        tracker = FaceTracker((DETECTOR, backends[0]), (LANDMARKER, backends[1]))
        # One frame before the timed ones: the first run, in which the detector finds the face.
        (face,) = [tracker.update(image, float(second)) for second in range(RUNS + 1)][-1].faces
        assert tracker.detector_runs == 1
        assert said["center"] == pytest.approx(np.asarray(face.roi.center), abs=0.2)
        assert np.degrees(said["radians"]) == pytest.approx(face.roi.rotation_degrees, abs=0.05)
        self.agree(said, face.landmarks * [width, height, width], face.presence, width)

    def test_point_sampling_is_the_reference_s_too_and_has_rows_of_its_own(
        self, kit: Mapping[str, Path], backends: Backends, files: tuple[Path, Path], tmp_path: Path
    ) -> None:
        cell = pipeline.cells(DETECTOR, LANDMARKER, files, "cpu", 1, fp32=False, sampling="point")[-1]
        assert cell.model == "track-worst blazeface-front, point sampling"
        image = pipeline.frame()
        height, width = image.shape[:2]
        options = Options.of(DETECTOR.detector, sampling="point")
        tracker = FaceTracker((DETECTOR, backends[0]), (LANDMARKER, backends[1]), options=options)
        (face,) = tracker.update(image, 0.0).faces
        said = self.dump(kit, cell, tmp_path)
        self.agree(said, face.landmarks * [width, height, width], face.presence, width)
        (averaged,) = FaceTracker((DETECTOR, backends[0]), (LANDMARKER, backends[1])).update(image, 0.0).faces
        assert np.abs(averaged.landmarks - face.landmarks).max() > 1e-4

    @pytest.mark.parametrize("edge", ["left", "right", "top", "bottom"])
    def test_a_face_at_the_images_edge_is_cropped_as_the_reference_does(
        self, kit: Mapping[str, Path], backends: Backends, files: tuple[Path, Path], tmp_path: Path, edge: str
    ) -> None:
        image = beyond(edge)
        height, width = image.shape[:2]
        (tmp_path / "frame").write_bytes(image.tobytes())
        tracker = FaceTracker((DETECTOR, backends[0]), (LANDMARKER, backends[1]))
        (worst,) = tracker.update(image, 0.0).faces
        (steady,) = [tracker.update(image, float(second)) for second in range(1, RUNS + 1)][-1].faces
        assert reaches_beyond(worst.roi, width, height)
        assert reaches_beyond(steady.roi, width, height)
        for cell, face in zip(cells(files)[-2:], (steady, worst), strict=True):
            said = self.dump(kit, cell, tmp_path, frame=tmp_path / "frame")
            assert said["center"] == pytest.approx(np.asarray(face.roi.center), abs=0.2)
            self.agree(said, face.landmarks * [width, height, width], face.presence, width)

    def test_what_only_looks_like_a_face_is_refused_as_the_reference_does(
        self, kit: Mapping[str, Path], backends: Backends, files: tuple[Path, Path], tmp_path: Path
    ) -> None:
        image = blocked()
        height, width = image.shape[:2]
        (tmp_path / "frame").write_bytes(image.tobytes())
        (face,) = FaceTracker((DETECTOR, backends[0]), (LANDMARKER, backends[1])).update(image, 0.0).faces
        said = self.dump(kit, cells(files)[-1], tmp_path, frame=tmp_path / "frame")
        assert said["center"] == pytest.approx(np.asarray(face.roi.center), abs=0.2)
        self.agree(said, face.landmarks * [width, height, width], face.presence, width)

    def agree(self, said: dict[str, Numbers], landmarks: Numbers, presence: float, width: int) -> None:
        assert said["landmarks"].shape == (468, 3)
        assert said["presence"] == pytest.approx(presence, abs=1e-3)
        assert np.abs(said["landmarks"] - landmarks).max() < 5e-4 * width

    def test_a_frame_without_a_face_and_a_faulty_description_are_named(
        self, kit: Mapping[str, Path], files: tuple[Path, Path], tmp_path: Path
    ) -> None:
        (tmp_path / "grey").write_bytes(bytes([128]) * (pipeline.WIDTH * pipeline.HEIGHT * 3))
        (tmp_path / "bad").write_text("frame 10\n")
        cell = cells(files)[-1]
        for changed, reference in (({"frame": tmp_path / "grey"}, "no-face"), ({"pipeline": tmp_path / "bad"}, "bad-")):
            with pytest.raises(AssertionError, match=reference):
                self.dump(kit, cell, tmp_path, **changed)

    def test_a_bench_of_the_pipeline_gives_four_rows(self, run: Run, tmp_path: Path) -> None:
        more = [
            "--backend",
            "cpu",
            "--sessions",
            1,
            "--runs",
            3,
            "--warmup",
            0,
            "--store",
            tmp_path / "store",
            "--json",
        ]
        done = run("bench", "--device", "local", "--pipeline", "track", *more, timeout=300)
        assert done.returncode == 0, done.stderr
        rows = {cell["model"]: cell for cell in json.loads(done.stdout)["cells"]}
        assert len(rows) == 4
        steady, worst = rows["track-steady blazeface-front"], rows["track-worst blazeface-front"]
        assert steady["ops"] == worst["ops"] == rows["blazeface-front"]["ops"] + rows["face-landmark"]["ops"]


def test_a_pipeline_takes_no_files_and_only_detectors(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(b"")
    done = run("bench", "--device", "local", "--pipeline", "track", "--artifact", tmp_path / "a.tflite")
    assert done.returncode == 2
    assert "--model" in done.stderr
    done = run("bench", "--device", "local", "--sampling", "point")
    assert done.returncode == 2
    assert "--pipeline track" in done.stderr
    done = run("bench", "--device", "local", "--pipeline", "track", "--model", "face-landmark")
    assert done.returncode == 2
    assert "not-a-detector" in done.stderr
