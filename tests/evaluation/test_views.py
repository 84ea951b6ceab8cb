"""Studies of several views are answered and fused as reading does it, and a missing view changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rakurs.errors import UsageError
from rakurs.evaluation.index import Studies, read_index, split_of, write_index
from rakurs.evaluation.views import answer_studies, fuse_studies, study_probabilities
from rakurs.inference.images import read_image
from rakurs.inference.read import load_reader, read_study
from rakurs.pack import Pack, read_pack
from rakurs.study import Study
from tests.labelled import rows_of, silent, write_films
from tests.packs import write_pack

VIEWS = ("frontal", "lateral")
HELD = {"both": VIEWS, "frontal-alone": ("frontal",), "other-both": VIEWS, "other-frontal": ("frontal",)}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return read_pack(write_pack(tmp_path_factory.mktemp("pack") / "both", views=VIEWS))


def studies(folder: Path, pack: Pack, *, held: dict[str, tuple[str, ...]]) -> Studies:
    """Studies with images of these views, each its own patient's."""
    write_films(folder, rows_of("test", sum(map(len, held.values()))))
    pairs = [(study, view) for study, views in held.items() for view in views]
    columns = {
        "study": [study for study, _ in pairs],
        "patient": [study for study, _ in pairs],
        "view": [view for _, view in pairs],
        "path": [f"film-{number:03d}.png" for number in range(len(pairs))],
        "labels": [["mass"]] * len(pairs),
        "split": ["test"] * len(pairs),
    }
    index = read_index(write_index(columns, images=folder, path=folder / "views.parquet"))
    return split_of(index, pack.task, split="test")


def test_probabilities_are_those_that_reading_each_study_gives(pack: Pack, tmp_path: Path) -> None:
    held = studies(tmp_path, pack, held=HELD)
    reader = load_reader(pack, threads=1)

    together = study_probabilities(pack, held, progress=silent)

    for row, (name, views) in enumerate(HELD.items()):
        files = {view: held.films[view].files[list(held.rows[view]).index(row)] for view in views}
        reading = read_study(reader, Study(images={view: read_image(path) for view, path in files.items()}))
        expected = [finding.probability for finding in reading.findings]
        np.testing.assert_allclose(together[row], expected, rtol=1e-4, err_msg=name)


def test_one_view_missing_gives_exactly_the_other_views_answer(pack: Pack, tmp_path: Path) -> None:
    answers = answer_studies(pack, studies(tmp_path, pack, held=HELD), progress=silent)

    fused = fuse_studies(answers, pack.measured)

    np.testing.assert_array_equal(fused[1], answers["frontal"][1])
    assert np.isnan(answers["lateral"][[1, 3]]).all()
    assert not np.isnan(fused).any()


def test_studies_of_which_no_view_is_read_are_counted_and_refused(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "pack", views=VIEWS)
    both = read_pack(folder)
    held = studies(tmp_path / "films", both, held={"a": VIEWS, "b": ("lateral",), "c": ("lateral",)})
    frontal_alone = Pack(
        folder=folder, task=both.task, networks={"frontal": both.networks["frontal"]}, measured=both.measured
    )

    with pytest.raises(UsageError, match=r"2 of 3 studies have no image of a view that the pack reads \(frontal\)"):
        answer_studies(frontal_alone, held, progress=silent)
