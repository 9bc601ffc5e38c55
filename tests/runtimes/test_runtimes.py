"""Every .tflite artifact on every version of LiteRT that an app may hold: right, and in one partition of XNNPACK's."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from sdkgen.artifact import Precision
from sdkgen.convert import convert
from sdkgen.detection.types import Array, RawOutputs
from sdkgen.parity.compare import Reference, Subject, compare
from sdkgen.parity.inputs import Input, photographs
from sdkgen.parity.run import inputs_of, references, subjects
from sdkgen.spec.model import ModelSpec
from sdkgen.spec.registry import load_model, model_names
from sdkgen.tflite import flatbuffer
from tests.runtimes import packages
from tests.toolchains import require

pytestmark = [pytest.mark.runtimes, pytest.mark.network, pytest.mark.slow]

WORKER = Path(__file__).with_name("worker.py")
SUBJECTS = list(subjects(["litert"], get_args(Precision)))
WHOLE = {"DELEGATE": 1}
HAND_WRITTEN = [name for name in model_names() if load_model(name).network.family != "graph"]
"""The models that this project has layers of its own for; of an imported graph, its author decides what is in it."""


@dataclass(frozen=True)
class Model:
    """What a model is compared on, and with."""

    spec: ModelSpec
    inputs: list[Input]
    references: list[Reference]


class Recorded:
    """Outputs that another process computed, in the order of the inputs."""

    name = "litert"

    def __init__(self, outputs: list[RawOutputs]) -> None:
        self.outputs = outputs

    def run(self, _image: Array) -> RawOutputs:
        """Return the outputs for the next input."""
        return self.outputs.pop(0)

    def close(self) -> None:
        """Do nothing: nothing is held."""


@cache
def model_of(name: str) -> Model:
    spec = load_model(name)
    inputs = inputs_of(spec, photographs(), load_model("blazeface-front"))
    return Model(spec, inputs, references(spec, inputs))


@cache
def artifact(name: str, subject: Subject) -> Path:
    return convert(load_model(name), "tflite", precision=subject.precision, layout=subject.layout).path


def work(version: str, jobs: list[dict[str, str]], folder: Path) -> list[dict[str, int]]:
    """Return what each job's file was executed as on this version of LiteRT."""
    listing = folder / "jobs.json"
    listing.write_text(json.dumps(jobs))
    try:
        answer = packages.run(version, WORKER, str(listing))
    except subprocess.CalledProcessError as error:
        if "pip" in error.cmd:
            require(f"LiteRT {version}", None, f"it cannot be installed here ({error})")
        raise
    executed: list[dict[str, int]] = json.loads(answer)
    return executed


def write_images(path: Path, model: Model) -> str:
    np.savez(path, images=np.concatenate([source.values for source in model.inputs]))
    return str(path)


@pytest.mark.parametrize("version", packages.VERSIONS)
def test_every_artifact_is_right_and_runs_in_one_partition(version: str, tmp_path: Path) -> None:
    chosen = [(model_of(name), subject) for name in HAND_WRITTEN for subject in SUBJECTS]
    jobs = [
        {
            "artifact": str(artifact(model.spec.name, subject)),
            "inputs": write_images(tmp_path / f"{number}-inputs.npz", model),
            "outputs": str(tmp_path / f"{number}-outputs.npz"),
        }
        for number, (model, subject) in enumerate(chosen)
    ]
    failures = []
    for (model, subject), job, executed in zip(chosen, jobs, work(version, jobs, tmp_path), strict=True):
        with np.load(job["outputs"]) as stored:
            arrays: dict[str, Array] = dict(stored)
        recorded = Recorded([{n: a[i : i + 1] for n, a in arrays.items()} for i in range(len(model.inputs))])
        results = compare(subject, recorded, model.references, model.inputs, model.spec)
        failures += [failure for result in results for failure in result.failures]
        if executed != WHOLE:
            failures.append(f"{model.spec.name}, {subject} is executed as {executed}")
    assert failures == []


def mix_constants(path: Path, target: Path) -> str:
    """Write the artifact with its small constants in float32 beside weights in half, as sdkgen once did."""
    model: Any = flatbuffer.read(path)
    (graph,) = model.subgraphs
    for operator in list(flatbuffer.constant_dequantizes(model, graph)):
        half = flatbuffer.constant(model, graph, int(operator.inputs[0]))
        assert half is not None
        if half.size < 128:
            buffer = flatbuffer.schema().BufferT()
            buffer.data = np.frombuffer(half.astype(np.float32).tobytes(), np.uint8)
            graph.tensors[operator.outputs[0]].buffer = len(model.buffers)
            model.buffers.append(buffer)
            graph.operators.remove(operator)
    target.write_bytes(flatbuffer.write(model))
    return str(target)


@pytest.mark.parametrize("version", packages.VERSIONS)
def test_constants_of_mixed_precision_are_found(version: str, tmp_path: Path) -> None:
    """What versions before 2.2 leave out of XNNPACK's partition is what the check above looks for."""
    model = model_of("blazeface-front")
    mixed = mix_constants(artifact("blazeface-front", SUBJECTS[0]), tmp_path / "mixed.tflite")
    images = write_images(tmp_path / "images.npz", model)
    job = {"artifact": mixed, "inputs": images, "outputs": str(tmp_path / "outputs.npz")}
    (executed,) = work(version, [job], tmp_path)
    if version in ("2.2.0", "2.3.0"):
        assert executed == WHOLE
    else:
        assert executed["DELEGATE"] > 1
        assert executed["CONV_2D"] > 1
