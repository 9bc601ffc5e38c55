"""The runner for phones, read with an ELF reader; and LiteRT's libraries, from a local Maven repository."""

from __future__ import annotations

import importlib.util
import io
import platform
import zipfile
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from sdkgen.bench.runners import build
from sdkgen.bench.runners.aar import LibrariesError, check_libraries, needed_functions, place_of
from sdkgen.bench.runners.android import PAGE_BYTES, libraries, run, zig
from sdkgen.bench.runners.build import find_ndk, read_targets, runner_files, target_of
from sdkgen.errors import SdkgenError
from tests.toolchains import require

TARGETS = read_targets()
MACHINES = {"arm64-v8a": "aarch64", "armeabi-v7a": "armv7l", "x86_64": "x86_64"}
NDKS = ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_HOME", "SDKGEN_LITERT_ANDROID", "SDKGEN_MAVEN")


@pytest.fixture(autouse=True)
def _nothing_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in NDKS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SDKGEN_STATE", str(tmp_path / "state"))


def test_every_name_was_public_on_the_oldest_android() -> None:
    bionic = TARGETS.bionic
    assert bionic.api == 24
    assert all(level <= bionic.api for names in (bionic.libc, bionic.libm, bionic.libdl) for level in names.values())
    assert {how.clang.partition("-clang")[0][-2:] for how in TARGETS.android.values()} == {str(bionic.api)}


