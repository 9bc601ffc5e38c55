"""An SDK that ``sdkgen build`` made, as something to measure: its own benchmark, on a phone, from frame to faces."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Backend, Cell
from sdkgen.errors import UsageError
from sdkgen.files import sha256_bytes, sha256_json
from sdkgen.render import manifest
from sdkgen.spec.registry import load_model, model_names

ROW = "SDK"
"""What the rows of SDKs begin with."""
STEADY = "track-steady"
"""What a tracker's row says that it is: frames in which a face stays in sight, and the detector sleeps."""
OWN_THREADS = 0
"""The SDK decides how many threads it runs on."""


@dataclass(frozen=True)
class Sdk:
    """A bundle: where it is, what its manifest says, and the sha256 of its models by their path in it.

    ``tracks`` tells whether it follows faces and does not only detect them.
    """

    folder: Path
    name: str
    package: str
    model: str
    target: str
    artifacts: Mapping[str, str]
    tracks: bool = False

    @property
    def sha256(self) -> str:
        """What stands for the models in results: the sha256 of the only one, or of all of them together."""
        first, *more = self.artifacts.values()
        return sha256_json([first, *more]) if more else first

    def row(self, what: str = "") -> str:
        """Return what the SDK is called in tables; ``what`` tells what its benchmark timed, where that is several."""
        return f"{ROW} {self.model}{f', {what}' if what else ''}"

    def cells(self, backends: Sequence[Backend], *, fp32: bool) -> list[Cell]:
        """Return the cells of an Android bundle: on each backend its detector and, if it has one, its tracker."""
        path = self.folder / next(iter(self.artifacts))
        rows = [self.row(), *([self.row(STEADY)] if self.tracks else [])]
        return [
            Cell(row, path, backend, OWN_THREADS, "fp32" if fp32 else "fp16", self.sha256)
            for backend in backends
            for row in rows
        ]


def read_bundle(folder: Path, *, apk: bool = False) -> Sdk:
    """Return the SDK in a folder that ``sdkgen build`` made; ``apk``: its benchmark comes as an APK.

    Raises ``UsageError`` if the folder is none, or holds none that has a benchmark.
    """
    if not manifest.is_bundle(folder):
        raise UsageError(
            "this is no bundle",
            context=str(folder),
            hint="Give a folder that sdkgen build made.",
            reference="no-bundle",
        )
    made = manifest.Manifest.model_validate_json((folder / manifest.NAME).read_bytes())
    if made.target not in ("android", "ios") or (apk and made.target != "android"):
        what = f"a bundle for {made.target} {'takes no APK' if apk else 'has no benchmark'}"
        raise UsageError(what, context=str(folder), hint="Build one with --target android or ios.")
    own = made.trained and made.model in model_names() and not load_model(made.model).trained
    return Sdk(
        folder.absolute(),
        made.name,
        made.package,
        f"{made.model}+weights" if own else made.model,
        made.target,
        {record.path: record.sha256 for record in made.artifacts},
        tracks=made.pipeline == "track",
    )


def check_apk(sdk: Sdk, apk: Path, context: str) -> None:
    """Raise ``DeviceError`` if ``apk``, found at ``context``, does not hold the bundle's own models."""
    wanted = {Path(path).name: sha256 for path, sha256 in sdk.artifacts.items()}
    try:
        with zipfile.ZipFile(apk) as archive:
            # In a folder of the package's: another SDK may ship a model of the same name.
            inside = f"assets/{sdk.package.replace('.', '_')}/"
            found = {
                Path(name).name: sha256_bytes(archive.read(name))
                for name in archive.namelist()
                if name.startswith(inside) and Path(name).name in wanted
            }
    except (OSError, zipfile.BadZipFile) as error:
        raise DeviceError(
            f"this is no APK: {error}", context=context, hint=f"Build it: {build_command(sdk)}.", reference="bad-apk"
        ) from error
    for name, sha256 in wanted.items():
        if found.get(name) != sha256:
            what = "another" if name in found else "no"
            raise DeviceError(
                f"the benchmark holds {what} {name}: it was not built from this bundle",
                context=context,
                hint=f"Build it anew: {build_command(sdk)}, or name the bundle it was built from.",
                reference="another-sdk",
            )


def build_command(sdk: Sdk, task: str = "assembleDebug") -> str:
    """Return the command that builds the bundle's benchmark."""
    return f"cd {sdk.folder} && gradle :benchmark:{task}"
