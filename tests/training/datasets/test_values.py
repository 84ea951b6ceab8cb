"""What columns of text say is understood in its usual spellings, and else left out or refused in words."""

from __future__ import annotations

import numpy as np
import pytest

from rakurs.errors import UsageError
from rakurs.training.datasets.delimited import texts
from rakurs.training.datasets.values import (
    ages,
    labels_of_columns,
    positions,
    sexes,
    split_labels,
    whole_numbers,
)


def test_ages_are_years_whether_plain_or_as_dicom_writes_them() -> None:
    years, said = ages(texts(["58", "058Y", "6M", "026W", "73D", "57.5", ""]))

    np.testing.assert_allclose(years, [58, 58, 0.5, 0.4983, 0.19986, 57.5, np.nan], atol=1e-4)
    assert said == []


def test_impossible_ages_and_words_are_left_out_and_counted() -> None:
    years, said = ages(texts(["414", "121Y", "120", "adult", ""]))

    np.testing.assert_array_equal(years, [np.nan, np.nan, 120, np.nan, np.nan])
    assert said == ["2 ages above 120 years are left out.", "1 ages are no number and are left out."]


def test_sexes_are_those_of_dicom() -> None:
    assert sexes(texts(["M", "female", "O", "", "?"])) == (
        ["M", "F", "O", None, None],
        ["1 sexes are none of M, F and O and are left out."],
    )


def test_view_positions_are_in_capitals() -> None:
    assert positions(texts(["pa", "AP", ""])) == ["PA", "AP", None]


def test_pixels_are_whole_numbers_or_unknown() -> None:
    assert whole_numbers(texts(["1024", "1024.0", ""]), of="x") == [1024, 1024, None]
    with pytest.raises(UsageError, match="The size holds 'large'; expected whole numbers"):
        whole_numbers(texts(["large"]), of="The size")


def test_labels_are_parted_each_once_and_may_hold_spaces() -> None:
    held = split_labels(texts(["Amanita muscaria", "b| a |b", "", "|"]), "|")

    assert held == [["Amanita muscaria"], ["b", "a"], [], []]


def test_columns_of_0_and_1_are_labels() -> None:
    held = labels_of_columns({"mass": texts(["1", "0", ""]), "edema": texts(["1.0", "True", "no"])}, of="films.csv")

    assert held == [["mass", "edema"], ["edema"], []]


def test_a_column_that_is_not_of_0_and_1_is_refused() -> None:
    with pytest.raises(UsageError, match=r"column 'mass' of films\.csv holds '-1'; expected 0 or 1.*--where mass=0,1"):
        labels_of_columns({"mass": texts(["1", "-1"])}, of="films.csv")
