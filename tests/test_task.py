"""A task is strict about what it declares, and the tasks that ship fit together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydicom.sr._concepts_dict import concepts

from rakurs.errors import TaskError
from rakurs.task import Label, Task, View, read_task, title_of
from tests.packs import LABELS, task_text

REPOSITORY = Path(__file__).parents[1]
SHIPPED = sorted([*REPOSITORY.glob("packs/*/task.toml"), *REPOSITORY.glob("tasks/*.toml")])
MEDICAL = [path for path in SHIPPED if "chest-xray" in path.as_posix()]
MERGED = REPOSITORY / "packs" / "chest-xray" / "task.toml"
SEVEN = REPOSITORY / "tasks" / "chest-xray-7.toml"
FOURTEEN = REPOSITORY / "tasks" / "chest-xray-14.toml"
# Wang et al., "ChestX-ray8", CVPR 2017, and the data set's own README: its labels, by that spelling.
NIH_LABELS = {
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis", "Hernia",
    "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax",
}  # fmt: skip
VALID = task_text(("frontal", "lateral"), tuple(LABELS), side=64)


def written(folder: Path, text: str) -> Path:
    path = folder / "task.toml"
    path.write_text(text, encoding="utf-8")
    return path


def changed(old: str, new: str) -> str:
    """The valid task with the first occurrence of `old` replaced."""
    assert old in VALID
    return VALID.replace(old, new, 1)


def names(path: Path) -> list[str]:
    """A shipped task's names of a data set's labels, in order."""
    return [name for label in read_task(path).labels for name in label.source_names]


def verhoeff_holds(identifier: str) -> bool:
    """Verhoeff's check (1969), computed from its definition: products in the dihedral group of the pentagon.

    The numbers 0..4 are its rotations and 5..9 its reflections; the digit in place i is permuted i times
    by (1 5 8 9 4 2 7 0)(3 6) first. A sound identifier multiplies to 0.
    """
    product = 0
    for place, character in enumerate(reversed(identifier)):
        digit = int(character)
        for _ in range(place):
            digit = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[digit]
        turned, reflected = product % 5, product >= 5
        following = (turned - digit % 5) % 5 if reflected else (turned + digit % 5) % 5
        product = following + 5 * (reflected != (digit >= 5))
    return product == 0


def test_a_valid_task_is_read_as_it_was_written(tmp_path: Path) -> None:
    task = read_task(written(tmp_path, VALID))

    assert [view.name for view in task.views] == ["frontal", "lateral"]
    assert [label.name for label in task.labels] == list(LABELS)
    assert (task.preprocess.rows, task.preprocess.mean, task.activation) == (64, [0.5], "sigmoid")
    assert [(point.criterion, point.at_least) for point in task.operating_points] == [
        ("sensitivity", 0.95), ("specificity", 0.95),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('version = "1"', 'version = "1"\nthreshold = 0.5', "threshold"),
        ("channels = 1", "channels = 1\nresize = 64", "preprocess.resize"),
        ("required = true", "required = true\nangle = 90", "views.0.angle"),
        ('name = "mass"', 'name = "mass"\nweight = 2.0', "labels.1.weight"),
        ('criterion = "sensitivity"', 'criterion = "sensitivity"\nthreshold = 0.1', "operating_points.0.threshold"),
        ('title = { en = "Mass"', 'title = { fr = "Masse"', "labels.1.title.fr"),
    ],
)
def test_a_key_that_no_task_has_is_refused_by_its_place(tmp_path: Path, old: str, *, new: str, field: str) -> None:
    path = written(tmp_path, changed(old, new))

    with pytest.raises(TaskError, match=re.escape(field)):
        read_task(path)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("schema = 1", "schema = 2", "schema"),
        ("schema = 1", 'schema = "1"', "schema"),
        ('name = "tiny"', 'name = "Tiny Pack"', "name"),
        ('version = "1"', "version = 1", "version"),
        ('version = "1"', 'version = "1 beta"', "version"),
        ('modalities = ["CR", "DX"]', 'modalities = "CR"', "modalities"),
        ('activation = "sigmoid"', 'activation = "relu"', "activation"),
        ("channels = 1", 'channels = "1"', "preprocess.channels"),
        ("channels = 1", "channels = 2", "preprocess.channels"),
        ("rows = 64", "rows = 64.0", "preprocess.rows"),
        ("rows = 64", "rows = 31", "preprocess.rows"),
        ("columns = 64", "columns = 4097", "preprocess.columns"),
        ('fit = "pad"', 'fit = "stretch"', "preprocess.fit"),
        ("mean = [0.5]", "mean = 0.5", "preprocess.mean"),
        ("std = [0.25]", "std = [0.0]", "preprocess.std"),
        ("required = true", 'required = "true"', "views.0.required"),
        ('name = "frontal"', 'name = "Frontal"', "views.0.name"),
        ('["SCT", "309529002", "Lung mass"]', '["SCT", "309529002"]', "labels.1.code"),
        ('criterion = "sensitivity"', 'criterion = "accuracy"', "operating_points.0.criterion"),
        ("at_least = 0.95", "at_least = 1.0", "operating_points.0.at_least"),
        ("at_least = 0.95", 'at_least = "0.95"', "operating_points.0.at_least"),
    ],
)
def test_a_value_of_a_wrong_type_or_range_is_refused_by_its_place(
    tmp_path: Path, old: str, *, new: str, field: str
) -> None:
    path = written(tmp_path, changed(old, new))

    with pytest.raises(TaskError, match=re.escape(f"{field}")):
        read_task(path)


@pytest.mark.parametrize("line", ["schema = 1", 'activation = "sigmoid"', 'intended_use = { en = "For tests only."'])
def test_what_every_task_must_say_may_not_be_missing(tmp_path: Path, line: str) -> None:
    kept = "\n".join(each for each in VALID.splitlines() if not each.startswith(line))

    with pytest.raises(TaskError, match=f"{line.split(maxsplit=1)[0]}: Field required"):
        read_task(written(tmp_path, kept))


def test_a_task_without_views_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, task_text((), tuple(LABELS), side=64))

    with pytest.raises(TaskError, match="views"):
        read_task(path)


def test_a_task_without_labels_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, task_text(("frontal",), (), side=64))

    with pytest.raises(TaskError, match="labels"):
        read_task(path)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ('name = "lateral"', 'name = "frontal"', "views"),
        ('name = "mass"', 'name = "effusion"', "labels"),
        ('name = "specific"', 'name = "sensitive"', "operating_points"),
    ],
)
def test_two_entries_of_one_name_are_refused(tmp_path: Path, old: str, *, new: str, kind: str) -> None:
    path = written(tmp_path, changed(old, new))

    with pytest.raises(TaskError, match=f"two {kind} have the same name"):
        read_task(path)


def test_the_main_view_is_the_first_required_one_or_else_the_first(tmp_path: Path) -> None:
    task = read_task(written(tmp_path, changed("required = true", "required = false")))

    required = View(name="required", required=True)
    assert task.main_view == task.views[0]
    assert task.model_copy(update={"views": [task.views[1], required]}).main_view == required


def test_a_source_that_means_a_label_and_none_is_refused(tmp_path: Path) -> None:
    source = read_task(written(tmp_path, VALID)).labels[0].source_names[0]
    path = written(tmp_path, changed('without = ["No Finding"]', f'without = ["{source}"]'))

    with pytest.raises(TaskError, match=f"{source} cannot both mean a label and stand in `without`"):
        read_task(path)


@pytest.mark.parametrize(
    ("old", "new", "channels"),
    [
        ("mean = [0.5]", "mean = [0.5, 0.5]", 1),
        ("std = [0.25]", "std = []", 1),
        ("channels = 1", "channels = 3", 3),
    ],
)
def test_mean_and_std_need_one_value_per_channel(tmp_path: Path, old: str, *, new: str, channels: int) -> None:
    path = written(tmp_path, changed(old, new))

    with pytest.raises(TaskError, match=f"mean and std need {channels} values"):
        read_task(path)


def test_one_sentence_names_every_broken_field(tmp_path: Path) -> None:
    path = written(tmp_path, changed("rows = 64", "rows = 1").replace('fit = "pad"', 'fit = "squeeze"'))

    with pytest.raises(TaskError) as caught:
        read_task(path)

    assert "preprocess.rows" in caught.value.message
    assert "preprocess.fit" in caught.value.message


def test_a_missing_task_file_is_said_by_name_and_folder(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"The task task\.toml is not in"):
        read_task(tmp_path / "task.toml")


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "name = tiny")

    with pytest.raises(TaskError, match="not valid TOML"):
        read_task(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "task.toml"
    path.write_bytes(b'name = "\xff\xfe"')

    with pytest.raises(TaskError, match="not valid TOML"):
        read_task(path)


def test_a_task_cannot_be_changed(tmp_path: Path) -> None:
    task = read_task(written(tmp_path, VALID))

    with pytest.raises(ValidationError, match="frozen"):
        task.name = "other"


def test_a_task_survives_being_written_and_read_by_its_python_names(tmp_path: Path) -> None:
    task = read_task(written(tmp_path, VALID))

    again = Task.model_validate(task.model_dump())

    assert again == task


def test_a_label_means_itself_where_nothing_else_is_said() -> None:
    label = Label.model_validate({"name": "mass"})

    assert label.source_names == ["mass"]


def test_a_label_means_what_it_is_made_from() -> None:
    label = Label.model_validate({"name": "other", "from": ["Hernia", "Edema"]})

    assert label.source_names == ["Hernia", "Edema"]


def test_a_view_is_found_by_name(tmp_path: Path) -> None:
    task = read_task(written(tmp_path, VALID))

    assert task.view("lateral").dicom == ["LL", "RL", "LATERAL"]


def test_asking_for_an_unknown_view_names_those_there_are(tmp_path: Path) -> None:
    task = read_task(written(tmp_path, VALID))

    with pytest.raises(TaskError, match="no view 'oblique'; it has: frontal, lateral"):
        task.view("oblique")


@pytest.mark.parametrize(
    ("titles", "language", "title"),
    [
        ({"en": "Side", "ru": "Сбоку"}, "ru", "Сбоку"),
        ({"en": "Side", "ru": "Сбоку"}, "en", "Side"),
        ({"en": "Side"}, "ru", "Side"),
        ({"en": "Side", "ru": ""}, "ru", "Side"),
        ({"ru": "Сбоку"}, "en", "side"),
        ({}, "en", "side"),
    ],
)
def test_a_title_falls_back_to_english_and_then_to_the_name(
    titles: dict[str, str], language: str, *, title: str
) -> None:
    view = View.model_validate({"name": "side", "title": titles})

    assert title_of(view, language) == title


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_a_shipped_task_is_valid_and_titled_in_both_languages(path: Path) -> None:
    task = read_task(path)

    titled = [
        task.title,
        task.intended_use,
        *(view.title for view in task.views),
        *(label.title for label in task.labels),
    ]
    assert all(titles.get("en") and titles.get("ru") for titles in titled)


@pytest.mark.parametrize("path", MEDICAL, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_snomed_code_that_ships_is_a_concept_with_a_sound_check_digit(path: Path) -> None:
    task = read_task(path)

    codes = [label.code for label in task.labels if label.code and label.code[0] == "SCT"]
    assert codes
    for _, value, meaning in codes:
        assert value.isdigit()
        assert value[-3:-1] == "00", "the partition of a concept in the international edition"
        assert verhoeff_holds(value), value
        assert 0 < len(meaning) <= 64, "as a DICOM Code Meaning (VR LO)"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_other_code_that_ships_is_one_of_dicom_itself_with_its_meaning(path: Path) -> None:
    dictionary: Any = concepts["DCM"]
    of_dicom = {value: meaning for each in dictionary.values() for value, (meaning, _) in each.items()}

    codes = [label.code for label in read_task(path).labels if label.code and label.code[0] != "SCT"]

    assert all(scheme == "DCM" and of_dicom[value] == meaning for scheme, value, meaning in codes)


@given(st.integers(1, 10**17), st.integers(0, 9))
def test_the_check_that_the_codes_are_held_against_finds_every_single_wrong_digit(stem: int, digit: int) -> None:
    sound = [f"{stem}{last}" for last in range(10) if verhoeff_holds(f"{stem}{last}")]

    (identifier,) = sound
    wrong = str((int(identifier[0]) + 1 + digit % 9) % 10) + identifier[1:]
    assert not verhoeff_holds(wrong)


@pytest.mark.parametrize("identifier", ["2363", "138875005", "404684003"])
def test_the_check_that_the_codes_are_held_against_accepts_published_identifiers(identifier: str) -> None:
    """Verhoeff's usual example, SNOMED CT's root concept and its "Clinical finding"."""
    assert verhoeff_holds(identifier)


def test_the_fourteen_labels_are_those_of_the_data_set() -> None:
    declared = names(FOURTEEN)

    assert len(declared) == 14
    assert set(declared) == NIH_LABELS


def test_the_merged_label_is_exactly_the_seven_that_are_left_out() -> None:
    (other,) = (label for label in read_task(MERGED).labels if label.name == "other")

    assert len(other.source_names) == 7
    assert set(other.source_names) == NIH_LABELS - set(names(SEVEN))


def test_the_merged_scheme_covers_every_label_of_the_data_set_once() -> None:
    assert sorted(names(MERGED)) == sorted(NIH_LABELS)


def test_a_label_is_the_same_in_every_scheme() -> None:
    merged, seven, fourteen = (read_task(path).labels for path in (MERGED, SEVEN, FOURTEEN))

    assert merged[:7] == seven
    assert fourteen[:7] == seven


def test_the_schemes_differ_in_nothing_but_name_title_and_what_their_labels_mean() -> None:
    tasks = [
        read_task(path).model_dump(exclude={"name", "title", "labels", "without"}) for path in (MERGED, SEVEN, FOURTEEN)
    ]

    assert tasks[0] == tasks[1] == tasks[2]


def test_a_task_of_which_several_labels_may_hold_cannot_abstain(tmp_path: Path) -> None:
    path = written(tmp_path, f"{VALID}\n[abstention]\nat_most_error = 0.05\n")

    with pytest.raises(TaskError, match="only a task of which exactly one label holds"):
        read_task(path)
