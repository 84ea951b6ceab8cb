"""What a training runs on: processor or GPU, one process or several that `torchrun` started."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from rakurs.errors import TrainingError

LONGEST_WAIT = timedelta(hours=6)
"""For which processes wait for the one that decodes the films."""

PROCESSOR = torch.device("cpu")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where this process computes, and which of how many it is.

    `precision` is the type of mixed precision, None for float32 throughout; `rank` counts all
    processes from 0, `local_rank` those of this machine.
    """

    device: torch.device = PROCESSOR
    precision: torch.dtype | None = None
    rank: int = 0
    local_rank: int = 0
    processes: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and tells."""
        return self.rank == 0

    def mixed(self) -> torch.autocast:
        """The context of the forward pass."""
        return torch.autocast(self.device.type, dtype=self.precision, enabled=self.precision is not None)

    def scaler(self) -> torch.amp.GradScaler:
        """Scales the loss where the type of mixed precision has few exponents; else does nothing."""
        return torch.amp.GradScaler(self.device.type, enabled=self.precision == torch.float16)

    def share(self, network: nn.Module) -> nn.Module:
        """The network, whose gradients are averaged over all processes."""
        if self.processes == 1:
            return network
        return DistributedDataParallel(network, device_ids=[self.device] if self.device.type == "cuda" else None)

    def add_up(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.processes > 1:
            distributed.all_reduce(values)
        return values

    def align(self, network: nn.Module) -> None:
        """Give every process the norms' statistics of the first."""
        if self.processes > 1:
            for values in network.buffers():
                distributed.broadcast(values, 0)

    def first_on_each_machine(self, work: Callable[[], T]) -> T:
        """Let one process of each machine work before the others, who then find what it left on disk."""
        if self.processes == 1:
            return work()
        done = work() if self.local_rank == 0 else None
        distributed.barrier()
        return done if self.local_rank == 0 else work()  # type: ignore[return-value]

    def as_first_says(self, work: Callable[[], T]) -> T:
        """What the first process finds, in every process; its refusal is everybody's."""
        if self.processes == 1:
            return work()
        said: list[Any] = [None]
        if self.leads:
            try:
                said = [work()]
            except TrainingError as error:
                said = [error]
        distributed.broadcast_object_list(said, 0, device=self.device)
        if isinstance(said[0], TrainingError):
            raise said[0]
        found: T = said[0]
        return found


@contextmanager
def open_machine(device: str = "auto", *, threads: int | None = None) -> Iterator[Machine]:
    """Find out what there is to train on, and join the processes of `torchrun`, if it started this one.

    `device` is "auto", "cpu" or "cuda". On a processor torch gets `threads`, by default all cores
    that this process may use, divided among the processes of this machine.

    Raises:
        TrainingError: a GPU is asked for and there is none.
    """
    place = {name: int(os.environ.get(name.upper(), default)) for name, default in _PLACES.items()}
    chosen = _device(device, local_rank=place["local_rank"])
    if threads or chosen.type == "cpu":
        torch.set_num_threads(threads or max(1, cores() // place["local_world_size"]))
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
        torch.backends.cudnn.benchmark = True
    if place["world_size"] > 1:
        distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=LONGEST_WAIT)
    try:
        yield Machine(
            device=chosen,
            precision=_precision(chosen),
            rank=place["rank"],
            local_rank=place["local_rank"],
            processes=place["world_size"],
        )
    finally:
        if place["world_size"] > 1:
            distributed.destroy_process_group()


_PLACES = {"rank": 0, "local_rank": 0, "world_size": 1, "local_world_size": 1}
"""Variables by which torchrun tells each process its place, and their values without it."""


def _device(asked: str, *, local_rank: int) -> torch.device:
    if asked == "cpu" or (asked == "auto" and not torch.cuda.is_available()):
        return PROCESSOR
    if not torch.cuda.is_available():
        raise TrainingError("torch finds no GPU; install a torch built for it, or train with --device cpu.")
    if local_rank >= torch.cuda.device_count():
        raise TrainingError(
            f"This is process {local_rank + 1} of a machine with {torch.cuda.device_count()} GPUs; "
            "give torchrun --nproc-per-node at most that many."
        )
    return torch.device("cuda", local_rank)


def _precision(device: torch.device) -> torch.dtype | None:
    if device.type == "cpu":
        return None  # slower there without special units
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
