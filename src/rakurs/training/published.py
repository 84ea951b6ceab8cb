"""Published DenseNet-121 weights of others, made into a pack without changing a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from torch import Tensor, nn

from rakurs.errors import TrainingError
from rakurs.inference.network import load_network
from rakurs.pack import digest_of, read_pack
from rakurs.task import Preprocess, read_task
from rakurs.training.architectures import ARCHITECTURES
from rakurs.training.export import export_network
from rakurs.training.heads import PooledHead
from rakurs.training.networks import ReadingNetwork, assemble
from rakurs.training.published_pack import Description, card_text, label_of, task_text
from rakurs.training.weights import Weights, plain_names, read_weights

Kind = Literal["torchxrayvision", "torchvision"]
Fit = Literal["pad", "crop"]

SIDE = 224
"""Rows and columns of the input, of both kinds."""

VIEW = "frontal"


@dataclass(frozen=True, slots=True)
class Origin:
    """How networks of one kind were trained to see an image, and what is known of where they come from."""

    channels: Literal[1, 3]
    mean: list[float]
    std: list[float]
    source: str
    remarks: str


ORIGINS: dict[Kind, Origin] = {
    # torchxrayvision.utils.normalize: grey 0..1 -> (2 * grey - 1) * 1024 = (grey - 0.5) / (0.5 / 1024)
    "torchxrayvision": Origin(
        channels=1,
        mean=[0.5],
        std=[0.5 / 1024],
        source="TorchXRayVision, https://github.com/mlmed/torchxrayvision (Cohen et al. 2020, arXiv:2002.02497)",
        remarks=(
            "The library is under Apache-2.0; for the weights no licence of their own is stated, and the data sets "
            "they were trained on have terms of theirs. The library's answers pass through its `op_norm`, which moves "
            "each label's operating point to 0.5. Here they do not: these are the raw logits. Within one label both "
            "rank films alike, but the numbers differ, and neither are probabilities. The library resizes a film by "
            "scikit-image with a Gaussian: on 40 films of ChestX-ray14 (384 pixels) its inputs differ from these by "
            "0.9 of 255 grey values (root mean square), which moved the probabilities of another chest network by "
            "0.003 on average and 0.022 at most."
        ),
    ),
    # The normalisation of torchvision's ImageNet weights, kept by CheXNet (Rajpurkar et al. 2017, section 2.2)
    "torchvision": Origin(
        channels=3,
        mean=[0.485, 0.456, 0.406],
        std=[0.229, 0.224, 0.225],
        source="a network of torchvision's densenet121, as reproductions of CheXNet (arXiv:1711.05225) publish them",
        remarks=(
            "The licence is not known: ask those who published the file. Some reproductions average ten crops of "
            "each film; here it is read once."
        ),
    ),
}

ALL_18 = (
    "Atelectasis,Consolidation,Infiltration,Pneumothorax,Edema,Emphysema,Fibrosis,Effusion,Pneumonia,"
    "Pleural_Thickening,Cardiomegaly,Nodule,Mass,Hernia,Lung Lesion,Fracture,Lung Opacity,Enlarged Cardiomediastinum"
)
CHEXPERT_11 = (
    "Atelectasis,Consolidation,,Pneumothorax,Edema,,,Effusion,Pneumonia,,Cardiomegaly,,,,"
    "Lung Lesion,Fracture,Lung Opacity,Enlarged Cardiomediastinum"
)
TORCHXRAYVISION_FILES = {
    "nih-pc-chex-mimic_ch-google-openi-kaggle": ALL_18,
    "nih": "Atelectasis,Consolidation,Infiltration,Pneumothorax,Edema,Emphysema,Fibrosis,Effusion,Pneumonia,"
    "Pleural_Thickening,Cardiomegaly,Nodule,Mass,Hernia,,,,",
    "pc": "Atelectasis,Consolidation,Infiltration,Pneumothorax,Edema,Emphysema,Fibrosis,Effusion,Pneumonia,"
    "Pleural_Thickening,Cardiomegaly,Nodule,Mass,Hernia,,Fracture,,",
    "chex": CHEXPERT_11,
    "kaggle": ",,,,,,,,Pneumonia,,,,,,,,Lung Opacity,",
    "mimic_nb": CHEXPERT_11,
    "mimic_ch": CHEXPERT_11,
}
"""What a file's name begins with -> its outputs in order, nameless where untrained (its models.model_urls)."""

TORCHXRAYVISION_ENDING = "-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"
TORCHXRAYVISION_URL = "https://github.com/mlmed/torchxrayvision/releases/download/v1/"


