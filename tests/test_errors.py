"""Errors say what came, what was expected and what to do, and carry a code that programs understand."""

from __future__ import annotations

import json

import pytest

from rakurs.errors import PackError, RakursError, Refusal, RefusalCode, TaskError, TrainingError, UsageError

KINDS = {TaskError: "task", PackError: "pack", UsageError: "usage", TrainingError: "training"}


def refusal() -> Refusal:
    return Refusal(RefusalCode.BLANK, got="one grey value", expected="a film", remedy="Check the file.")


def test_the_codes_of_refusals_are_those_of_the_design() -> None:
    codes = {code.value for code in RefusalCode}

    assert codes == {
        "unreadable", "unsupported", "too_large", "too_small", "blank", "wrong_modality", "wrong_body_part",
        "multi_frame", "colour", "rotated", "wrong_view", "unlike_training",
    }  # fmt: skip


def test_a_refusal_says_what_came_what_was_expected_and_what_to_do() -> None:
    sentence = str(refusal())

    assert sentence == "Got one grey value; expected a film. Check the file."


def test_the_code_of_a_refusal_is_plain_text_for_json() -> None:
    written = json.dumps({"code": refusal().code})

    assert type(refusal().code) is str
    assert written == '{"code": "blank"}'


@pytest.mark.parametrize(("kind", "code"), KINDS.items(), ids=KINDS.values())
def test_every_kind_of_error_is_one_of_ours_with_a_code_of_its_own(kind: type[RakursError], code: str) -> None:
    error = kind("What came, what was expected, what to do.")

    assert isinstance(error, RakursError)
    assert (error.code, error.message) == (code, "What came, what was expected, what to do.")


def test_a_refusal_is_caught_as_an_error_of_ours() -> None:
    with pytest.raises(RakursError) as caught:
        raise refusal()

    assert caught.value.code == "blank"
