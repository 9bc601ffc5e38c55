"""LiteRT's Android libraries: fetched from a Maven repository by their coordinates, hashed, unpacked and looked into.

The sha256 of what came first is kept in the state folder, and what comes later has to be the same.
"""

from __future__ import annotations

import io
import json
import os
import re
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath

from sdkgen import cache, console, resources
from sdkgen.bench.devices import state
from sdkgen.errors import MissingExtraError, SdkgenError
from sdkgen.files import sha256_bytes, sha256_json, whole_file
from sdkgen.spec.base import Strict

_SECONDS = 60
_MOST_BYTES = 512 << 20
_LIBRARY = "libLiteRt*.so"


class LibrariesError(SdkgenError):
    """LiteRT's libraries for Android cannot be had, or are not what they should be."""

    reference = "no-litert"


class MavenSpec(Strict):
    """The AARs' coordinates."""

    group: str
    version: str
    artifacts: tuple[str, ...]


def android_libraries(maven: MavenSpec, abi: str, machine: str) -> Path:
    """Return a folder with LiteRT's libraries for an ABI, whose ELF ``machine`` this is.

    ``SDKGEN_LITERT_ANDROID`` names a folder of one's own with one folder an ABI. Raises ``LibrariesError``.
    """
    if own := os.environ.get("SDKGEN_LITERT_ANDROID"):
        folder = Path(own) / abi
    else:
        archives = [_fetch(maven, artifact) for artifact in maven.artifacts]
        key = sha256_json([abi, *(sha256_bytes(data) for data in archives)])
        folder = cache.make("litert-android", key, lambda target: _unpack(maven, archives, abi, target))
    check_libraries(folder, machine)
    return folder


def check_libraries(folder: Path, machine: str) -> None:
    """Raise ``LibrariesError`` unless the libraries are for the processor, and hold every function the runner calls."""
    try:
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile
    except ImportError as error:
        raise MissingExtraError("pyelftools", "bench") from error
    files = sorted(folder.glob(_LIBRARY))
    if not (folder / "libLiteRt.so").is_file():
        raise LibrariesError(
            "LiteRT's library for this ABI is not there", context=str(folder / "libLiteRt.so"), hint=_OWN_HINT
        )
    for file in files:
        try:
            with file.open("rb") as stream:
                elf = ELFFile(stream)
                found = elf.header.e_machine
                table = elf.get_section_by_name(".dynsym")
                symbols = table.iter_symbols() if table else ()
                names = {one.name for one in symbols if one["st_shndx"] != "SHN_UNDEF"}
        except ELFError as error:
            raise LibrariesError(f"this is no library: {error}", context=str(file), hint=_OWN_HINT) from error
        if found != machine:
            raise LibrariesError(f"this library is for {found}, not {machine}", context=str(file), hint=_OWN_HINT)
        missing = sorted(needed_functions() - names) if file.name == "libLiteRt.so" else []
        if missing:
            raise LibrariesError(
                f"this LiteRT lacks {len(missing)} functions that the runner calls, such as {missing[0]}",
                context=str(file),
                hint="Take the version that devices/runner/targets.toml names.",
            )


_OWN_HINT = "Let SDKGEN_LITERT_ANDROID name the jni folder of LiteRT's unzipped AARs, or unset it to have them fetched."


def needed_functions() -> set[str]:
    """Return the names that the runner looks up in libLiteRt.so."""
    header = (resources.path("devices") / "runner" / "litert.h").read_text(encoding="utf-8")
    return {f"LiteRt{name}" for name in re.findall(r"^ +X\(\w+, (\w+),", header, re.MULTILINE)}


def place_of(maven: MavenSpec, artifact: str) -> str:
    """Return where an AAR is below the repository's address."""
    folder = maven.group.replace(".", "/")
    return f"{folder}/{artifact}/{maven.version}/{artifact}-{maven.version}.aar"


def _fetch(maven: MavenSpec, artifact: str) -> bytes:
    """Return an AAR, from the cache where it holds it."""
    coordinates = f"{maven.group}:{artifact}:{maven.version}"
    known = _hashes().get(coordinates)
    data = _download(maven, artifact) if known is None else b""
    if known is None:
        known = sha256_bytes(data)
        with whole_file(_hash_file()) as work:
            work.write_text(json.dumps(_hashes() | {coordinates: known}, indent=1, sort_keys=True) + "\n")

    def keep(target: Path) -> None:
        (target / "aar").write_bytes(data or _verify(_download(maven, artifact), coordinates, known))

    return (cache.make("maven", sha256_json([coordinates, known]), keep) / "aar").read_bytes()


def _verify(data: bytes, coordinates: str, known: str) -> bytes:
    if (found := sha256_bytes(data)) != known:
        raise LibrariesError(
            f"{coordinates} is not what it was: its sha256 is {found}, and was {known}",
            context=os.environ.get("SDKGEN_MAVEN") or "Gradle's cache",
            hint=f"A release never changes: ask who changed it. To take it all the same, remove {_hash_file()}.",
            reference="litert-changed",
        )
    return data


def _download(maven: MavenSpec, artifact: str) -> bytes:
    """Return an AAR from ``SDKGEN_MAVEN``, or from what Gradle has fetched on this machine."""
    coordinates = f"{maven.group}:{artifact}:{maven.version}"
    if not (base := os.environ.get("SDKGEN_MAVEN")):
        gradle = Path(os.environ.get("GRADLE_USER_HOME") or Path.home() / ".gradle") / "caches/modules-2/files-2.1"
        folder = gradle / maven.group / artifact / maven.version
        if found := sorted(folder.glob(f"*/{artifact}-{maven.version}.aar")):
            return found[0].read_bytes()
        raise LibrariesError(
            f"LiteRT's Android library {coordinates} is not on this machine",
            context=str(folder),
            hint="Let SDKGEN_MAVEN hold the address of Google's Maven repository (Gradle's google()), or name a mirror "
            f"or a folder in which it lies as {place_of(maven, artifact)}. What Gradle has fetched is found without.",
        )
    address = f"{base.rstrip('/')}/{place_of(maven, artifact)}"
    try:
        if "://" not in address:
            return Path(address).read_bytes()
        with console.status(f"Fetching {coordinates}"), urllib.request.urlopen(address, timeout=_SECONDS) as stream:  # noqa: S310
            data: bytes = stream.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        place = place_of(maven, artifact)
        raise LibrariesError(
            f"LiteRT's Android library {coordinates} could not be fetched: {why}",
            context=address,
            hint=f"Connect to the network, or fetch it elsewhere: curl -LO {address}; and let SDKGEN_MAVEN name a "
            f"mirror, or a folder in which it lies as {place}.",
        ) from error
    if len(data) > _MOST_BYTES:
        raise LibrariesError("this is too large for a library", context=address, hint="Check SDKGEN_MAVEN.")
    return data


def _unpack(maven: MavenSpec, archives: list[bytes], abi: str, target: Path) -> None:
    for artifact, data in zip(maven.artifacts, archives, strict=True):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for name in archive.namelist():
                    path = PurePosixPath(name)
                    if path.parent.as_posix() == f"jni/{abi}" and path.match(_LIBRARY):
                        (target / path.name).write_bytes(archive.read(name))
        except zipfile.BadZipFile as error:
            coordinates = f"{maven.group}:{artifact}:{maven.version}"
            raise LibrariesError(
                f"{coordinates} is no AAR", context=str(target), hint="Check what SDKGEN_MAVEN names."
            ) from error


def _hash_file() -> Path:
    return state.root() / "maven.json"


def _hashes() -> dict[str, str]:
    try:
        found = json.loads(_hash_file().read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
