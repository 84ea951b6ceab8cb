"""The words of the page in both languages."""

from __future__ import annotations

import re

import pytest

from rakurs.errors import RefusalCode
from rakurs.inference.words import CODES, MEASURED_ON, POINT_NAMES, POINT_RULES, WORDS

CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


@pytest.mark.parametrize("table", [WORDS, POINT_RULES, POINT_NAMES, MEASURED_ON])
def test_every_word_is_there_in_english_and_in_russian(table: dict[str, tuple[str, str]]) -> None:
    assert [name for name, (english, _) in table.items() if not english or CYRILLIC.search(english)] == []
    assert [name for name, (_, russian) in table.items() if not CYRILLIC.search(russian)] == []


def test_every_refusal_has_a_russian_sentence() -> None:
    assert {code.value for code in RefusalCode} <= set(CODES)
