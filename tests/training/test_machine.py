"""Several processes train as one would, and end alike."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from torch import distributed

from rakurs.errors import TrainingError
from rakurs.training.machine import Machine, open_machine
from tests.labelled import rows_of, write_films, write_task
from tests.processes import run_python
from tests.training.two_processes import train_here

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes of torchrun left."""
    folder = tmp_path_factory.mktemp("processes")
    write_task(folder)
    write_films(folder / "films", [*rows_of("train", 24), *rows_of("val", 13)])
    run_python("-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "tests.training.two_processes", folder)
    return folder


def left(folder: Path, name: str) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(folder / f"{name}.pt", weights_only=True)
    return weights


def test_two_processes_end_in_the_same_weights(folder: Path) -> None:
    one, other = left(folder, "shared-0-of-2"), left(folder, "shared-1-of-2")

    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_two_processes_end_where_one_does_with_the_same_batches(folder: Path, tmp_path: Path) -> None:
    alone = train_here(folder, tmp_path / "alone")

    together = torch.load(folder / "shared" / "checkpoint.pt", weights_only=True)
    single = torch.load(tmp_path / "alone" / "checkpoint.pt", weights_only=True)
    for name, values in alone.items():
        torch.testing.assert_close(together["network"][name], values, rtol=1e-4, atol=1e-5, msg=name)
    for epoch, other in zip(together["history"], single["history"], strict=True):
        assert (epoch["loss"], epoch["auroc"]) == pytest.approx((other["loss"], other["auroc"]), rel=1e-5)


def test_only_the_first_process_writes(folder: Path) -> None:
    assert sorted(path.suffix for path in (folder / "shared").iterdir()) == [".json", ".npy", ".npy", ".pt"]


def test_one_process_shares_nothing() -> None:
    network = torch.nn.Linear(2, 2)

    with open_machine("cpu", threads=1) as machine:
        assert machine.share(network) is network
        assert machine.leads
        assert machine.add_up(torch.ones(2)).tolist() == [1, 1]
        assert not distributed.is_initialized()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_processor_is_taken_in_full_precision() -> None:
    with open_machine("auto", threads=1) as machine:
        assert machine == Machine()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_asked_for_and_not_there_is_refused() -> None:
    with pytest.raises(TrainingError, match="torch finds no GPU; install a torch built for it"), open_machine("cuda"):
        pass
