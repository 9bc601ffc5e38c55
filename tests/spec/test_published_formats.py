from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest

from sdkgen.errors import SpecError
from sdkgen.spec.base import read_toml
from sdkgen.spec.published import PublishedSpec, published
from sdkgen.spec.published_formats import read_publication, write_publication

DAY = date(2026, 7, 22)

NCNN = """benchncnn measures

### A board (Cortex 1.0GHz  x 4)
```
loop_count = 4
num_threads = 1
powersave = 0
gpu_device = -1
           blazeface  min =    8.00  max =    9.50  avg =    8.25
num_threads = 4
powersave = 2
gpu_device = 0
          squeezenet  min =    1.00  max =    1.00  avg =    1.00
           blazeface  min =    1.50  max =    2.00  avg =    1.75
```

### Another, without a blazeface row
```
num_threads = 1
gpu_device = -1
          squeezenet  min =    1.00  max =    1.00  avg =    1.00
```

### A heading without a run
"""
AI_HUB = """
precisions:
  float:
    components:
      FaceDetector:
        performance_metrics:
          Samsung Galaxy S24:
            tflite: {job_status: Passed, inference_time_milliseconds: 0.398, primary_compute_unit: NPU}
            onnx: {job_status: Failed}
      FaceLandmarkDetector:
        performance_metrics:
          Samsung Galaxy S24:
            tflite: {job_status: Passed, inference_time_milliseconds: 0.12, primary_compute_unit: CPU}
"""


def test_ncnn_tells_processors_and_threads_apart(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(NCNN)
    spec = read_publication(tmp_path / "README.md", DAY)
    assert [(one.device, one.column, one.milliseconds) for one in spec.latency] == [
        ("A board (Cortex 1.0GHz x 4)", "ncnn blazeface, CPU × 1, ncnn", 8.25),
        ("A board (Cortex 1.0GHz x 4)", "ncnn blazeface, GPU, ncnn", 1.75),
    ]
    assert spec.source.date == "2026-07-22"
    assert not spec.listed


def test_ai_hub_tells_precisions_and_runtimes_apart_and_leaves_out_failures(tmp_path: Path) -> None:
    (tmp_path / "perf.yaml").write_text(AI_HUB)
    spec = read_publication(tmp_path / "perf.yaml", DAY)
    assert [(one.column, one.milliseconds) for one in spec.latency] == [
        ("MediaPipe face detector (back), NPU, tflite, float", 0.398),
        ("MediaPipe face landmarks, CPU, tflite, float", 0.12),
    ]
    assert "SM-S921U" in spec.latency[0].device_models


def test_what_is_written_is_read_again_with_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "in.md").write_text(NCNN.replace("A board", 'A "board" ✓\x07'))
    spec = read_publication(tmp_path / "in.md", DAY)
    path = write_publication(spec, tmp_path)
    assert read_toml(path, PublishedSpec) == spec
    assert tomllib.loads(path.read_text())["latency"][0]["device"] == 'A "board" ✓ (Cortex 1.0GHz x 4)'
    before = path.read_bytes()
    assert write_publication(spec, tmp_path).read_bytes() == before


@pytest.mark.parametrize(
    "text", ["", "precisions: [", "precisions: {float: 3}", "benchncnn", "&a [*a, *a]", "!!python/object:os.system {}"]
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(SpecError, match="AI Hub") as caught:
        read_publication(tmp_path / "x", DAY)
    assert caught.value.reference == "no-published-figures"


def test_the_tables_that_are_here() -> None:
    counts = {one.name: (len(one.latency), len({figure.device for figure in one.latency})) for one in published()}
    assert counts["ncnn"] == (255, 97)
    assert counts["qualcomm-ai-hub"] == (126, 14)
