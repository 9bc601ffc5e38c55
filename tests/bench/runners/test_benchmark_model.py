"""TFLite's own tool: what it prints is read strictly."""

from __future__ import annotations

import pytest

from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Settings
from sdkgen.bench.runners import benchmark_model
from tests.bench.recordings import cell

OUTPUT = """INFO: STARTING!
INFO: Graph: [/data/local/tmp/model.tflite]
INFO: Use gpu: [1]
INFO: Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.
INFO: The input model file size (MB): 0.229032
INFO: Initialized session in 812.4ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=120 first=5210 curr=4010 min=3900 max=5210 avg=4100.5 std=88
INFO: Running benchmark for at least 200 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=200 first=3990 curr=3985 min=3900 max=4300 avg=3980.25 std=41 p5=3910 median=3977 p95=4090
INFO: Inference timings in us: Init: 812400, First inference: 5210, Warmup (avg): 4100.5, Inference (avg): 3980.25
INFO: Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE
INFO: Memory footprint delta from the start of the tool (MB): init=40.5 overall=41.5
"""


def test_the_lines_that_matter_are_read() -> None:
    found = benchmark_model.parse(OUTPUT, cell("gpu"), Settings())
    assert found.complete
    assert found.init is not None
    assert found.init.cold_ns == 812_400_000
    assert found.first is not None
    assert found.first.total_ns == 5_210_000
    assert found.summary is not None
    assert (found.summary.runs, found.summary.mean_ns, found.summary.median_ns) == (200, 3_980_250, 3_977_000)
    assert found.summary.p95_ns == 4_090_000
    assert found.placement is not None
    assert found.placement.full
    assert found.end is not None
    assert found.end.peak_kib == round(41.5 * 1024)
    assert found.samples == ()


def test_percentiles_are_optional() -> None:
    found = benchmark_model.parse(OUTPUT.replace(" p5=3910 median=3977 p95=4090", ""), cell("gpu"), Settings())
    assert found.summary is not None
    assert found.summary.median_ns is None


@pytest.mark.parametrize(
    "delegates",
    [
        "INFO: Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate w/ 2 "
        "delegate kernels.",
        "INFO: Though the GPU delegate is explicitly applied, the model graph will not be executed by the delegate.",
    ],
)
def test_a_model_that_is_not_wholly_on_the_gpu_is_not_full(delegates: str) -> None:
    lines = [delegates if "completely" in line else line for line in OUTPUT.splitlines()]
    found = benchmark_model.parse("\n".join(lines) + "\n", cell("gpu"), Settings())
    assert found.placement is not None
    assert not found.placement.full


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda text: text.replace("Initialized session", "Initialised session"),
        lambda text: text.replace("INFO: count=120", "INFO: num=120"),
        lambda text: text.replace("avg=3980.25", "avg=fast"),
        lambda text: text.replace("std=41 ", ""),
        lambda text: text.replace("Inference (avg): 3980.25", "Inference (avg): -"),
        lambda text: text + text,
        lambda text: text[: text.index("INFO: Inference timings")],
    ],
)
def test_anything_else_is_garbage(damage) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DeviceError) as caught:
        benchmark_model.parse(damage(OUTPUT), cell("gpu"), Settings())
    assert caught.value.reference == "runner-garbage"


def test_the_command_asks_for_what_was_asked_for() -> None:
    settings = Settings(runs=50, paced=30.0, warmup_seconds=1.5)
    options = benchmark_model.arguments(cell("gpu"), settings, "/data/m.tflite")
    assert "--graph=/data/m.tflite" in options
    assert "--num_runs=50" in options
    assert "--use_gpu=true" in options
    assert "--gpu_precision_loss_allowed=true" in options
    assert "--run_frequency=30" in options
    assert not [option for option in benchmark_model.arguments(cell("cpu"), settings, "m") if "gpu" in option]
