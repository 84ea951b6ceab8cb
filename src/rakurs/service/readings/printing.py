"""The parts of a printed page: fonts, styles, a film with its heat map, a bar of probability."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import Any, Final
from xml.sax.saxutils import escape

import cv2
import numpy as np
import PIL.Image
from font_roboto import font_files
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph

from rakurs.inference.overlay import COLOURS, OPACITY, film_jpeg
from rakurs.inference.weight import place
from rakurs.study import HeatMap, Image

FONT, BOLD = "Roboto", "RobotoBold"
INK: Final = HexColor("#111418")
PALE: Final = HexColor("#5c6670")
LINE: Final = HexColor("#c8ced4")
STRONG: Final = HexColor("#b3261e")

FILM_SIDE: Final = 900
"""Pixels of a film's longer side: at 85 mm of paper some 270 to the inch."""

MAP_SIDE: Final = 256
"""Pixels of a map's longer side: printers do not smooth what they enlarge."""


@cache
def styles() -> dict[str, ParagraphStyle]:
    """The styles of the page, once its fonts are known to reportlab."""
    for name in (FONT, BOLD):  # Latin and Cyrillic
        pdfmetrics.registerFont(TTFont(name, font_files[name]))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=BOLD, italic=FONT, boldItalic=BOLD)
    plain = ParagraphStyle("plain", fontName=FONT, fontSize=9, leading=12.5, textColor=INK)
    small = ParagraphStyle("small", plain, fontSize=7, leading=9.5, textColor=PALE)
    return {
        "plain": plain,
        "small": small,
        "lead": ParagraphStyle("lead", small, keepWithNext=1, spaceAfter=3),
        "heading": ParagraphStyle(
            "heading", plain, fontName=BOLD, fontSize=11, leading=15, spaceBefore=9, spaceAfter=3, keepWithNext=1
        ),
        "title": ParagraphStyle("title", plain, fontName=BOLD, fontSize=16, leading=21),
        "warning": ParagraphStyle("warning", plain, textColor=STRONG),
    }


def paragraph(text: str, style: str = "plain", *, bold: bool = False) -> Paragraph:
    """A text as it stands: what looks like markup in it is none."""
    shown = escape(text)
    return Paragraph(f"<b>{shown}</b>" if bold else shown, styles()[style])


def film_picture(image: Image) -> ImageReader:
    """A film as the page shows it."""
    return ImageReader(BytesIO(film_jpeg(image, longest=FILM_SIDE)))


def map_picture(heat_map: HeatMap) -> ImageReader:
    """A map in its colours, half transparent at its strongest, smoothed to `MAP_SIDE`."""
    height, width = heat_map.values.shape
    scale = MAP_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    greatest = float(heat_map.values.max(initial=0.0)) or 1.0
    smooth = cv2.resize(heat_map.values / greatest, size, interpolation=cv2.INTER_LINEAR)
    coloured = COLOURS[np.clip(np.round(smooth * 255), 0, 255).astype(np.uint8)].astype(np.float32)
    coloured[..., 3] *= OPACITY
    return ImageReader(PIL.Image.fromarray(coloured.astype(np.uint8), "RGBA"))


class Film(Flowable):  # type: ignore[misc]  # reportlab has no types
    """A film in its proportions within a box, with a map over it that covers it exactly."""

    def __init__(self, film: ImageReader, heat_map: ImageReader | None, *, width: float, most_height: float) -> None:
        super().__init__()
        columns, rows = film.getSize()
        scale = min(width / columns, most_height / rows)
        self.width, self.height = columns * scale, rows * scale
        self._pictures = [picture for picture in (film, heat_map) if picture is not None]

    def draw(self) -> None:
        """Draw the film, and the map over it."""
        for picture in self._pictures:
            self.canv.drawImage(picture, 0, 0, self.width, self.height, mask="auto")


class Bar(Flowable):  # type: ignore[misc]
    """A probability on a scale of odds, with its thresholds: hollow keeps sensitivity, filled keeps specificity."""

    def __init__(self, probability: float, marks: Sequence[tuple[float, str]], *, width: float, colour: Color) -> None:
        super().__init__()
        self.width, self.height = width, 9
        self._probability, self._marks, self._colour = probability, marks, colour

    def draw(self) -> None:
        """Draw the bar and its marks."""
        pen: Any = self.canv
        pen.setFillColor(LINE)
        pen.rect(0, 3.5, self.width, 2, stroke=0, fill=1)
        pen.setFillColor(self._colour)
        pen.rect(0, 2.5, self.width * place(self._probability), 4, stroke=0, fill=1)
        pen.setStrokeColor(INK)
        pen.setLineWidth(0.8)
        for threshold, criterion in self._marks:
            filled = criterion == "specificity"
            pen.setFillColor(INK if filled else HexColor("#ffffff"))
            pen.circle(self.width * place(threshold), 4.5, 2.2, stroke=1, fill=1)
