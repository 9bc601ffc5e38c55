"""What an Android SDK adds to an app, in bytes by ABI: its models, which it ships, and the runtime's native libraries.

An APK holds native libraries and models uncompressed, so that both are mapped from it; a store compresses them for the
download. Classes are left out: R8 decides what of them stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from sdkgen.artifact import Record

ABIS = ("arm64-v8a", "armeabi-v7a", "x86", "x86_64")
PHONES = ("arm64-v8a", "armeabi-v7a")
"""The ABIs of phones; the others are emulators' and Chromebooks'."""

_TFLITE = {"arm64-v8a": 5_364_080, "armeabi-v7a": 3_515_672, "x86": 6_730_580, "x86_64": 6_719_720}
"""libtensorflowlite_jni.so and libtensorflowlite_gpu_jni.so of each ABI, uncompressed."""

_RUNTIMES: dict[str, tuple[dict[str, int] | None, str]] = {
    "litert": (
        None,
        "up to about 8 MB an ABI, as Google's documentation of LiteRT in Google Play services says; its archives are "
        "on Google's Maven repository only, and sdkgen has not measured them",
    ),
    "tflite": (
        _TFLITE,
        "measured in org.tensorflow:tensorflow-lite and tensorflow-lite-gpu 2.16.1 on Maven Central, the same "
        "libraries before LiteRT 1.4, whose archives are on Google's Maven repository only",
    ),
    "play-services": (dict.fromkeys(ABIS, 0), "Google Play services' own, outside the APK"),
}


class ApkBytes(Record):
    """Bytes that the SDK adds to an APK: ``assets``, and the runtime's for each ABI where they are known."""

    assets: int
    runtime_by_abi: dict[str, int] | None = None
    runtime_source: str

    def total(self, abis: Iterable[str] = ABIS) -> int | None:
        """Return the bytes of an APK for ``abis``; None where the runtime's are not known."""
        if self.runtime_by_abi is None:
            return None
        return self.assets + sum(self.runtime_by_abi[abi] for abi in abis)


def apk_bytes(runtime: str, assets: int) -> ApkBytes:
    """Return what an SDK with ``assets`` bytes of models and self-tests adds on ``runtime``."""
    by_abi, source = _RUNTIMES[runtime]
    return ApkBytes(assets=assets, runtime_by_abi=by_abi, runtime_source=source)


def phrases(size: ApkBytes) -> list[str]:
    """Return the sentences of a README about it."""
    said = [f"The models and self-tests are {megabytes(size.assets)} of an APK."]
    if size.runtime_by_abi is None:
        return [*said, f"LiteRT's native libraries are {size.runtime_source}."]
    if not any(size.runtime_by_abi.values()):
        return [
            *said,
            f"Native libraries there are none, with or without abiFilters: the runtime is {size.runtime_source}.",
        ]
    every, phones, one = (megabytes(size.total(abis) or 0) for abis in (ABIS, PHONES, PHONES[:1]))
    return [
        *said,
        f"With the runtime's native libraries it is {every} with all four ABIs, {phones} with abiFilters for phones "
        f"(arm64-v8a and armeabi-v7a), and {one} with arm64-v8a alone.",
        "By ABI the libraries are: "
        + ", ".join(f"{abi} {megabytes(count)}" for abi, count in size.runtime_by_abi.items())
        + f" ({size.runtime_source}).",
    ]


def megabytes(count: int) -> str:
    """Return ``count`` bytes in megabytes of a million, as stores count."""
    return f"{count / 1e6:.1f} MB"
