"""The bundle around a plain ONNX model: the file, and a README that says how to feed it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from sdkgen import resources
from sdkgen.artifact import Artifact
from sdkgen.render.context import SdkContext
from sdkgen.render.environment import render_tree

USES_SELFTEST = False


def check_names(name: str, package: str) -> None:
    """Accept any name: neither becomes an identifier."""


def render(context: SdkContext, artifacts: Sequence[Artifact], out: Path) -> tuple[str, ...]:
    """Write the model and its README into ``out``, and return where in it the model is."""
    (artifact,) = artifacts
    shutil.copyfile(artifact.path, out / artifact.path.name)
    render_tree(resources.path("templates") / "onnx", out, {**context.values(), "artifact": artifact.record})
    return (artifact.path.name,)
