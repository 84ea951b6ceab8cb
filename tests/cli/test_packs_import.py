"""`rakurs packs import`: what was asked reaches the import, and its refusals reach the caller."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from rakurs.cli.packs_import import import_weights
from rakurs.errors import TrainingError
from rakurs.pack import read_pack
from rakurs.training.densenet import densenet121_features


def test_a_file_becomes_a_pack_named_after_its_folder(tmp_path: Path) -> None:
    features, width = densenet121_features(3)
    weights = {f"features.{name}": tensor for name, tensor in features.state_dict().items()}
    head = {"classifier.weight": torch.zeros(2, width), "classifier.bias": torch.tensor([0.25, -0.5])}
    torch.save({**weights, **head}, tmp_path / "weights.pth")
    call = ["torchvision", str(tmp_path / "weights.pth"), "--labels", "Mass,", "--fit", "pad"]
    answer = CliRunner().invoke(import_weights, [*call, "--out", str(tmp_path / "my-pack")])
    task = read_pack(tmp_path / "my-pack").task
    assert answer.output == f"{tmp_path / 'my-pack'}\n"
    assert (task.name, [label.name for label in task.labels], task.preprocess.fit) == ("my-pack", ["mass"], "pad")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    answer = CliRunner().invoke(import_weights, ["torchxrayvision", "w.pt", "--out", str(tmp_path / "x")])
    assert isinstance(answer.exception, TrainingError)
    assert "There is no file of weights w.pt" in answer.exception.message


@pytest.mark.parametrize("kind", ["timm", ""])
def test_another_kind_is_a_wrong_call(tmp_path: Path, kind: str) -> None:
    answer = CliRunner().invoke(import_weights, [kind, "w.pt", "--out", str(tmp_path / "x")])
    assert answer.exit_code == 2
    assert "'torchxrayvision', 'torchvision'" in answer.output
