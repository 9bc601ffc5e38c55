from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from sdkgen import images
from sdkgen.errors import ImageError, MissingExtraError, OutputError
from sdkgen.images import find_images, read_image, write_png

# Red, green over blue, white: every orientation puts them elsewhere.
CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8).repeat(8, 0).repeat(8, 1)


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize(("suffix", "options"), [("png", {}), ("jpg", {"quality": 100}), ("webp", {"lossless": True})])
def test_reads_each_format(tmp_path: Path, suffix: str, options: dict[str, Any]) -> None:
    made = read_image(save(tmp_path / f"a.{suffix}", Image.fromarray(CORNERS), **options))
    assert made.dtype == np.uint8
    assert made.shape == (16, 16, 3)
    np.testing.assert_allclose(made[2::12, 2::12].astype(int), CORNERS[2::12, 2::12], atol=6)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_honours_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    """A photograph stored in each of the eight ways looks the same once read."""
    upright = Image.fromarray(np.concatenate([CORNERS, CORNERS[:, :8]], axis=1))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transposes, inverted
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"a.{suffix}", stored, exif=exif.tobytes(), quality=100)
    np.testing.assert_allclose(read_image(path)[2::12, 2::12].astype(int), np.asarray(upright)[2::12, 2::12], atol=40)


def test_grey_palette_and_cmyk_become_rgb(tmp_path: Path) -> None:
    grey = read_image(save(tmp_path / "grey.png", Image.fromarray(CORNERS[..., 0])))
    np.testing.assert_array_equal(grey, CORNERS[..., :1].repeat(3, 2))
    palette = read_image(save(tmp_path / "palette.png", Image.fromarray(CORNERS).quantize(4)))
    np.testing.assert_array_equal(palette, CORNERS)
    bilevel = read_image(save(tmp_path / "bilevel.png", Image.fromarray(CORNERS[..., 0]).convert("1")))
    np.testing.assert_array_equal(bilevel, CORNERS[..., :1].repeat(3, 2))
    cmyk = read_image(save(tmp_path / "cmyk.jpg", Image.fromarray(CORNERS).convert("CMYK"), quality=100))
    assert cmyk[2, 2].tolist() == pytest.approx([255, 0, 0], abs=6)


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    wide = np.array([[0, 257, 32896, 65535]], np.uint16)
    made = read_image(save(tmp_path / "wide.png", Image.fromarray(wide)))
    np.testing.assert_array_equal(made[0, :, 0], [0, 1, 128, 255])


def test_transparent_pixels_lie_on_white(tmp_path: Path) -> None:
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], np.uint8)
    made = read_image(save(tmp_path / "a.png", Image.fromarray(pixels)))
    assert made[0].tolist() == [[10, 20, 30], [255, 255, 255], [127, 127, 127]]
    keyed = save(tmp_path / "keyed.png", Image.fromarray(CORNERS).quantize(4), transparency=1)
    assert (read_image(keyed) == 255).all(axis=2).sum() == 128  # the white quarter, and the keyed one


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((4, 4, 3), value, np.uint8)) for value in (50, 200)]
    path = save(tmp_path / "a.webp", frames[0], save_all=True, append_images=frames[1:], lossless=True)
    assert (read_image(path) == 50).all()


