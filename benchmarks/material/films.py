"""Films to read: one human chest of the package pydicom-data, varied by seed, and the files that hold it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from rakurs.inference.images import read_image
from rakurs.study import FloatArray

Films = dict[str, Path]
SIDE = 1024
"""Of a film as PNG, as the NIH data set publishes its own."""

ROWS, COLUMNS = 2500, 2048
"""Of a film as DICOM: a usual detector."""

BITS = 16
GRAIN = 0.002
"""Deviation of the noise, in grey values 0..1: enlarging the sample film smooths its own away."""

PNG, RAW, LOSSLESS, JPEG_2000 = "PNG, 1024 px", "DICOM, raw", "DICOM, JPEG lossless", "DICOM, JPEG 2000"


@cache
def chest() -> FloatArray:
    """The sample film (1955, 1841) in 0..1: a chest, PA, computed radiography."""
    path = get_testdata_file("RG1_UNCI.dcm", download=False)
    if not isinstance(path, str):
        raise SystemExit("pydicom-data is missing; it is pinned in requirements/run.txt: make bench")
    return read_image(Path(path)).pixels


def film(rows: int, columns: int, *, seed: int) -> FloatArray:
    """The chest as another film of this size: its middle at other grey values, shifted a little, with grain."""
    random = np.random.default_rng(seed)
    whole = chest()
    share = min(whole.shape[0] / rows, whole.shape[1] / columns) * random.uniform(0.9, 1)
    height, width = int(rows * share), int(columns * share)
    top, left = (random.integers(0, room + 1) for room in (whole.shape[0] - height, whole.shape[1] - width))
    cut = whole[top : top + height, left : left + width]
    smaller = rows < height
    scaled = cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    grain = random.standard_normal((rows, columns), np.float32) * np.float32(GRAIN)
    return np.asarray(np.clip(scaled, 0, 1) ** random.uniform(0.8, 1.25) + grain, np.float32).clip(0, 1)


def write_png(path: Path, *, seed: int) -> Path:
    """A square film of 8 bits, as PNG."""
    path.write_bytes(imagecodecs.png_encode(np.rint(film(SIDE, SIDE, seed=seed) * 255).astype(np.uint8)))
    return path


def write_films(folder: Path) -> Films:
    """The inputs of the benchmark: a PNG, and one DICOM film of 16 bits in three transfer syntaxes."""
    stored = np.rint(film(ROWS, COLUMNS, seed=1) * ((1 << BITS) - 1)).astype(np.uint16)
    lossless = imagecodecs.jpeg8_encode(stored, lossless=True, predictor=1, bitspersample=BITS)
    jpeg2000 = imagecodecs.jpeg2k_encode(stored, codecformat="j2k", reversible=True, bitspersample=BITS, resolutions=6)
    films = {PNG: write_png(folder / "film.png", seed=0)}
    for name, syntax, frame in (
        (RAW, "1.2.840.10008.1.2.1", None),
        (LOSSLESS, "1.2.840.10008.1.2.4.70", lossless),
        (JPEG_2000, "1.2.840.10008.1.2.4.90", jpeg2000),
    ):
        films[name] = folder / f"{syntax}.dcm"
        _write_dicom(films[name], stored, syntax=syntax, frame=frame and bytes(frame))
    return films


def _write_dicom(path: Path, stored: npt.NDArray[np.uint16], *, syntax: str, frame: bytes | None) -> None:
    """A film with a window over its whole range: the peer does not window, and so both see the same greys."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.1.1"), UID("1.2.3.4")
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "DX", "CHEST", "PA"
    dataset.PatientName, dataset.PatientID = "Nobody^Nowhere", "0000"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = *stored.shape, 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, BITS, BITS - 1
    dataset.WindowCenter, dataset.WindowWidth = 1 << BITS - 1, 1 << BITS
    dataset.PixelData = stored.tobytes() if frame is None else encapsulate([frame])
    element: Any = dataset["PixelData"]
    element.VR, element.is_undefined_length = ("OW", False) if frame is None else ("OB", True)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dcmwrite(path, dataset, enforce_file_format=True)
