"""Reading what others publish, in their own files, into devices/published/*.toml: ncnn's table and Qualcomm AI Hub's.

Facts alone are taken: device, network, processor, precision and milliseconds. Whose they are stands in each file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from sdkgen.errors import MissingExtraError, SpecError
from sdkgen.files import whole_file
from sdkgen.spec.published import LatencyFigure, PublishedSpec, SourceSpec, published

_LARGEST = 16 << 20
"""Files of publications are text of some hundred kilobytes."""

_HEADING = re.compile(r"^### +(.+?) *$", re.M)
_RUN = re.compile(r"^num_threads = (\d+)$.*?^gpu_device = (-?\d+)$", re.M | re.S)
_BLAZEFACE = re.compile(r"^ *blazeface +min = +[\d.]+ +max = +[\d.]+ +avg = +([\d.]+)", re.M)
_UNITS = {"NPU": "npu", "GPU": "gpu", "CPU": "cpu"}


def read_publication(path: Path, day: date) -> PublishedSpec:
    """Return the figures in a file of ncnn's (benchmark/README.md) or AI Hub's (mediapipe_face/perf.yaml).

    ``day`` is the day of the publication, or of the look at it.

    Raises ``SpecError`` if it is neither or holds no figures of a BlazeFace, ``MissingExtraError`` without PyYAML.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise SpecError(
                "the file is too large for a table", context=str(path), hint="Give ncnn's or AI Hub's file."
            )
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot be read: {error}", context=str(path), hint="Check the path and encoding.") from error
    name, title, note, source, figures = _ncnn(text) if "benchncnn" in text else _ai_hub(path, text)
    if not figures:
        raise SpecError(
            "there are no figures of a BlazeFace in it",
            context=str(path),
            hint="Give ncnn's benchmark/README.md, or AI Hub's mediapipe_face/perf.yaml.",
            reference="no-published-figures",
        )
    return PublishedSpec(
        schema=1,
        name=name,
        title=title,
        note=note,
        listed=False,
        source=source.model_copy(update={"date": day.isoformat()}),
        latency=tuple(figure.model_copy(update={"device_models": _models(figure.device)}) for figure in figures),
    )


def _models(device: str) -> tuple[str, ...]:
    """Return what the tables that are there already say of the names by which ``device`` gives itself."""
    figures = (figure for one in published() for figure in one.latency)
    return next((figure.device_models for figure in figures if figure.device == device and figure.device_models), ())


def write_publication(spec: PublishedSpec, folder: Path) -> Path:
    """Write the table to ``folder``, a figure a line, and return its path; the same figures give the same bytes."""

    def text(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    def fields(one: Any) -> Iterator[str]:
        for key, value in one.model_dump(mode="json", exclude_defaults=True).items():
            yield f"{key} = {text(value)}"

    path = folder / f"{spec.name}.toml"
    head = [
        f"{key} = {text(value)}" for key, value in (("name", spec.name), ("title", spec.title), ("note", spec.note))
    ]
    rows = [f"  {{{', '.join(fields(figure))}}}," for figure in spec.latency]
    lines = [
        "schema = 1",
        *head,
        f"listed = {text(spec.listed)}",
        "latency = [",
        *rows,
        "]",
        "",
        "[source]",
        *fields(spec.source),
    ]
    with whole_file(path) as work:
        work.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _ncnn(text: str) -> tuple[str, str, str, SourceSpec, list[LatencyFigure]]:
    figures: list[LatencyFigure] = []
    parts = _HEADING.split(text)[1:]
    for device, body in zip(parts[::2], parts[1::2], strict=True):
        runs = [(found.start(), int(found[1]), int(found[2])) for found in _RUN.finditer(body)]
        ends = [*(start for start, *_ in runs[1:]), len(body)]
        for (start, threads, gpu), end in zip(runs, ends, strict=False):
            if found := _BLAZEFACE.search(body, start, end):
                figures.append(
                    LatencyFigure(
                        device=_shorten(device),
                        network="ncnn blazeface",
                        backend="cpu" if gpu < 0 else "gpu",
                        milliseconds=float(found[1]),
                        runtime="ncnn",
                        threads=threads if gpu < 0 else None,
                    )
                )
    note = (
        "ncnn's own BlazeFace graph with random weights, mean of a loop of runs, without pre- and post-processing; "
        "GPU figures over Vulkan. Several figures of one device differ in threads or in the GPU that was chosen."
    )
    source = SourceSpec(
        title="benchncnn",
        author="ncnn's contributors",
        reference="Tencent/ncnn, benchmark/README.md",
        table="blazeface",
    )
    return "ncnn", "ncnn: its BlazeFace on boards, phones and computers", note, source, figures


def _ai_hub(path: Path, text: str) -> tuple[str, str, str, SourceSpec, list[LatencyFigure]]:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise MissingExtraError("pyyaml", "published") from error
    networks = {"FaceDetector": "MediaPipe face detector (back)", "FaceLandmarkDetector": "MediaPipe face landmarks"}
    figures: list[LatencyFigure] = []
    try:
        for precision, entry in yaml.safe_load(text)["precisions"].items():
            for component, network in networks.items():
                for device, runtimes in entry["components"][component]["performance_metrics"].items():
                    for runtime, job in runtimes.items():
                        if job.get("job_status") == "Passed" and job.get("primary_compute_unit") in _UNITS:
                            figures.append(
                                LatencyFigure(
                                    device=_shorten(device),
                                    network=network,
                                    backend=_UNITS[job["primary_compute_unit"]],  # type: ignore[arg-type]
                                    milliseconds=float(job["inference_time_milliseconds"]),
                                    runtime=str(runtime),
                                    precision=str(precision),
                                )
                            )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise SpecError(
            f"it is neither ncnn's table nor AI Hub's: {type(error).__name__} {error}".splitlines()[0],
            context=str(path),
            hint="Give ncnn's benchmark/README.md, or AI Hub's mediapipe_face/perf.yaml.",
            reference="no-published-figures",
        ) from error
    note = "Inference alone, as AI Hub's own jobs measured it on its devices; the detector is the back model."
    source = SourceSpec(
        title="MediaPipe-Face-Detection, performance on devices",
        author="Qualcomm AI Hub",
        reference="quic/ai-hub-models, qai_hub_models/models/mediapipe_face/perf.yaml",
        table="performance_metrics",
    )
    return "qualcomm-ai-hub", "Qualcomm AI Hub: MediaPipe's face detector and landmarks", note, source, figures


def _shorten(device: str) -> str:
    """Return a device's name in one line, without what no name needs."""
    return re.sub(r"\s+", " ", "".join(c for c in device if c.isprintable())).strip()[:120]
