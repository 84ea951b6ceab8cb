"""Splits are by patient, the same wherever and whenever they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from rakurs.errors import UsageError
from rakurs.training.datasets.delimited import texts
from rakurs.training.datasets.splits import carve_val, draw_splits, lots, named_splits

MANY = texts(f"{number}" for number in range(20_000))


def test_shares_are_those_that_were_asked_for() -> None:
    splits = draw_splits(MANY)

    shares = [np.mean(splits == split) for split in ("train", "val", "test")]
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.01)


def test_a_patient_keeps_its_split_when_others_come_and_rows_change_places() -> None:
    few = texts(["7", "3", "7", "11"])

    assert draw_splits(few).tolist() == draw_splits(MANY)[[7, 3, 7, 11]].tolist()


def test_the_draw_is_the_same_on_every_machine() -> None:
    np.testing.assert_allclose(lots(texts(["1", "2"])), [0.9459165357046845, 0.8099321172140699], rtol=1e-12)


def test_another_seed_draws_anew() -> None:
    assert (draw_splits(MANY) != draw_splits(MANY, seed=1)).mean() > 0.3


def test_val_is_carved_from_train_alone_and_a_larger_share_holds_the_smaller() -> None:
    given = np.where(np.arange(len(MANY)) % 2 == 0, "test", "train")

    tenth, fifth = (carve_val(given, MANY, val_share=share) for share in (0.1, 0.2))

    assert (tenth[given == "test"] == "test").all()
    assert np.mean(tenth[given == "train"] == "val") == pytest.approx(0.1, abs=0.01)
    assert (fifth[tenth == "val"] == "val").all()


def test_usual_spellings_of_splits_are_understood() -> None:
    assert named_splits(texts(["Training", "valid", "TEST"]), of="films.csv").tolist() == ["train", "val", "test"]


def test_another_word_is_counted_and_refused() -> None:
    with pytest.raises(
        UsageError, match=r"films\.csv holds 'fold3' \(2\), '' \(1\) as a split; expected train.*--split =random"
    ):
        named_splits(texts(["fold3", "train", "fold3", ""]), of="films.csv")
