"""The words of a pack that is made of published weights: its task and its model card."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from rakurs.errors import TrainingError
from rakurs.task import Label, Preprocess

CHEST_LABELS: dict[str, tuple[str, str, list[str] | None]] = {
    "Atelectasis": ("Atelectasis", "Ателектаз", ["SCT", "46621007", "Atelectasis"]),
    "Cardiomegaly": ("Cardiomegaly", "Кардиомегалия", ["SCT", "8186001", "Cardiomegaly"]),
    "Consolidation": ("Consolidation", "Консолидация", ["SCT", "95436008", "Pulmonary consolidation"]),
    "Edema": ("Pulmonary edema", "Отёк лёгких", ["SCT", "19242006", "Pulmonary edema"]),
    "Effusion": ("Pleural effusion", "Плевральный выпот", ["SCT", "60046008", "Pleural effusion"]),
    "Emphysema": ("Emphysema", "Эмфизема", ["SCT", "87433001", "Pulmonary emphysema"]),
    "Enlarged Cardiomediastinum": ("Enlarged cardiomediastinum", "Расширение сердечно-средостенной тени", None),
    "Fibrosis": ("Fibrosis", "Фиброз", ["SCT", "51615001", "Fibrosis of lung"]),
    "Fracture": ("Fracture", "Перелом", None),
    "Hernia": ("Hiatal hernia", "Грыжа пищеводного отверстия", ["SCT", "84089009", "Hiatal hernia"]),
    "Infiltration": ("Infiltration", "Инфильтрация", ["DCM", "112121", "Infiltrate"]),
    "Lung Lesion": ("Lung lesion", "Очаговое изменение лёгкого", None),
    "Lung Opacity": ("Lung opacity", "Затемнение лёгкого", None),
    "Mass": ("Mass", "Образование", ["SCT", "309529002", "Lung mass"]),
    "Nodule": ("Nodule", "Очаг", ["SCT", "786838002", "Nodule of lung"]),
    "Pleural_Thickening": ("Pleural thickening", "Утолщение плевры", None),
    "Pneumonia": ("Pneumonia", "Пневмония", ["SCT", "233604007", "Pneumonia"]),
    "Pneumothorax": ("Pneumothorax", "Пневмоторакс", ["SCT", "36118008", "Pneumothorax"]),
}
"""A data set's label -> its titles and its code; without one where no trustworthy code was found."""

_TASK = """\
schema = 1
name = {name}
version = "1"
title = {{ en = {title_en}, ru = {title_ru} }}
modalities = ["CR", "DX", "DR", "RG"]
body_parts = ["CHEST", "THORAX", "LUNG", "LUNGS", "PORTABLE CHEST", "CHEST PORTABLE"]
activation = "sigmoid"

[intended_use]
en = "Research only, on frontal chest radiographs of adults. The weights are of others; they were neither trained nor \
tested nor calibrated by Rakurs, and their licence is not known: check their source before use. The numbers rank \
films, but are no probabilities."
ru = "Только для исследований, на прямых рентгенограммах грудной клетки взрослых. Веса чужие: Rakurs их не обучал, не \
проверял и не калибровал, их лицензия неизвестна; до использования проверьте источник. Числа упорядочивают снимки, но \
вероятностями не являются."

[preprocess]
channels = {channels}
rows = {rows}
columns = {columns}
fit = {fit}
mean = {mean}
std = {std}

[[views]]
name = "frontal"
title = {{ en = "Frontal (PA or AP)", ru = "Прямая проекция" }}
required = true
dicom = ["PA", "AP"]
"""

_LABEL = """
[[labels]]
name = {name}
title = {{ en = {title_en}, ru = {title_ru} }}
from = {sources}
"""

_CARD = """\
# {name}

Published weights of others, in a pack. For research only: Rakurs neither trained nor tested nor calibrated them.

| | |
| --- | --- |
| Source | {source} |
| File | `{file}`, `{digest}` |
| Network | DenseNet-121 (Huang et al. 2017); the numbers are those of the file |
| Input | {rows} x {columns}, {channels} channel(s), fit "{fit}", mean {mean}, deviation {std} of grey values 0..1 |
| Outputs | {outputs} |
| Licence of the weights | not known; check the source |
| Measured | nothing: no calibration, no operating points, no limits of what may be read |

{remarks}

Given the same input array, the answers are those of the original network to 1e-4. A film reaches that array by the
resizing of Rakurs, which averages over areas, as the original may not.
"""


@dataclass(frozen=True, slots=True)
class Description:
    """What is said of published weights: `digest` "sha256:" with that of `file`, `source` and `remarks` in words."""

    name: str
    labels: Sequence[Label]
    preprocess: Preprocess
    file: str
    digest: str
    source: str
    remarks: str


def label_of(output: str) -> Label:
    """The label that an output with the name of a data set's label stands for.

    Raises:
        TrainingError: nothing in the name can be the name of a label.
    """
    name = re.sub(r"[^a-z0-9]+", "-", output.lower()).strip("-")
    english, russian, code = CHEST_LABELS.get(output, (output, output, None))
    try:
        return Label.model_validate(
            {"name": name, "title": {"en": english, "ru": russian}, "from": [output], "code": code}
        )
    except ValidationError:
        raise TrainingError(
            f"The output '{output}' cannot name a label; expected words in Latin letters, 64 at most."
        ) from None


def task_text(described: Description) -> str:
    """The task.toml of published weights."""
    preprocess = described.preprocess
    head = _TASK.format(
        name=_toml(described.name),
        title_en=_toml(f"Chest radiograph, published weights: {described.name}"),
        title_ru=_toml(f"Рентгенограмма грудной клетки, опубликованные веса: {described.name}"),
        **{key: _toml(value) for key, value in preprocess.model_dump().items()},
    )
    return head + "".join(_label_text(label) for label in described.labels)


def _label_text(label: Label) -> str:
    text = _LABEL.format(
        name=_toml(label.name),
        title_en=_toml(label.title["en"]),
        title_ru=_toml(label.title["ru"]),
        sources=_toml(label.sources),
    )
    return text + (f"code = {_toml(label.code)}\n" if label.code else "")


def _toml(value: object) -> str:
    """A string, a number or a list of them: TOML writes them as JSON does."""
    return json.dumps(value, ensure_ascii=False)


def card_text(described: Description) -> str:
    """The model card of published weights."""
    return _CARD.format(
        name=described.name,
        source=described.source,
        remarks=described.remarks,
        file=described.file,
        digest=described.digest,
        outputs=", ".join(label.source_names[0] for label in described.labels),
        **described.preprocess.model_dump(),
    )