def test_damaged_orientation_is_ignored(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(CORNERS), exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(range(64)))
    assert read_image(path).shape == (16, 16, 3)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_every_truncation_is_an_image_error(tmp_path: Path, suffix: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    stream = io.BytesIO()
    noise.save(stream, {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[suffix])
    data = stream.getvalue()
    for length in range(0, len(data) - 40, max(1, len(data) // 60)):
        path = tmp_path / f"cut.{suffix}"
        path.write_bytes(data[:length])
        with pytest.raises(ImageError) as caught:
            read_image(path)
        assert caught.value.context == str(path)
        assert caught.value.hint


def test_damaged_bytes_give_an_image_or_an_image_error(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    for form in ("PNG", "JPEG", "WEBP"):
        stream = io.BytesIO()
        Image.fromarray(CORNERS).save(stream, form)
        for _ in range(150):
            data = bytearray(stream.getvalue())
            for at in random.integers(0, len(data), 4):
                data[at] = int(random.integers(0, 256))
            path = tmp_path / "a"
            path.write_bytes(data)
            try:
                assert read_image(path).ndim == 3
            except ImageError:
                continue


def test_other_files_say_what_can_be_read(tmp_path: Path) -> None:
    text = tmp_path / "a.png"
    text.write_text("hello")
    with pytest.raises(ImageError, match=r"JPEG, PNG, WEBP"):
        read_image(text)
    with pytest.raises(ImageError, match=r"JPEG, PNG, WEBP"):
        read_image(save(tmp_path / "a.ppm", Image.fromarray(CORNERS)))
    with pytest.raises(ImageError, match="does not exist"):
        read_image(tmp_path / "none.png")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)


def test_a_huge_image_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAXIMUM_PIXELS", 255)
    with pytest.raises(ImageError, match="16 × 16 pixels, more than 255"):
        read_image(save(tmp_path / "a.png", Image.fromarray(CORNERS)))


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(CORNERS))
    data = bytearray(path.read_bytes())
    data[16:24] = (60000).to_bytes(4, "big") * 2  # the header's width and height
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(ImageError, match="60000 × 60000 pixels, more than 150,000,000"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["heic", "heif", "avif", "tif", "bmp", "gif"])
def test_reads_what_else_phones_and_browsers_give(tmp_path: Path, suffix: str) -> None:
    if suffix in ("heic", "heif"):
        pytest.importorskip("pillow_heif").register_heif_opener()
    upright = np.concatenate([CORNERS, CORNERS[:, :8]], axis=1).repeat(4, 0).repeat(4, 1)
    made = read_image(
        save(
            tmp_path / f"a.{suffix}", Image.fromarray(upright), **({} if suffix in ("bmp", "gif") else {"quality": 95})
        )
    )
    assert made.shape == upright.shape
    np.testing.assert_allclose(made[16::32, 16::32].astype(int), upright[16::32, 16::32], atol=30)


@pytest.mark.parametrize("suffix", ["heic", "tif", "avif"])
def test_honours_orientation_of_the_others_too(tmp_path: Path, suffix: str) -> None:
    if suffix == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    upright = np.concatenate([CORNERS, CORNERS[:, :8]], axis=1).repeat(4, 0).repeat(4, 1)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(np.ascontiguousarray(np.rot90(upright))), exif=exif.tobytes())
    np.testing.assert_allclose(read_image(path)[16::32, 16::32].astype(int), upright[16::32, 16::32], atol=60)


def test_heic_without_its_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingExtraError, match=r"sdkgen\[heic\]"):
        read_image(tmp_path / "a.heic")


def _wide_gamut() -> bytes:
    """Return an RGB profile whose red and green primaries are exchanged, which nobody can take for sRGB."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data).replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))


def test_other_colour_profiles_become_srgb(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(CORNERS), icc_profile=_wide_gamut())
    made = read_image(path)
    assert made[2, 2].tolist() == pytest.approx([0, 255, 0], abs=3)
    assert made[12, 12].tolist() == pytest.approx([255, 255, 255], abs=3)
    np.testing.assert_array_equal(read_image(path, as_stored=True), CORNERS)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"damaged"):
        np.testing.assert_array_equal(read_image(save(path, Image.fromarray(CORNERS), icc_profile=profile)), CORNERS)


def test_a_folder_is_its_images_by_name(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "notes.txt", "c.heic"):
        (tmp_path / name).touch()
    (tmp_path / "deeper.png").mkdir()
    found = find_images([tmp_path / "b.png", tmp_path])
    assert [path.name for path in found] == ["b.png", "a.JPG", "b.png", "c.heic"]
    with pytest.raises(ImageError, match="no image in the folder"):
        find_images([tmp_path / "deeper.png"])


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_is_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with save(tmp_path / "a.png", Image.fromarray(CORNERS)).open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        np.testing.assert_array_equal(read_image(Path(name)), CORNERS)


@pytest.mark.parametrize("url", ["https://example.org/a.jpg", "file:///a.png"])
def test_a_url_is_refused_as_such(url: str) -> None:
    with pytest.raises(ImageError, match=r"a URL cannot be read.*Download it"):
        read_image(Path(url))


def test_written_png_reads_back(tmp_path: Path) -> None:
    write_png(tmp_path / "new" / "a.png", CORNERS)
    np.testing.assert_array_equal(read_image(tmp_path / "new" / "a.png"), CORNERS)
    with pytest.raises(OutputError):
        write_png(tmp_path / "new" / "a.png" / "b.png", CORNERS)


# VmHWM and not ru_maxrss: the latter starts at what the process holds that forks this one.
_PEAK = """
import sys
from pathlib import Path
from sdkgen.images import read_image
assert read_image(Path(sys.argv[1])).shape == (12000, 12000, 3)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_of_a_huge_image_fit_into_little_memory(tmp_path: Path, channels: int) -> None:
    """Pillow has 288 or 576 MB of its own, the result 432 MB; with a model beside it, 1.5 GB are not to be exceeded."""
    path = tmp_path / "huge.png"
    _write_wide(path, 12000, channels)
    done = subprocess.run([sys.executable, "-c", _PEAK, path], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 1.2e9


def _write_wide(path: Path, side: int, channels: int) -> None:
    """Write a black PNG with 16 bits a channel, a row at a time."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 16, 0 if channels == 1 else 2, 0, 0, 0)
    packer, row = zlib.compressobj(1), bytes(1 + 2 * channels * side)
    packed = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b""))
