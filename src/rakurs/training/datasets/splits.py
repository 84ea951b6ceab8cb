"""Splits by patient: a stable hash of the patient's name, so that a patient never moves when others come or go."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from rakurs.errors import UsageError
from rakurs.training.datasets.delimited import Texts

SEED = 0
VAL_SHARE, TEST_SHARE = 0.1, 0.2
"""The customary 70/10/20."""

SPELLINGS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What files and folders call a split, in small letters."""

REMEDY = "Keep some of its rows with --where, or split anew with --split =random."


def lots(patients: Texts, *, seed: int = SEED) -> npt.NDArray[np.float64]:
    """A number in 0..1 for each row, evenly spread over patients and the same for all rows of one: (rows,)."""
    drawn = {patient: _lot(f"{seed}:{patient}") for patient in set(patients.tolist())}
    return np.array([drawn[patient] for patient in patients.tolist()], np.float64)


def _lot(words: str) -> float:
    return int.from_bytes(hashlib.blake2b(words.encode(), digest_size=8).digest(), "big") / 2.0**64


def draw_splits(
    patients: Texts, *, val_share: float = VAL_SHARE, test_share: float = TEST_SHARE, seed: int = SEED
) -> Texts:
    """train, val or test for each row, by patient."""
    drawn = lots(patients, seed=seed)
    splits = np.full(len(patients), "train", object)
    splits[drawn < val_share + test_share] = "test"
    splits[drawn < val_share] = "val"
    return splits


def carve_val(splits: Texts, patients: Texts, *, val_share: float, seed: int = SEED) -> Texts:
    """Let a share of the patients of train be val instead."""
    return np.where((splits == "train") & (lots(patients, seed=seed) < val_share), "val", splits)


def decide_splits(
    named: Texts | None, patients: Texts, *, of: str, val_share: float | None, seed: int
) -> tuple[Texts, list[str]]:
    """The split of each row as it is named, else drawn by patient, and what was drawn in words.

    A share for val is taken from the patients of train where splits are named.

    Raises:
        UsageError: val is named already, and a share is asked for too.
    """
    if named is None:
        share = VAL_SHARE if val_share is None else val_share
        said = f"Splits are drawn by patient: val {share:.0%}, test {TEST_SHARE:.0%}, train the rest."
        return draw_splits(patients, val_share=share, seed=seed), [said]
    if val_share is None:
        return named, []
    if "val" in named:
        raise UsageError(f"{of} has a split 'val' already; leave --val-share away.")
    said = f"Of the patients of train, {val_share:.0%} are drawn to be val."
    return carve_val(named, patients, val_share=val_share, seed=seed), [said]


def named_splits(values: Texts, *, of: str, remedy: str = REMEDY) -> Texts:
    """The splits that a column names, in the house's words.

    Raises:
        UsageError: it holds something that is no split, which is counted.
    """
    known = {value: SPELLINGS.get(value.lower()) for value in set(values.tolist())}
    other = Counter(value for value in values.tolist() if known[value] is None)
    if other:
        held = ", ".join(f"'{value}' ({n})" for value, n in other.most_common(5))
        raise UsageError(f"{of} holds {held} as a split; expected train, val or test. {remedy}")
    return np.array([known[value] for value in values.tolist()], object)
