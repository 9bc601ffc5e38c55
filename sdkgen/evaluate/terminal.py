"""The evaluation as a table in the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from sdkgen import console
from sdkgen.evaluate.html import percent


def print_report(report: dict[str, Any]) -> None:
    """Print the figures of a report of ``sdkgen eval`` on standard output, and what was faulty on standard error."""
    table = Table("", "", "", box=None, show_header=False)
    if (found := report["precision"]) is not None:
        table.add_row(
            "AP at IoU 0.5", percent(found["ap50"]), f"{found['faces']} faces, {found['faces_ignored']} ignored"
        )
        table.add_row("AP at IoU 0.5 to 0.95", percent(found["ap50_95"]), "COCO's protocol")
        if (own := found["at_own_threshold"]) is not None:
            what = f"at the model's own threshold, {own['score']}"
            table.add_row("precision, recall", f"{percent(own['precision'])}, {percent(own['recall'])}", what)
    if (points := report["keypoints"]) is not None:
        table.add_row("keypoint error, median", percent(points["median"]), "of the inter-ocular distance")
    if (jitter := report["jitter"]) is not None:
        for name, mode in (("blending", "blend"), ("plain NMS", "hard")):
            value = jitter[mode]
            table.add_row(
                f"jitter, {name}", percent(value["value"]), f"{percent(value['low'])} to {percent(value['high'])}"
            )
        if (less := jitter["reduction"]) is not None:
            interval = f"{percent(less['low'], 1)} to {percent(less['high'], 1)}"
            table.add_row("less by blending", percent(less["value"], 1), f"{interval} ({jitter['views']} views)")
    if (noise := report["noise"]) is not None:
        for sigma, found in noise["by_sigma"].items():
            for name, sampling, mode in (
                ("plain NMS", "point", "hard"),
                ("blending", "point", "blend"),
                ("blending, area", "area", "blend"),
            ):
                value = found[sampling][mode]
                interval = f"{percent(value['low'])} to {percent(value['high'])}"
                table.add_row(f"noise {float(sigma):g}, {name}", percent(value["value"]), interval)
            if (share := found["area_to_point"]) is not None:
                interval = f"{percent(share['low'], 1)} to {percent(share['high'], 1)}"
                table.add_row("left by area", percent(share["value"], 1), f"{interval} ({noise['pictures']} images)")
    if (other := report["against"]) is not None:
        what = f"of the inter-ocular distance; {other['matched']} of {other['faces']} faces"
        table.add_row(f"to {report['backend']['against']}, largest", percent(other["maximum"], 4), what)
    console.out.print(table)
    for faults in (report["unreadable"], report["data"]["labels"]):
        for kind, count in faults["counts"].items():
            console.warn(f"{count} × {kind}, for instance {faults['examples'][kind][0]}")
    timing = report["timing"]
    console.note(f"{report['images']} images in {timing['seconds']:.1f} s, {timing['images_per_second']:.0f} a second")
