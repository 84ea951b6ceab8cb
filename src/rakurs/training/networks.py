"""Networks that are trained and exported: a feature extractor, and an end for which Grad-CAM has a closed form."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from rakurs.errors import TrainingError
from rakurs.task import Task
from rakurs.training.architectures import ARCHITECTURES, Architecture
from rakurs.training.features import take_colour, take_grey
from rakurs.training.heads import Head
from rakurs.training.pretrained import Choice, find_weights, where_to_put
from rakurs.training.weights import plain_names, read_weights

RANDOM = "random weights"


class ReadingNetwork(nn.Module):
    """A feature extractor and a head.

    `features` gives the last map, float (n, k, h, w) after its last ReLU, and the maps of the
    stages before it, which only the embedding uses. Any head can be trained, but only a `Head` can
    be read. `smallest_px` is the shorter side of the smallest image that the network takes, `origin`
    says in words what weights it started from.
    """

    def __init__(self, features: nn.Module, head: nn.Module, *, smallest_px: int = 1) -> None:
        super().__init__()
        self.features = features
        self.head = head
        self.smallest_px = smallest_px
        self.origin = RANDOM

    def forward(self, image: Tensor) -> Tensor:
        """(n, channels, rows, columns) -> logits (n, labels)."""
        last, _ = self.features(image)
        logits: Tensor = self.head(last)
        return logits

    def read(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(n, channels, rows, columns) -> logits (n, labels), Grad-CAM before its ReLU (n, labels, h, w).

        Raises:
            TrainingError: as `check_head`.
        """
        last, _ = self.features(image)
        return self.check_head().read(last)

    def check_head(self) -> Head:
        """The head, if heat maps can be computed inside the exported graph.

        Raises:
            TrainingError: Grad-CAM of it has no closed form.
        """
        if not isinstance(self.head, Head):
            raise TrainingError(
                f"Grad-CAM of a head of the kind {type(self.head).__name__} has no closed form, so the network cannot "
                "be exported; expected pooling and one linear layer, or linear layers with a ReLU between each two."
            )
        return self.head


def build_network(
    name: str,
    task: Task,
    *,
    dropout: float = 0.0,
    weights: Path | None = None,
    pretrained: Choice = True,
) -> ReadingNetwork:
    """A network for a task, whose last layer is new.

    It starts from the file `weights`, which is what a library publishes for this network or a checkpoint
    of Rakurs; else, where `pretrained`, from ImageNet weights that are on this machine; else from random weights.
    Nothing is fetched. `origin` of the network says what it started from.

    Raises:
        TrainingError: no network has this name; the task's input is too small for it; the weights are of another
            network, unsafe or damaged; or `pretrained` is True and there are none.
    """
    architecture = architecture_of(name)
    refuse_small(name, rows=task.preprocess.rows, columns=task.preprocess.columns)
    file = weights or (find_weights(name) if pretrained else None)
    if file is None and pretrained is True:
        raise TrainingError(
            f"The ImageNet weights of {name} are not on this machine. {where_to_put(name)} "
            f"`rakurs networks --download {name}` fetches it. Or start from random weights."
        )
    made = architecture.make()
    tensors = plain_names(read_weights(file).tensors) if file else {}
    ours = any(part.startswith("head.") for part in tensors)
    if file and not ours:
        _load_published(made, tensors, architecture=architecture, file=file)
    preprocess, labels = task.preprocess, len(task.labels)
    network = assemble(architecture, made, channels=preprocess.channels, labels=labels, dropout=dropout)
    if file:
        network.origin = file.name
    if file and ours:
        _load_checkpoint(network, tensors, file=file)
    return network


def assemble(
    architecture: Architecture, made: nn.Module, *, channels: int, labels: int, dropout: float = 0.0
) -> ReadingNetwork:
    """A library's network for three channels, cut and made ready for so many channels and labels."""
    if channels == 1:
        stem = made.get_submodule(architecture.stem)
        assert isinstance(stem, nn.Conv2d)
        take_grey(stem)
    head = architecture.head(made, labels=labels, dropout=dropout)
    return ReadingNetwork(architecture.features(made), head, smallest_px=architecture.smallest_px)


def architecture_of(name: str) -> Architecture:
    """The network of this name.

    Raises:
        TrainingError: there is none.
    """
    if name not in ARCHITECTURES:
        raise TrainingError(f"There is no network '{name}'; there are: {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]


def refuse_small(name: str, *, rows: int, columns: int) -> None:
    """Refuse an input that no map of a network's end would be left of.

    Raises:
        TrainingError: the input is too small, or no network has this name.
    """
    smallest = architecture_of(name).smallest_px
    if min(rows, columns) < smallest:
        raise TrainingError(
            f"{name} needs an input of at least {smallest} x {smallest} pixels, got {rows} x {columns}. "
            "Enlarge it, or choose another network."
        )


def _load_published(
    network: nn.Module, tensors: Mapping[str, Tensor], *, architecture: Architecture, file: Path
) -> None:
    """Load a library's weights, but for the last layer and for auxiliary classifiers, which are not used."""
    unused = (f"{architecture.classifier}.", "aux")
    held = {name: tensor for name, tensor in tensors.items() if not name.startswith(unused)}
    stem = f"{architecture.stem}.weight"
    if stem in held:
        held[stem] = take_colour(held[stem])
    wanted = {name for name in network.state_dict() if not name.startswith(unused)}
    _load(network, held, optional=set(network.state_dict()) - wanted, file=file)


def _load_checkpoint(network: ReadingNetwork, tensors: Mapping[str, Tensor], *, file: Path) -> None:
    """Load a checkpoint of Rakurs, but for layers of the head that have another size, as with other labels."""
    own = network.state_dict()
    held = {
        name: tensor
        for name, tensor in tensors.items()
        if not (name.startswith("head.") and name in own and own[name].shape != tensor.shape)
    }
    _load(network, held, optional={name for name in own if name.startswith("head.")}, file=file)


def _load(module: nn.Module, tensors: Mapping[str, Tensor], *, optional: set[str], file: Path) -> None:
    own = module.state_dict()
    missing = own.keys() - tensors.keys() - optional
    faults = [
        *(f"lacks {name}" for name in sorted(missing) if not name.endswith("num_batches_tracked")),
        *(f"has {name}, which is not known" for name in tensors if name not in own),
        *(f"has {name} in another shape" for name in tensors if name in own and own[name].shape != tensors[name].shape),
    ]
    if faults:
        raise TrainingError(f"{file.name} holds the weights of another network, or none: it {faults[0]}.")
    module.load_state_dict(tensors, strict=False)
