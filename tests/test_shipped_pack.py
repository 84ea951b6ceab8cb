"""The pack that ships, on real films: what it reads, what it refuses, and that a film's storage changes nothing."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rakurs.errors import Refusal
from rakurs.inference.check import check_pack
from rakurs.inference.images import decode_image, read_image
from rakurs.inference.read import Reader, load_reader, read_files, read_study
from rakurs.pack import find_pack, read_pack
from rakurs.study import FloatArray, Image, Study
from tests import films

LARGEST_PACK_BYTES = 30e6
READ = "read"

SCALE = {"RescaleSlope": -1, "RescaleIntercept": 4095}
WINDOW = {"WindowCenter": 2048, "WindowWidth": 4096}
Stored = Callable[[films.AnyArray], bytes]
"""From the 12-bit values of a film as it is displayed to the bytes of a file."""

LOSSLESS: Mapping[str, Stored] = {
    "PNG, 12 bits in 16": films.png,
    "PNG, 16 bits in colours with alpha": lambda film: films.png(films.with_alpha(films.coloured(film * 16))),
    "TIFF, 16 bits": films.tiff,
    "MONOCHROME1": lambda film: films.dicom12(4095 - film, PhotometricInterpretation="MONOCHROME1", **WINDOW),
    "a slope of -1": lambda film: films.dicom12(4095 - film, **SCALE, **WINDOW),
    "an inverse presentation": lambda film: films.dicom12(4095 - film, PresentationLUTShape="INVERSE", **WINDOW),
    "signed": lambda film: films.dicom12(film.astype(np.int16) - 2048, WindowCenter=0, WindowWidth=4096),
    "big endian": lambda film: films.dicom12(film, syntax=films.BIG_ENDIAN, **WINDOW),
    "deflated": lambda film: films.dicom12(film, syntax=films.DEFLATED, **WINDOW),
    "RLE": lambda film: films.dicom12(film, syntax=films.RLE, encode=films.rle, **WINDOW),
    "JPEG-LS": lambda film: films.dicom12(film, syntax=films.LS_LOSSLESS, encode=films.jpeg_ls, **WINDOW),
    "JPEG lossless": lambda film: films.dicom12(
        film, syntax=films.LOSSLESS_FIRST, encode=films.jpeg_lossless, **WINDOW
    ),
    "JPEG 2000": lambda film: films.dicom12(film, syntax=films.J2K_LOSSLESS, encode=films.jpeg2000, **WINDOW),
}
LOSSY: Mapping[str, Stored] = {
    "PNG, 8 bits": lambda film: films.png((film >> 4).astype(np.uint8)),
    "JPEG, 8 bits": lambda film: films.saved((film >> 4).astype(np.uint8), "JPEG", quality=95),
}


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_reader(read_pack(find_pack("chest-xray")))


@pytest.fixture(scope="module")
def displayed(sample_film: Path) -> films.AnyArray:
    """The sample film as it is displayed, in 12 bits; its ends touched, so that 12 bits are seen to be in use."""
    values = np.rint(read_image(sample_film).pixels[::2, ::2] * 4095).astype(np.uint16)
    values[0, :2] = 0, 4095
    return values


def probabilities(reader: Reader, image: Image) -> FloatArray:
    reading = read_study(reader, Study(images={"frontal": image}))
    return np.array([finding.probability for finding in reading.findings], np.float32)


def answer(reader: Reader, image: Image) -> str:
    try:
        read_study(reader, Study(images={"frontal": image}))
    except Refusal as refusal:
        return refusal.code
    return READ


def answers(reader: Reader, paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        try:
            found.append(answer(reader, read_image(path)))
        except Refusal as refusal:
            found.append(refusal.code)
    return found


def test_the_pack_keeps_every_rule() -> None:
    assert [check.rule for check in check_pack(find_pack("chest-xray")) if not check.passed] == []


def test_the_pack_stays_small() -> None:
    assert sum(path.stat().st_size for path in find_pack("chest-xray").iterdir()) < LARGEST_PACK_BYTES


def test_the_sample_film_is_read_with_calibrated_probabilities(reader: Reader, sample_film: Path) -> None:
    reading = read_study(reader, Study(images={"frontal": read_image(sample_film)}))
    assert reading.calibrated
    assert all(0 < finding.probability < 1 for finding in reading.findings)


@pytest.mark.parametrize("way", LOSSLESS)
def test_a_film_stored_without_loss_gives_the_same_probabilities(
    reader: Reader, displayed: films.AnyArray, *, way: str
) -> None:
    expected = probabilities(reader, decode_image(films.dicom12(displayed, **WINDOW)))
    np.testing.assert_allclose(probabilities(reader, decode_image(LOSSLESS[way](displayed))), expected, atol=1e-3)


@pytest.mark.parametrize("way", LOSSY)
def test_a_film_stored_with_loss_gives_nearly_the_same_probabilities(
    reader: Reader, displayed: films.AnyArray, *, way: str
) -> None:
    expected = probabilities(reader, decode_image(films.dicom12(displayed, **WINDOW)))
    np.testing.assert_allclose(probabilities(reader, decode_image(LOSSY[way](displayed))), expected, atol=0.02)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_film_is_refused_as_rotated(reader: Reader, sample_film: Path, *, quarters: int) -> None:
    image = read_image(sample_film)
    pixels = np.ascontiguousarray(np.rot90(image.pixels, quarters))
    source = replace(image.source, rows=pixels.shape[0], columns=pixels.shape[1])
    assert answer(reader, replace(image, pixels=pixels, source=source)) == "rotated"


def test_an_inverted_film_is_refused(reader: Reader, sample_film: Path) -> None:
    image = read_image(sample_film)
    assert answer(reader, replace(image, pixels=1 - image.pixels)) == "unlike_training"


def test_no_photograph_is_read(reader: Reader, data_folder: Path) -> None:
    photographs = sorted((data_folder / "negatives").glob("*.jpg"))
    assert READ not in answers(reader, photographs)


def test_films_of_other_hospitals_are_read(reader: Reader, data_folder: Path) -> None:
    found = answers(reader, sorted((data_folder / "other_hospitals").glob("*.jpg")))
    assert found.count(READ) >= 0.99 * len(found)


def test_lateral_films_sent_as_frontal_are_refused(reader: Reader, data_folder: Path) -> None:
    found = answers(reader, sorted((data_folder / "pairs" / "lateral").iterdir()))
    assert found.count(READ) <= 0.1 * len(found)


def test_of_real_dicom_files_only_human_chests_with_a_true_header_are_read(reader: Reader, data_folder: Path) -> None:
    with (data_folder / "dicom" / "index.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    chests = {row["file"] for row in rows if row["human_chest"] == "yes"}
    altered = {row["file"] for row in rows if "header changed" in row["what"] or "rejection test" in row["what"]}

    found = answers(reader, [data_folder / "dicom" / row["file"] for row in rows])

    assert {row["file"] for row, code in zip(rows, found, strict=True) if code == READ} == chests - altered


def test_the_mushroom_pack_keeps_every_rule_and_always_warns_of_eating() -> None:
    pack = read_pack(find_pack("mushroom"))

    assert [check.rule for check in check_pack(pack.folder) if not check.passed] == []
    assert pack.task.caution is not None
    assert pack.task.caution["en"] == "Not for deciding what to eat."
    assert set(pack.networks) == {"top", "side"}
    assert pack.measured is not None
    assert pack.measured.confidence is not None


def test_a_mushroom_is_read_from_two_photographs_or_from_either_alone(data_folder: Path) -> None:
    reader = load_reader(read_pack(find_pack("mushroom")))
    top = data_folder / "mushrooms" / "Amanita_muscaria" / "lannyf_0985.jpg"
    side = sorted((data_folder / "mushrooms" / "Amanita_virosa").glob("*.jpg"))[0]

    both = read_files(reader, {"top": top, "side": side})
    alone = read_files(reader, {"top": top})

    assert both.warnings[0].code == "caution"
    assert max(alone.findings, key=lambda finding: finding.probability).label == "amanita-muscaria"
    assert {view for finding in both.findings for view in finding.heat_maps} == {"top", "side"}
    assert sum(finding.probability for finding in both.findings) == pytest.approx(1, abs=1e-5)