@pytest.mark.parametrize("abi", MACHINES)
def test_the_program_is_what_a_phones_loader_takes(abi: str) -> None:
    require("ziglang", importlib.util.find_spec("ziglang"), "pip install 'sdkgen[bench]'")
    how = TARGETS.android[abi]
    with build._build_android(how).open("rb") as stream:
        elf = ELFFile(stream)
        assert (elf.header.e_machine, elf.header.e_type) == (how.machine, "ET_DYN")
        assert elf.header.e_entry > 0
        segments = {one.header.p_type: one for one in elf.iter_segments()}
        assert segments["PT_INTERP"].get_interp_name() == how.interpreter
        assert "PT_TLS" not in segments  # its alignment is a matter of its own
        loads = [one.header for one in elf.iter_segments() if one.header.p_type == "PT_LOAD"]
        assert all(one.p_align == PAGE_BYTES for one in loads)
        assert all(one.p_vaddr % PAGE_BYTES == one.p_offset % PAGE_BYTES for one in loads)
        assert not any(one.p_flags & 1 and one.p_flags & 2 for one in loads)  # nothing writable is executed
        dynamic = segments["PT_DYNAMIC"]
        tags = list(dynamic.iter_tags())
        assert [tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"] == ["libc.so", "libm.so", "libdl.so"]
        assert not any(tag.entry.d_tag in ("DT_TEXTREL", "DT_RELR", "DT_RPATH", "DT_RUNPATH") for tag in tags)
        allowed = {name for names in libraries(TARGETS.bionic).values() for name in names}
        symbols = elf.get_section_by_name(".dynsym").iter_symbols()
        undefined = {one.name for one in symbols if one.name and one["st_shndx"] == "SHN_UNDEF"}
        assert undefined <= allowed
        # Nothing is listed in vain; but the compiler's own library has some of these functions too.
        assert undefined == allowed or how.needs_helpers
        kinds = {"EM_AARCH64": {1025, 1026, 1027}, "EM_X86_64": {6, 7, 8}, "EM_ARM": {21, 22, 23}}[how.machine]
        tables = [one for one in elf.iter_sections() if one.header.sh_type in ("SHT_REL", "SHT_RELA")]
        found = {entry["r_info_type"] for table in tables for entry in table.iter_relocations()}
        assert found <= kinds  # GLOB_DAT, JUMP_SLOT, RELATIVE


def test_an_ndk_is_found_where_tools_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clang = TARGETS.android["arm64-v8a"].clang
    assert find_ndk(clang) is None
    places = {name: tmp_path / name for name in ("ANDROID_NDK_ROOT", "ANDROID_NDK_HOME")}
    installed = [tmp_path / "sdk" / "ndk" / version for version in ("9.0.1", "27.0.1")]
    for root in (*places.values(), *installed):
        (root / "toolchains/llvm/prebuilt/linux-x86_64/bin").mkdir(parents=True)
        (root / "toolchains/llvm/prebuilt/linux-x86_64/bin" / clang).touch()
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "sdk"))
    assert installed[1] in (find_ndk(clang) or Path()).parents
    for name, root in places.items():
        monkeypatch.setenv(name, str(root))
        assert root in (find_ndk(clang) or Path()).parents


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a library that has the functions of LiteRT's, for this machine's processor."""
    require("ziglang", importlib.util.find_spec("ziglang"), "pip install 'sdkgen[bench]'")
    return _library(tmp_path_factory.mktemp("library"), sorted(needed_functions()))


def _library(folder: Path, functions: list[str]) -> bytes:
    source, target = folder / "lib.c", folder / "lib.so"
    source.write_text("".join(f"void {name}(void) {{}}\n" for name in functions))
    how = TARGETS.android["x86_64"]
    assert run([zig("cc", "-target", how.zig, "-ffreestanding", "-nostdlib", "-w", "-fPIC", "-c", str(source), "-o",
                    f"{target}.o"), zig("ld.lld", "-shared", f"{target}.o", "-o", str(target))]) == ""  # fmt: skip
    return target.read_bytes()


def publish(root: Path, content: dict[str, bytes]) -> Path:
    """Write the AARs to a Maven repository; the first holds the files by name, the second nothing."""
    for artifact, files in zip(TARGETS.maven.artifacts, (content, {}), strict=True):
        path = root / place_of(TARGETS.maven, artifact)
        path.parent.mkdir(parents=True, exist_ok=True)
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("AndroidManifest.xml", "<manifest/>")
            for name, data in files.items():
                archive.writestr(name, data)
        path.write_bytes(made.getvalue())
    return root


@pytest.mark.usefixtures("empty_cache")
def test_libraries_come_from_a_repository_by_their_coordinates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: bytes
) -> None:
    names = ("jni/x86_64/libLiteRt.so", "jni/x86_64/libLiteRtClGlAccelerator.so", "jni/arm64-v8a/libLiteRt.so")
    root = publish(tmp_path / "maven", dict.fromkeys((*names, "jni/x86_64/libother.so"), library))
    for place in (str(root), root.as_uri()):
        monkeypatch.setenv("SDKGEN_MAVEN", place)
        found = runner_files(target_of("android", "x86_64"))
        assert list(found) == ["sdkgen-runner", "libLiteRt.so", "libLiteRtClGlAccelerator.so"]
    with pytest.raises(LibrariesError, match="for EM_X86_64, not EM_AARCH64"):
        runner_files(target_of("android", "aarch64"))
    publish(tmp_path / "maven", {names[0]: library + b"changed"})
    assert runner_files(target_of("android", "x86_64"))  # what is in the cache has the sha256 that was kept
    monkeypatch.setenv("SDKGEN_CACHE", str(tmp_path / "another"))
    with pytest.raises(LibrariesError, match="is not what it was") as caught:
        runner_files(target_of("android", "x86_64"))
    assert caught.value.reference == "litert-changed"


@pytest.mark.parametrize("kind", ["empty", "garbage", "truncated", "lacking", "other ABI"])
def test_a_library_that_cannot_be_loaded_is_refused(tmp_path: Path, library: bytes, kind: str) -> None:
    content = {"empty": b"", "garbage": b"not a library", "truncated": library[:100], "other ABI": library}
    data = _library(tmp_path, ["LiteRtCreateEnvironment"]) if kind == "lacking" else content[kind]
    (tmp_path / "libLiteRt.so").write_bytes(data)
    words = {"lacking": "lacks", "other ABI": "not EM_AARCH64"}.get(kind, "no library")
    with pytest.raises(LibrariesError, match=words):
        check_libraries(tmp_path, "EM_AARCH64" if kind == "other ABI" else "EM_X86_64")


@pytest.mark.usefixtures("empty_cache")
def test_all_that_is_missing_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDKGEN_MAVEN", str(tmp_path / "nowhere"))
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ziglang" else find_spec(name))
    with pytest.raises(SdkgenError) as caught:
        runner_files(target_of("android", "aarch64"))
    said = str(caught.value)
    for words in (
        "com.google.ai.edge.litert:litert:2.3.0", "ziglang is not installed", "pip install 'sdkgen[bench]'", "curl -LO",
        "SDKGEN_MAVEN", "benchmark-model",
    ):  # fmt: skip
        assert words in said
    assert platform.machine()


@pytest.mark.usefixtures("empty_cache")
def test_what_gradle_has_fetched_is_taken_and_otherwise_the_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: bytes
) -> None:
    monkeypatch.delenv("SDKGEN_MAVEN", raising=False)
    monkeypatch.setenv("GRADLE_USER_HOME", str(tmp_path / "gradle"))
    with pytest.raises(LibrariesError, match="SDKGEN_MAVEN"):
        runner_files(target_of("android", "x86_64"))
    root = publish(tmp_path / "maven", {"jni/x86_64/libLiteRt.so": library})
    for artifact in TARGETS.maven.artifacts:
        place = Path(place_of(TARGETS.maven, artifact))
        folder = tmp_path / "gradle/caches/modules-2/files-2.1" / TARGETS.maven.group / artifact / TARGETS.maven.version
        (folder / "0123").mkdir(parents=True)
        (root / place).rename(folder / "0123" / place.name)
    assert "libLiteRt.so" in runner_files(target_of("android", "x86_64"))
