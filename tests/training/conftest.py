"""What several tests of training share."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def trained(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A `Trained` of small_training, which needs torch; the tests of data sets beside it do not."""
    small_training = pytest.importorskip("tests.training.small_training")
    return small_training.train_once(tmp_path_factory.mktemp("trained"))