def import_published(
    weights: Path, *, kind: Kind, name: str, out: Path, labels: Sequence[str] | None = None, fit: Fit = "crop"
) -> Path:
    """Make a pack of published weights in the folder `out`, and give it.

    `labels` names the network's outputs in order; an empty name is an output that was never trained,
    and is left out. Files of TorchXRayVision are known by their names and need none. The pack has
    the preprocessing of the original, and no measurements: it reads with `calibrated: false`.

    Raises:
        TrainingError: the file is missing, unsafe, no DenseNet-121 of this kind, or its outputs
            cannot be named; or `out` exists already.
        TaskError: `name` cannot name a pack, or two outputs have the same name.
    """
    _check_call(weights, kind=kind, out=out, fit=fit)
    origin, held = ORIGINS[kind], read_weights(weights)
    tensors = plain_names(held.tensors)
    outputs = _outputs(weights, kind=kind, held=held, labels=labels)
    network = _network(tensors, channels=origin.channels, outputs=outputs, file=weights.name)
    preprocess = Preprocess(
        channels=origin.channels, rows=SIDE, columns=SIDE, fit=fit, mean=origin.mean, std=origin.std
    )
    described = Description(
        name=name,
        labels=[label_of(output) for output in outputs if output],
        preprocess=preprocess,
        file=weights.name,
        digest=digest_of(weights),
        source=origin.source,
        remarks=origin.remarks,
    )
    return _write(network, described, out=out)


def _write(network: ReadingNetwork, described: Description, *, out: Path) -> Path:
    """Write the pack beside its place, read it back, and only then put it there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".import-") as workshop:
        folder = Path(workshop) / "pack"
        folder.mkdir()
        (folder / "README.md").write_text(card_text(described), encoding="utf-8")
        (folder / "task.toml").write_text(task_text(described), encoding="utf-8")
        task = read_task(folder / "task.toml")
        export_network(network, preprocess=task.preprocess, path=folder / f"{VIEW}.onnx")
        load_network(read_pack(folder).networks[VIEW], task, threads=1)
        return folder.rename(out)


def _check_call(weights: Path, *, kind: Kind, out: Path, fit: Fit) -> None:
    if not weights.is_file():
        raise TrainingError(f"There is no file of weights {weights.name} in {weights.parent}. {_where_to_find(kind)}")
    if kind == "torchxrayvision" and fit != "crop":
        raise TrainingError(
            "Networks of TorchXRayVision were trained on films cropped to a square; use the fit 'crop'."
        )
    if out.exists():
        raise TrainingError(f"{out.name} exists already; choose another folder for the pack.")


def _where_to_find(kind: Kind) -> str:
    if kind == "torchvision":
        return (
            "Expected what torch.save wrote of torchvision's densenet121, or of its state_dict, one output per label. "
            "Its checksum is for those to say who publish it; torchvision's own file answers ImageNet's labels."
        )
    return (
        f"TorchXRayVision publishes, under {TORCHXRAYVISION_URL}, the files "
        f"<training>{TORCHXRAYVISION_ENDING} with <training> one of: {', '.join(TORCHXRAYVISION_FILES)}. Where the "
        "library was used they lie in ~/.torchxrayvision/models_data. It documents no checksum: the pack's README.md "
        "will hold the file's sha256, to be compared with that of a source you trust."
    )


def _outputs(weights: Path, *, kind: Kind, held: Weights, labels: Sequence[str] | None) -> list[str]:
    """The names of the outputs: as asked, else by the name of a known file, else as the file itself says."""
    if labels is not None:
        return list(labels)
    known = TORCHXRAYVISION_FILES.get(weights.name.removesuffix(TORCHXRAYVISION_ENDING))
    if kind == "torchxrayvision" and known is not None:
        return known.split(",")
    if held.outputs is not None:
        return held.outputs
    raise TrainingError(
        f"{weights.name} does not say what its outputs mean. Name them in order with --labels A,B,…, "
        "and leave a name empty where an output was never trained."
    )


def _network(
    tensors: Mapping[str, Tensor], *, channels: Literal[1, 3], outputs: Sequence[str], file: str
) -> ReadingNetwork:
    """A network with these weights, and of the outputs those that have a name."""
    trained = [axis for axis, output in enumerate(outputs) if output]
    if not trained:
        raise TrainingError(f"No output of {file} has a name; a pack needs one label at least.")
    architecture = ARCHITECTURES["densenet-121"]
    network = assemble(architecture, architecture.make(), channels=channels, labels=len(trained))
    assert isinstance(network.head, PooledHead)
    held = {name.removeprefix("features."): tensor for name, tensor in tensors.items()}
    try:
        weight, bias = held.pop("classifier.weight"), held.pop("classifier.bias")
        _load(network.features, held)
    except (KeyError, RuntimeError) as error:
        raise TrainingError(
            f"{file} is no DenseNet-121 for {channels} channels with one linear layer: {_first_line(error)}."
        ) from None
    if weight.shape != (len(outputs), network.head.in_features):
        raise TrainingError(f"{file} has {len(weight)} outputs, but {len(outputs)} names were given for them.")
    _load(network.head, {"weight": weight[trained], "bias": bias[trained]})
    return network


def _load(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    module.load_state_dict(tensors, strict=True)


def _first_line(error: Exception) -> str:
    """What torch says first, of up to hundreds of lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[1] if len(lines) > 1 else lines[0])[:160].rstrip(".")
