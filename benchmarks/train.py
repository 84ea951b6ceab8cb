"""How long is a step of training, beside a hand-written loop on the library's own network and the same films?

    .venv/bin/python benchmarks/train.py --rounds 5

One step: a batch of films from memory, changed at random, forwards, backwards, gradients clipped, AdamW. The first row
is what `rakurs train` runs. The peer is a loop as one writes it: a DataLoader with torchvision's transforms, and the
same network of torchvision or efficientnet-lite-pytorch, once as it is, once with tensors in the order channels last.
Before the times, both networks must answer alike. A further row lets glibc return memory to the system at each step,
which `rakurs train` prevents. Each way lives in its own process; they take turns. Beside the time stands that of the
processor, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from contextlib import ExitStack

from timing import BENCHMARKS, alternate, arguments, machine, median_ms, median_ratio, spread_ms, table

PACKAGES = ("rakurs", "torch", "torchvision", "efficientnet-lite-pytorch")
NETWORKS = ("densenet-121", "efficientnet-lite0")
HEAD = ("network", "way", "ms a step [quartiles]", "films/s", "x", "processor ms", "processor x", "MiB", "target")
WAYS = {
    "rakurs": "Rakurs",
    "rakurs, memory as it is": "Rakurs, memory returned to the system at each step",
    "plain": "hand-written loop",
    "plain, channels last": "hand-written loop, channels last",
}
Row = tuple[str, ...]


class Worker:
    """A process that trains one way, so many steps at each call; `processor` are the seconds of each call."""

    def __init__(self, process: subprocess.Popen[str], *, steps: int) -> None:
        self.process = process
        self.steps = steps
        self.processor: list[float] = []
        self.peak_mib = 0.0

    def __call__(self) -> None:
        """Train, and wait until it is done."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{self.steps}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            raise SystemExit("A process ended before it was asked to; its error stands above.")
        self.processor.append(float(answer[0]))
        self.peak_mib = float(answer[1])


def main() -> None:
    asked = parser().parse_args()
    print(machine(PACKAGES, threads=asked.threads))
    rows = [row for network in asked.network or NETWORKS for row in rows_of(network, asked)]
    print(table(HEAD, rows))
    print(f"\nBatches of {asked.batch} grey films of {asked.side} px.")


def parser() -> argparse.ArgumentParser:
    made = arguments(__doc__, rounds=5)
    made.add_argument("--batch", type=int, default=16, help="films at a step (default 16)")
    made.add_argument("--side", type=int, default=128, help="pixels of a film's side (default 128)")
    made.add_argument("--steps", type=int, default=4, help="steps that make one measured run (default 4)")
    made.add_argument("--network", action="append", help=f"a network; default: {' and '.join(NETWORKS)}")
    return made


def rows_of(network: str, asked: argparse.Namespace) -> list[Row]:
    """A row for each way; `x` is its time over that of Rakurs in the same turn."""
    with ExitStack() as stack:
        workers = {way: Worker(started(way, network, asked=asked, stack=stack), steps=asked.steps) for way in WAYS}
        runs = alternate(workers, rounds=asked.rounds)
        for worker in workers.values():
            assert worker.process.stdin is not None
            worker.process.stdin.close()
    seconds = {way: [run / asked.steps for run in of_way] for way, of_way in runs.items()}
    processor = {way: [run / asked.steps for run in worker.processor[1:]] for way, worker in workers.items()}
    return [
        (
            network,
            title,
            spread_ms(seconds[way]),
            f"{asked.batch / statistics.median(seconds[way]):.1f}",
            f"{median_ratio(seconds[way], seconds['rakurs']):.2f}",
            f"{median_ms(processor[way]):.1f}",
            f"{median_ratio(processor[way], processor['rakurs']):.2f}",
            f"{workers[way].peak_mib:.0f}",
            "" if way.startswith("rakurs") else "at least 1",
        )
        for way, title in WAYS.items()
    ]


def started(way: str, network: str, *, asked: argparse.Namespace, stack: ExitStack) -> subprocess.Popen[str]:
    options = {name: str(getattr(asked, name)) for name in ("side", "batch", "threads", "steps")}
    command = [sys.executable, "-m", "material.training", "--way", way, "--network", network]
    command += [part for name, value in options.items() for part in (f"--{name}", value)]
    process = subprocess.Popen(command, cwd=BENCHMARKS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return stack.enter_context(process)


if __name__ == "__main__":
    main()
