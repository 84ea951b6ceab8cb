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


def named_splits(values: Texts, *, of: str) -> Texts:
    """The splits that a column names, in the house's words.

    Raises:
        UsageError: it holds something that is no split, which is counted.
    """
    known = {value: SPELLINGS.get(value.lower()) for value in set(values.tolist())}
    other = Counter(value for value in values.tolist() if known[value] is None)
    if other:
        held = ", ".join(f"'{value}' ({n})" for value, n in other.most_common(5))
        raise UsageError(
            f"The split column of {of} holds {held}; expected train, val or test. Keep some of its rows with "
            "--where, or split anew with --split =random."
        )
    return np.array([known[value] for value in values.tolist()], object)
