"""The words of the report page, in English and Russian; what a pack names, the pack translates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("en", "ru")

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "support": ("Decision support, not a diagnosis", "Поддержка решения врача, не диагноз"),
    "language": ("Language", "Язык"),
    "answer": ("Answer", "Ответ"),
    "findings": ("Findings", "Находки"),
    "finding": ("Finding", "Находка"),
    "probability": ("Probability", "Вероятность"),
    "score": ("Score", "Оценка"),
    "reached": ("Reached", "Достигнуто"),
    "none_reached": ("none", "ничего"),
    "points": ("Operating points", "Рабочие точки"),
    "order": (
        "The marks on it are the thresholds. First come findings that reach more of them, then those nearer to "
        "the highest.",
        "Отметки на ней — пороги. Сначала идут находки, достигшие большего числа порогов, затем те, что ближе к "
        "высшему.",
    ),
    "bar": (
        "The bar shows the probability on a scale of odds.",
        "Полоса показывает вероятность в шкале шансов.",
    ),
    "bar_uncalibrated": (
        "The bar shows the score, which is no probability, on a scale of odds.",
        "Полоса показывает оценку, которая не является вероятностью, в шкале шансов.",
    ),
    "no_points": (
        "No operating points were measured for this pack.",
        "Для этого пакета рабочие точки не измерены.",
    ),
    "choose": (
        "Choose a finding to see which places in the film speak for it.",
        "Выберите находку, чтобы увидеть, какие места снимка говорят за неё.",
    ),
    "keyboard": (
        "Keys: ↑ ↓ or 1–9 choose a finding, 0 or Esc takes the map away.",
        "Клавиши: ↑ ↓ или 1–9 выбирают находку, 0 или Esc убирает карту.",
    ),
    "map_of": ("Heat map", "Тепловая карта"),
    "map_is": (
        "Colours show where in this view the finding comes from, each map scaled to its own maximum: "
        "they say where, not how likely.",
        "Цвета показывают, откуда в этой проекции взята находка; каждая карта растянута до своего максимума: "
        "они говорят где, а не насколько вероятно.",
    ),
    "map_empty": (
        "No place in this view speaks for this finding.",
        "Ни одно место в этой проекции не говорит за эту находку.",
    ),
    "map_absent": (
        "This view was not read: there is no heat map of it.",
        "Эта проекция не прочитана: тепловой карты для неё нет.",
    ),
    "strength": ("Map over film", "Карта поверх снимка"),
    "off": ("Take the map away", "Убрать карту"),
    "invert": ("Invert the film", "Инвертировать снимок"),
    "little": ("little", "мало"),
    "much": ("much", "много"),
    "warning": ("Note", "Внимание"),
    "refused": ("This study was not read", "Исследование не прочитано"),
    "nothing_read": (
        "No finding was derived from it. That is not a sign of health.",
        "Никаких находок по нему не получено. Это не признак здоровья.",
    ),
    "calibrated": (
        "Calibrated: of films with a probability of 20%, about 20 in 100 had the finding in the population where it "
        "was measured. Where the finding is rarer or more frequent, the true share is lower or higher.",
        "Откалибровано: из снимков с вероятностью 20 % находка была примерно у 20 из 100 в той популяции, где это "
        "измерено. Там, где находка реже или чаще, истинная доля ниже или выше.",
    ),
    "uncalibrated": (
        "Not calibrated: the numbers put films in an order, but are no probabilities.",
        "Не откалибровано: числа упорядочивают снимки, но вероятностями не являются.",
    ),
    "measured_on": ("Measured on", "Измерено на"),
    "prevalence": ("frequency where it was measured", "частота там, где измерено"),
    "threshold": ("threshold", "порог"),
    "sensitivity": ("sensitivity", "чувствительность"),
    "specificity": ("specificity", "специфичность"),
    "is_reached": ("reached", "достигнуто"),
    "is_not_reached": ("not reached", "не достигнуто"),
    "interval": ("In brackets: 95% interval", "В скобках: 95 % интервал"),
    "intended_use": ("Intended use", "Назначение"),
    "origin": ("Where this comes from", "Откуда это"),
    "pack": ("Pack", "Пакет"),
    "network": ("Network", "Сеть"),
    "file": ("File", "Файл"),
    "size": ("Size", "Размер"),
    "pixels": ("pixels", "пикселей"),
    "time": ("Read", "Прочитано"),
    "program": ("Program", "Программа"),
    "unseen": ("film", "снимок"),
}

MEASURED_ON: Final[Mapping[str, tuple[str, str]]] = {
    "data_set": ("data set", "набор данных"),
    "films": ("films", "снимков"),
    "patients": ("patients", "пациентов"),
    "studies": ("studies", "исследований"),
}
"""Names of what measured.json says of its validation set; another name stands as it is."""

POINT_RULES: Final[Mapping[str, tuple[str, str]]] = {
    "sensitivity": (
        "set so that at least {share} of the films with the finding reach it",
        "выбрана так, чтобы её достигали не менее {share} снимков с находкой",
    ),
    "specificity": (
        "set so that at least {share} of the films without the finding stay below it",
        "выбрана так, чтобы не менее {share} снимков без находки оставались ниже неё",
    ),
}

POINT_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "sensitive": ("sensitive", "чувствительная"),
    "specific": ("specific", "специфичная"),
}
"""A task's own name stands where it is not among these."""

CODES: Final[Mapping[str, str]] = {
    "unsure": "Ответа нет: самый вероятный недостаточно вероятен.",
    "uncalibrated": "Пакет не откалиброван: его числа упорядочивают снимки, но вероятностями не являются.",
    "ungated": "Для пакета не измерены границы: снимок, непохожий на обучающие, не будет замечен.",
    "view_not_read": "В пакете нет сети для одной из проекций: этот снимок не использован.",
    "unreadable": "Файл не читается.",
    "unsupported": "Такой формат файла не поддерживается.",
    "too_large": "Снимок слишком велик.",
    "too_small": "Снимок слишком мал.",
    "blank": "На снимке нет изображения.",
    "wrong_modality": "Снимок получен другим методом исследования.",
    "wrong_body_part": "На снимке другая часть тела.",
    "multi_frame": "В файле несколько кадров, а не один снимок.",
    "colour": "Это цветное изображение, а не рентгенограмма.",
    "rotated": "Снимок повёрнут.",
    "wrong_view": "Это другая проекция.",
    "unlike_training": "Снимок не похож на те, на которых обучена сеть.",
}
"""What a refusal's or a warning's code means, in Russian; its English sentence, which holds the details, follows."""


def both(english: str, russian: str) -> dict[str, str]:
    """A text in both languages."""
    return dict(zip(LANGUAGES, (english, russian), strict=True))
