"""A pack of published weights answers what the network it was made of answers."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from rakurs.cli.packs_import import import_weights
from rakurs.errors import TaskError, TrainingError
from rakurs.inference.network import load_network
from rakurs.inference.preprocess import prepare
from rakurs.pack import Pack, digest_of, read_pack
from rakurs.study import Image, Source
from rakurs.training.published import (
    TORCHXRAYVISION_ENDING,
    TORCHXRAYVISION_FILES,
    TORCHXRAYVISION_URL,
    import_published,
)
from rakurs.training.published_pack import CHEST_LABELS
from rakurs.training.weights import plain_names
from tests.training.networks import farthest, noise
from tests.training.references import torchvision_densenet, torchxrayvision_densenet

pytestmark = pytest.mark.usefixtures("one_thread")

NIH = f"nih{TORCHXRAYVISION_ENDING}"
FOURTEEN = TORCHXRAYVISION_FILES["nih"].rstrip(",").split(",")


def image(grey: npt.NDArray[np.uint8]) -> Image:
    source = Source(format="PNG", rows=grey.shape[0], columns=grey.shape[1], bits=8, sha256="")
    return Image(pixels=(grey / 255).astype(np.float32), source=source)


def grey_noise(rows: int, columns: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (rows, columns), np.uint8)


def logits_of(pack: Pack, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return load_network(pack.networks["frontal"], pack.task, threads=1).run(images).logits


@pytest.fixture(scope="module")
def library(reference_networks: object) -> Any:
    pytest.importorskip("torchxrayvision", reason="torchxrayvision is not installed")
    return importlib.import_module("torchxrayvision")


@pytest.fixture(scope="module")
def grey(library: Any) -> Any:
    return torchxrayvision_densenet()


@pytest.fixture(scope="module")
def grey_file(grey: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / NIH
    torch.save(grey, path)
    return path


@pytest.fixture(scope="module")
def grey_pack(grey_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    out = tmp_path_factory.mktemp("packs") / "deep" / "xrv-nih"
    return read_pack(import_published(grey_file, kind="torchxrayvision", name="xrv-nih", out=out))


def test_logits_are_those_of_torchxrayvision_without_its_untrained_outputs(grey: Any, grey_pack: Pack) -> None:
    films = 1024 * noise(3, 1, 224, 224).clip(-1, 1)
    with torch.inference_mode():
        expected = grey(torch.from_numpy(films)).numpy()
    assert farthest(logits_of(grey_pack, films), expected[:, :14]) < 1e-4


def test_op_norm_makes_of_the_logits_what_torchxrayvision_answers(library: Any, grey: Any, *, grey_pack: Pack) -> None:
    films = 1024 * noise(3, 1, 224, 224).clip(-1, 1)
    thresholds = torch.tensor(library.models.model_urls["nih"]["op_threshs"], dtype=torch.float32)
    probabilities = torch.sigmoid(torch.from_numpy(logits_of(grey_pack, films)))
    ours = library.models.op_norm(probabilities, thresholds[:14])
    with torch.inference_mode():
        theirs = library.models.op_norm(torch.sigmoid(grey(torch.from_numpy(films))), thresholds)
    torch.testing.assert_close(ours, theirs[:, :14], atol=1e-4, rtol=1e-3)


def test_a_square_film_reaches_the_network_as_torchxrayvision_normalises_it(library: Any, grey_pack: Pack) -> None:
    film = grey_noise(224, 224)
    prepared, _ = prepare(image(film), grey_pack.task.preprocess)
    np.testing.assert_allclose(prepared, library.utils.normalize(film, 255)[None], atol=1e-3)


@pytest.mark.parametrize(("rows", "columns"), [(224, 300), (288, 224)])
def test_a_film_is_cropped_where_torchxrayvision_crops_it(
    library: Any, grey_pack: Pack, *, rows: int, columns: int
) -> None:
    film = grey_noise(rows, columns)
    prepared, _ = prepare(image(film), grey_pack.task.preprocess)
    expected = library.datasets.XRayCenterCrop()(library.utils.normalize(film, 255)[None])
    np.testing.assert_allclose(prepared, expected, atol=1e-3)


def test_only_trained_outputs_become_labels(grey_pack: Pack) -> None:
    assert [label.source_names for label in grey_pack.task.labels] == [[name] for name in FOURTEEN]


def test_the_pack_says_that_it_is_not_calibrated(grey_pack: Pack) -> None:
    assert grey_pack.measured is None
    assert not grey_pack.calibrated


def test_the_model_card_holds_the_checksum_of_the_original_file(grey_file: Path, grey_pack: Pack) -> None:
    card = (grey_pack.folder / "README.md").read_text(encoding="utf-8")
    assert digest_of(grey_file) in card
    assert NIH in card


def test_nothing_but_the_pack_is_left(grey_pack: Pack) -> None:
    assert sorted(path.name for path in grey_pack.folder.iterdir()) == ["README.md", "frontal.onnx", "task.toml"]
    assert [path.name for path in grey_pack.folder.parent.iterdir()] == ["xrv-nih"]


@pytest.fixture(scope="module")
def colour(reference_networks: object) -> nn.Module:
    """A network as jrzech/reproduce-chexnet saves it: whole, with a sigmoid behind its linear layer."""
    network = torchvision_densenet(3)
    network.classifier = nn.Sequential(network.classifier, nn.Sigmoid())
    ready: nn.Module = network.eval()
    return ready


@pytest.fixture(scope="module")
def colour_pack(colour: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    folder = tmp_path_factory.mktemp("packs")
    torch.save({"model": colour, "epoch": 1}, folder / "checkpoint")
    call = ["torchvision", str(folder / "checkpoint"), "--labels", "Mass,,Pleural_Thickening", "--fit", "pad"]
    answer = CliRunner().invoke(import_weights, [*call, "--out", str(folder / "chexnet")])
    assert answer.output == f"{folder / 'chexnet'}\n"
    return read_pack(folder / "chexnet")


def test_a_network_with_a_sigmoid_behind_its_layer_gives_the_same_probabilities(
    colour: nn.Module, colour_pack: Pack
) -> None:
    images = noise(2, 3, 224, 224)
    ours = torch.sigmoid(torch.from_numpy(logits_of(colour_pack, images)))
    with torch.inference_mode():
        torch.testing.assert_close(ours, colour(torch.from_numpy(images))[:, [0, 2]], atol=1e-5, rtol=1e-4)


def test_a_grey_film_fills_three_channels_with_the_normalisation_of_imagenet(colour_pack: Pack) -> None:
    transforms = importlib.import_module("torchvision.transforms")
    film = grey_noise(224, 224)
    prepared, _ = prepare(image(film), colour_pack.task.preprocess)
    coloured = torch.from_numpy(np.repeat(film[None], 3, 0)).float() / 255
    expected = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(coloured)
    np.testing.assert_allclose(prepared, expected.numpy(), atol=1e-6)


def test_the_command_line_names_the_pack_after_its_folder_and_passes_labels_and_fit_on(colour_pack: Pack) -> None:
    task = colour_pack.task
    assert task.name == "chexnet"
    assert [label.name for label in task.labels] == ["mass", "pleural-thickening"]
    assert task.preprocess.fit == "pad"


@pytest.mark.parametrize(
    "published",
    [
        "module.densenet121.features.denseblock1.denselayer1.norm.1.weight",
        "densenet121.features.denseblock1.denselayer1.norm1.weight",
        "module.features.denseblock1.denselayer1.norm.1.weight",
        "module.model.features.denseblock1.denselayer1.norm1.weight",
    ],
)
def test_names_of_reproductions_become_those_of_torchvision(published: str) -> None:
    named = plain_names({published: torch.zeros(1), "module.densenet121.classifier.0.bias": torch.zeros(1)})
    assert list(named) == ["features.denseblock1.denselayer1.norm1.weight", "classifier.bias"]


def test_transition_layers_keep_their_names() -> None:
    names = ["features.transition1.norm.weight", "features.transition1.conv.weight", "features.norm5.bias"]
    assert list(plain_names({name: torch.zeros(1) for name in names})) == names


def test_files_and_outputs_are_those_that_torchxrayvision_lists(library: Any) -> None:
    listed = {
        entry["weights_url"]: entry["labels"]
        for entry in library.models.model_urls.values()
        if "densenet121" in entry["weights_url"]
    }
    ours = {
        f"{TORCHXRAYVISION_URL}{training}{TORCHXRAYVISION_ENDING}": outputs.split(",")
        for training, outputs in TORCHXRAYVISION_FILES.items()
    }
    assert ours == listed


def test_titles_and_codes_are_those_of_the_task_of_14_labels() -> None:
    path = Path(__file__).parents[2] / "tasks" / "chest-xray-14.toml"
    declared = tomllib.loads(path.read_text(encoding="utf-8"))["labels"]
    expected = {label["from"][0]: (label["title"]["en"], label["title"]["ru"], label.get("code")) for label in declared}
    assert {name: CHEST_LABELS[name] for name in expected} == expected


def test_a_missing_file_is_refused_with_where_to_find_it(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"publishes, under https://github.com/mlmed/.* documents no checksum"):
        import_published(tmp_path / NIH, kind="torchxrayvision", name="x", out=tmp_path / "x")


def test_a_folder_that_exists_is_left_as_it_is(tmp_path: Path, grey_file: Path) -> None:
    with pytest.raises(TrainingError, match="exists already"):
        import_published(grey_file, kind="torchxrayvision", name="x", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_padding_is_refused_for_torchxrayvision(tmp_path: Path, grey_file: Path) -> None:
    with pytest.raises(TrainingError, match="cropped to a square"):
        import_published(grey_file, kind="torchxrayvision", name="x", out=tmp_path / "x", fit="pad")


def test_outputs_without_names_are_refused(tmp_path: Path, grey: Any) -> None:
    torch.save(grey.state_dict(), tmp_path / "renamed.pt")
    with pytest.raises(TrainingError, match="does not say what its outputs mean"):
        import_published(tmp_path / "renamed.pt", kind="torchxrayvision", name="x", out=tmp_path / "x")


@pytest.mark.parametrize("labels", [["Mass"], ["Mass"] * 17])
def test_a_wrong_number_of_names_is_refused(tmp_path: Path, grey_file: Path, *, labels: list[str]) -> None:
    with pytest.raises(TrainingError, match=r"has 18 outputs, but \d+ names were given"):
        import_published(grey_file, kind="torchxrayvision", name="x", out=tmp_path / "x", labels=labels)


def test_a_call_that_names_no_output_is_refused(tmp_path: Path, grey_file: Path) -> None:
    with pytest.raises(TrainingError, match="needs one label at least"):
        import_published(grey_file, kind="torchxrayvision", name="x", out=tmp_path / "x", labels=[""] * 18)


def test_a_grey_network_is_refused_as_one_of_torchvision(tmp_path: Path, grey_file: Path) -> None:
    with pytest.raises(TrainingError, match="is no DenseNet-121 for 3 channels"):
        import_published(grey_file, kind="torchvision", name="x", out=tmp_path / "x", labels=["Mass"] * 18)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(1024, 2).state_dict(), tmp_path / "w.pt")
    with pytest.raises(TrainingError, match="is no DenseNet-121"):
        import_published(tmp_path / "w.pt", kind="torchvision", name="x", out=tmp_path / "x", labels=["Mass", "Edema"])


@pytest.mark.parametrize(
    ("name", "labels"), [("No Name", FOURTEEN), ("x", ["Mass", "mass", *FOURTEEN[2:]])], ids=["pack", "labels"]
)
def test_a_bad_name_is_refused_before_anything_is_written(
    tmp_path: Path, grey_file: Path, *, name: str, labels: list[str]
) -> None:
    with pytest.raises(TaskError, match=r"task\.toml is not a valid task"):
        import_published(
            grey_file, kind="torchxrayvision", name=name, out=tmp_path / "x", labels=[*labels, "", "", "", ""]
        )
    assert list(tmp_path.iterdir()) == []


def test_an_output_without_latin_letters_is_refused(tmp_path: Path, grey_file: Path) -> None:
    with pytest.raises(TrainingError, match="cannot name a label"):
        import_published(grey_file, kind="torchxrayvision", name="x", out=tmp_path / "x", labels=["Отёк", *[""] * 17])
