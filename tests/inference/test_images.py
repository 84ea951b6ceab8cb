"""From a file to an image: the same film in every way it is stored, what the header is taken for, and refusals."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps

from rakurs.dicom import guard
from rakurs.errors import Refusal
from rakurs.inference.images import decode_image, read_image
from tests import films
from tests.films import dicom, film, film_of, png, png_chunk, saved, tiff, with_alpha
from tests.ways import WAYS

SOURCE = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize("name", WAYS)
def test_the_same_film_gives_the_same_pixels_however_it_is_stored(name: str) -> None:
    build, tolerance = WAYS[name]
    image = decode_image(build())
    assert image.pixels.dtype == np.float32
    np.testing.assert_allclose(image.pixels, film() / 255, atol=tolerance, rtol=0)


def test_a_file_is_read_by_content_and_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "film.jpg"
    path.write_bytes(dicom(film()))
    assert read_image(path).source.format == "DICOM"


def test_the_checksum_is_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(png(film()))
    assert read_image(path).source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("data", "kind", "bits"),
    [
        (png(film()), "PNG", 8),
        (png(film_of(12)), "PNG", 16),
        (saved(film() > 99, "PNG"), "PNG", 1),
        (saved(film() > 99, "TIFF"), "TIFF", 1),
        (saved(film(), "JPEG"), "JPEG", 8),
        (tiff(film_of(16)), "TIFF", 16),
        (saved(film(), "WEBP"), "WebP", 8),
        (saved(film_of(16), "JPEG2000"), "JPEG 2000", 16),
        (saved(film(), "BMP"), "BMP", 8),
        (saved(film(), "GIF"), "GIF", 8),
    ],
)
def test_the_source_tells_format_size_and_depth(data: bytes, *, kind: str, bits: int) -> None:
    source = decode_image(data).source
    assert (source.format, source.rows, source.columns, source.bits) == (kind, 96, 80, bits)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "JPEG2000"])
def test_true_colours_stay_colours(format: str) -> None:
    image = decode_image(saved(films.photograph(), format, **({"quality": 98} if format in ("JPEG", "WEBP") else {})))
    assert image.pixels.shape == (96, 80, 3)
    assert np.abs(image.pixels - films.photograph() / 255).mean() < 0.02


def test_colours_of_16_bits_stay_colours() -> None:
    image = decode_image(png(films.photograph().astype(np.uint16) * 257))
    np.testing.assert_allclose(image.pixels, films.photograph() / 255, atol=1e-6)


def test_channels_that_differ_by_the_noise_of_coding_are_grey() -> None:
    noise = np.random.default_rng(0).integers(0, 3, (96, 80, 3))
    assert decode_image(png((films.coloured(film()) // 2 + noise).astype(np.uint8))).pixels.ndim == 2


def test_a_faint_tint_is_a_colour() -> None:
    tinted = films.coloured(film() // 2)
    tinted[..., 0] += 9
    assert decode_image(png(tinted)).pixels.ndim == 3


def test_what_is_transparent_lies_on_black() -> None:
    half = with_alpha(film())
    half[:, 40:, 1] = 0
    half[:, :40, 1] = 51
    pixels = decode_image(png(half)).pixels
    assert not pixels[:, 40:].any()
    np.testing.assert_allclose(pixels[:, :40], film()[:, :40] / 255 / 5, atol=1 / 255)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_png_of_few_bits_reaches_from_black_to_white(depth: int) -> None:
    levels = np.arange(1 << depth, dtype=np.uint8).repeat(8)
    packed = np.packbits(np.unpackbits(levels[:, None], axis=1)[:, 8 - depth :].ravel()).tobytes()
    header = struct.pack(">IIBBBBB", levels.size, 1, depth, 0, 0, 0, 0)
    lines = png_chunk(b"IDAT", zlib.compress(b"\0" + packed))
    image = decode_image(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + lines + png_chunk(b"IEND", b""))
    np.testing.assert_allclose(image.pixels[0], levels / ((1 << depth) - 1), atol=1e-6)


@pytest.mark.parametrize(("largest", "white"), [(255, 255), (1023, 1023), (4000, 4095), (16383, 16383), (16384, 65535)])
def test_sixteen_bits_count_as_the_depth_that_is_in_use(largest: int, white: int) -> None:
    image = decode_image(png(np.array([[0, largest]], np.uint16)))
    assert image.pixels[0, 1] == pytest.approx(largest / white)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "WEBP", "TIFF"])
def test_exif_orientation_is_honoured(format: str, orientation: int) -> None:
    image = PillowImage.fromarray(film())
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    image.save(file, format, exif=exif)
    with PillowImage.open(BytesIO(file.getvalue())) as reopened:
        expected = np.asarray(ImageOps.exif_transpose(reopened).convert("L"))
    found = decode_image(file.getvalue())
    assert (found.source.rows, found.source.columns) == expected.shape
    np.testing.assert_allclose(found.pixels, expected / 255, atol=2 / 255)


def test_orientation_of_a_tiff_of_16_bits_is_honoured() -> None:
    data = bytearray(tiff(film_of(16)))
    entry = struct.pack("<HHI", 274, 3, 1)
    assert entry not in data  # libtiff writes no orientation; one takes the place of the resolution unit
    at = data.find(struct.pack("<HHI", 296, 3, 1))
    data[at : at + 12] = entry + struct.pack("<I", 3)
    np.testing.assert_allclose(decode_image(bytes(data)).pixels, film()[::-1, ::-1] / 255, atol=1e-3)


@pytest.mark.parametrize("format", ["JPEG2000"])
def test_a_jpeg_2000_file_is_decoded_to_the_resolution_that_is_asked_for(format: str) -> None:
    large = np.kron(film(), np.ones((8, 8), np.uint8))
    image = decode_image(saved(large, format), at_least=(100, 100))
    assert image.pixels.shape == (192, 160)
    assert (image.source.rows, image.source.columns) == (768, 640)
    assert np.corrcoef(image.pixels[::2, ::2].ravel(), film().ravel())[0, 1] > 0.98


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def animated(format: str) -> bytes:
    frames = [PillowImage.fromarray(film()), PillowImage.fromarray(255 - film())]
    file = BytesIO()
    frames[0].save(file, format, save_all=True, append_images=frames[1:])
    return file.getvalue()


def png_of(rows: int, columns: int, *, colour: int = 0) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(99))) + png_chunk(b"IEND", b"")


def webp_of(rows: int, columns: int) -> bytes:
    canvas = (columns - 1).to_bytes(3, "little") + (rows - 1).to_bytes(3, "little")
    chunk = b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + canvas
    return b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk


def gif_of(rows: int, columns: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", columns, rows) + saved(film(), "GIF")[10:]


def jpeg_of(rows: int, columns: int) -> bytes:
    size, larger = struct.pack(">HH", 96, 80), struct.pack(">HH", rows, columns)
    return saved(film(), "JPEG").replace(b"\x08" + size, b"\x08" + larger, 1)


def jpeg_with_scans(count: int) -> bytes:
    data = saved(film(), "JPEG")
    return data[:-2] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * count + data[-2:]


def planes(count: int) -> bytes:
    return bytes(tiff(np.stack([film_of(16)] * count, axis=-1), photometric="minisblack", planarconfig="contig"))


REFUSED: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "an empty file": (lambda: b"", "unreadable"),
    "text": (lambda: b"Rows: 96, Columns: 80\n" * 20, "unsupported"),
    "a PDF": (lambda: b"%PDF-1.7\n" + bytes(400), "unsupported"),
    "a ZIP": (lambda: b"PK\x03\x04" + bytes(400), "unsupported"),
    "a PNG cut short": (lambda: cut(png(film())), "unreadable"),
    "a PNG cut in its header": (lambda: png(film())[:20], "unreadable"),
    "a PNG of an impossible colour type": (lambda: png(film(), colour=5), "unreadable"),
    "a PNG without rows": (lambda: png_of(0, 80), "unreadable"),
    "a PNG that announces too many pixels": (lambda: png_of(30_000, 30_000), "too_large"),
    "a PNG that announces too many values": (lambda: png_of(8_000, 8_000, colour=2), "too_large"),
    "an animated PNG": (lambda: animated("PNG"), "multi_frame"),
    "a JPEG cut short": (lambda: cut(saved(film(), "JPEG")), "unreadable"),
    "a JPEG that announces too many pixels": (lambda: jpeg_of(60_000, 60_000), "too_large"),
    "a JPEG of many scans": (lambda: jpeg_with_scans(200), "unsupported"),
    "a TIFF cut short": (lambda: cut(saved(film(), "TIFF", compression="tiff_lzw")), "unreadable"),
    "a TIFF of 16 bits cut short": (lambda: cut(tiff(film_of(16))), "unreadable"),
    "a TIFF of several pages": (lambda: animated("TIFF"), "multi_frame"),
    "a TIFF of floating point": (lambda: tiff(film().astype(np.float32)), "unsupported"),
    "a TIFF of signed values": (lambda: tiff(film_of(12).astype(np.int16)), "unsupported"),
    "a WebP cut short": (lambda: cut(saved(film(), "WEBP", lossless=True)), "unreadable"),
    "a WebP that announces too many pixels": (lambda: webp_of(16_000, 16_000), "too_large"),
    "an animated WebP": (lambda: animated("WEBP"), "multi_frame"),
    "an animated GIF": (lambda: animated("GIF"), "multi_frame"),
    "a GIF that announces too many pixels": (lambda: gif_of(60_000, 60_000), "too_large"),
    "a JPEG 2000 cut short": (lambda: cut(saved(film(), "JPEG2000")), "unreadable"),
    "a JPEG 2000 of signed values": (lambda: films.jpeg2000(film_of(12).astype(np.int16)), "unsupported"),
    "a BMP cut short": (lambda: cut(saved(film(), "BMP")), "unreadable"),
    "a DICOM cut in its header": (lambda: dicom(film())[:300], "unreadable"),
    "a DICOM cut in its pixels": (lambda: cut(dicom(film())), "unreadable"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused(name: str) -> None:
    build, code = REFUSED[name]
    data = build()
    with pytest.raises(Refusal) as caught:
        decode_image(data)
    assert caught.value.code == code


@pytest.mark.parametrize("path", ["missing.png", ".", "film.png/film.png", "a\0b"])
def test_a_path_that_is_no_file_is_refused(path: str, tmp_path: Path) -> None:
    (tmp_path / "film.png").write_bytes(png(film()))
    with pytest.raises(Refusal, match="Got a path") as caught:
        read_image(tmp_path / path)
    assert caught.value.code == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every file")
def test_a_file_that_may_not_be_opened_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(png(film()))
    path.chmod(0)
    with pytest.raises(Refusal, match="may not be opened"):
        read_image(path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refusal, match="not a file"):
        read_image(tmp_path / "pipe")


def test_a_huge_file_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.dcm"
    with path.open("wb") as file:
        file.truncate(guard.MAX_FILE_BYTES + 1)
    with pytest.raises(Refusal) as caught:
        read_image(path)
    assert caught.value.code == "too_large"


def test_many_threads_may_read_at_once() -> None:
    files = [build() for build, _ in WAYS.values()] * 2
    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(decode_image, files))
    assert all(np.abs(image.pixels - film() / 255).max() < 0.02 for image in images)


def test_reading_a_png_needs_no_pydicom() -> None:
    program = (
        "import sys; from rakurs.inference.images import decode_image;"
        "decode_image(sys.stdin.buffer.read()); sys.exit('pydicom' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], input=png(film()), check=True, timeout=60, cwd=SOURCE)


REAL_FILES = {
    "CR-MONO1-10-chest.dcm": (440, 440),
    "gdcm-CR-MONO1-10-chest.dcm": (440, 440),
    "RG1_J2KR.dcm": (1955, 1841),
    "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm": (1024, 1024),
    "CR-ModalitySequenceLUT.dcm": (1576, 1976),
}


@pytest.mark.parametrize("name", REAL_FILES)
def test_real_films_are_read(name: str, data_folder: Path) -> None:
    image = read_image(data_folder / "dicom" / name)
    assert image.pixels.shape == REAL_FILES[name]
    assert 0.1 < image.pixels.std() < 0.4


def test_a_header_of_monochrome1_inverts_a_real_film(data_folder: Path) -> None:
    plain = read_image(data_folder / "dicom" / "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm")
    inverse = read_image(data_folder / "dicom" / "Fake_MONOHR1.dcm")
    np.testing.assert_allclose(inverse.pixels, 1 - plain.pixels, atol=1e-6)


def test_the_same_real_film_with_and_without_preamble_is_the_same(data_folder: Path) -> None:
    bare = read_image(data_folder / "dicom" / "CR-MONO1-10-chest.dcm")
    whole = read_image(data_folder / "dicom" / "gdcm-CR-MONO1-10-chest.dcm")
    np.testing.assert_array_equal(bare.pixels, whole.pixels)
