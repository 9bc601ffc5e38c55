"""The tables of the BlazeFace paper: its columns as published, and beside them what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdkgen.errors import UsageError
from sdkgen.spec.published import LatencyFigure, PublishedSpec
from sdkgen.spec.registry import load_model

MODELS = {
    "MobileNetV2-SSD": ("mobilenetv2-ssd",),
    "BlazeFace": ("blazeface-paper", "blazeface-front", "blazeface-back"),
}
"""Which models stand for the paper's networks: the layout that it prints, and those that were released."""

_NAMES = tuple(f"blazeface-paper-table{number}" for number in (1, 2, 3))
_EMPTY = ""


@dataclass(frozen=True)
class Latency:
    """One measured figure: median milliseconds of a model on a device's GPU, and what kind of measurement it is."""

    device: str
    device_model: str | None
    model: str
    milliseconds: float
    provenance: str


@dataclass(frozen=True)
class PaperTable:
    """One table as text; a cell is empty where nothing was measured."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str


def paper_tables(
    published: Sequence[PublishedSpec], latencies: Sequence[Latency], evaluations: Sequence[dict[str, Any]]
) -> list[PaperTable]:
    """Return Tables 1 to 3; ``evaluations`` are reports of ``sdkgen eval --json``, the last one of a model counts."""
    by_name = {one.name: one for one in published}
    first, second, third = (by_name[name] for name in _NAMES)
    accuracy = {report["model"]["name"]: report for report in evaluations}
    return [_first(first, latencies, accuracy), _second(second, latencies), _third(third, accuracy)]


def read_evaluation(path: Path) -> dict[str, Any]:
    """Return a report that ``sdkgen eval --json`` printed; raises ``UsageError`` if the file is none."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        _ = (
            report["model"]["name"],
            report["precision"],
            report["keypoints"],
            report["jitter"],
            report["data"]["source"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "this is no evaluation", context=str(path), hint="Write one with: sdkgen eval --data … --json > FILE"
        ) from error
    return dict(report)


def _first(spec: PublishedSpec, latencies: Sequence[Latency], accuracy: dict[str, dict[str, Any]]) -> PaperTable:
    (device,) = {figure.device for figure in spec.latency}
    speed = {figure.network: figure for figure in spec.latency}
    rows = []
    for network, model in _models():
        figure = speed[network]
        ours = [one for one in latencies if one.model == model and _is(figure, one)]
        measured = _per_cent((accuracy.get(model, {}).get("precision") or {}).get("ap50"))
        rows.append(
            (
                network,
                _label(model),
                _published(spec, network, "average precision"),
                measured,
                f"{figure.milliseconds:g}",
                ", ".join(f"{one.milliseconds:.3g}" for one in ours),
            )
        )
    headings = (
        "network",
        "model",
        "AP, published",
        "AP at IoU 0.5, measured",
        f"{device} ms, published",
        "ms, measured",
    )
    return PaperTable(_title(spec), headings, rows, f"{spec.note} {_sources(accuracy)}".strip())


def _second(spec: PublishedSpec, latencies: Sequence[Latency]) -> PaperTable:
    networks = tuple(dict.fromkeys(figure.network for figure in spec.latency))
    models = [model for network in networks for model in MODELS[network]]
    rows: dict[str, dict[str, str]] = {}
    for figure in spec.latency:
        row = rows.setdefault(figure.device, {})
        row[figure.network] = f"{figure.milliseconds:g}"
        for one in latencies:
            if _is(figure, one):
                row[one.model] = f"{one.milliseconds:.3g}"
    for one in latencies:
        if not any(_is(figure, one) for figure in spec.latency):
            # Devices the paper does not have: what kind of measurement it is stands beside the name.
            rows.setdefault(f"{one.device} ({one.provenance})", {})[one.model] = f"{one.milliseconds:.3g}"
    headings = (
        "device",
        *(f"{n} ms, published" for n in networks),
        *(f"{_label(model)} ms, measured" for model in models),
    )
    lines = [(device, *(cells.get(key, _EMPTY) for key in (*networks, *models))) for device, cells in rows.items()]
    return PaperTable(_title(spec), headings, lines, spec.note)


def _third(spec: PublishedSpec, accuracy: dict[str, dict[str, Any]]) -> PaperTable:
    rows = []
    for network, model in _models():
        report = accuracy.get(model, {})
        jitter = (report.get("jitter") or {}).get("blend") or {}
        interval = f" ({_per_cent(jitter['low'])} to {_per_cent(jitter['high'])})" if jitter else _EMPTY
        rows.append(
            (
                network,
                _label(model),
                _published(spec, network, "regression error"),
                _per_cent((report.get("keypoints") or {}).get("median")),
                _published(spec, network, "jitter"),
                f"{_per_cent(jitter.get('value'))}{interval}",
            )
        )
    headings = (
        "network",
        "model",
        "error, published",
        "median error, measured",
        "jitter, published",
        "jitter, measured",
    )
    return PaperTable(_title(spec), headings, rows, f"{spec.note} {_sources(accuracy)}".strip())


def _models() -> Iterator[tuple[str, str]]:
    return ((network, model) for network, models in MODELS.items() for model in models)


def _label(model: str) -> str:
    return model if load_model(model).trained else f"{model} (untrained)"


def _is(figure: LatencyFigure, one: Latency) -> bool:
    """Tell whether a measurement was made on the device, itself and not an emulated one, that a figure names."""
    return one.provenance == "measured" and one.device_model in figure.device_models


def _published(spec: PublishedSpec, network: str, metric: str) -> str:
    return next(f"{f.per_cent:g} %" for f in spec.accuracy if f.network == network and f.metric == metric)


def _per_cent(share: float | None) -> str:
    return _EMPTY if share is None else f"{share * 100:.2f} %"


def _title(spec: PublishedSpec) -> str:
    return f"{spec.source.table} of {spec.source.reference} ({spec.title.partition(': ')[2]})"


def _sources(accuracy: dict[str, dict[str, Any]]) -> str:
    used = "; ".join(
        f"{model} on {report['data']['source']}, {report['images']} images" for model, report in accuracy.items()
    )
    return f"Measured: {used}." if used else ""
