"""The networks there are: whose implementation each is, where it is cut, and what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from rakurs.training.features import EfficientNetLiteFeatures, Layers
from rakurs.training.heads import ChainHead, Head, PooledHead
from rakurs.training.libraries import library


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network of a library.

    `make` gives it for three channels, with random weights; `features` takes its feature extractor out of it.
    `stem` and `classifier` are its first convolution and its last linear layer, by the library's names.
    `smallest_px` is the shorter side of the smallest image that reaches its end.
    """

    title: str
    make: Callable[[], Any]
    features: Callable[[Any], nn.Module]
    stem: str
    classifier: str
    smallest_px: int

    def head(self, network: Any, *, labels: int, dropout: float) -> Head:
        """The end of the library's `network`, with a last layer of random weights for so many labels."""
        classifier = network.get_submodule(self.classifier)
        if self.classifier != ALEXNET_CLASSIFIER:
            return PooledHead(classifier.in_features, labels, dropout=dropout)
        hidden = [layer for layer in network.classifier[:-1] if isinstance(layer, nn.Linear)]
        pool = nn.Sequential(network.features[-1], network.avgpool)
        return ChainHead(pool, [*hidden, nn.Linear(classifier.in_features, labels)], dropout=dropout)


ALEXNET_CLASSIFIER = "classifier.6"

GOOGLENET_LAYERS = """
    conv1 maxpool1 conv2 conv3 maxpool2 inception3a inception3b maxpool3 inception4a inception4b inception4c
    inception4d inception4e maxpool4 inception5a inception5b
"""
RESNET_LAYERS = "conv1 bn1 relu maxpool layer1 layer2 layer3 layer4"
INCEPTION_RESNET_LAYERS = """
    conv2d_1a conv2d_2a conv2d_2b maxpool_3a conv2d_3b conv2d_4a maxpool_5a mixed_5b repeat mixed_6a repeat_1
    mixed_7a repeat_2 block8 conv2d_7b
"""


def _torchvision(name: str, **options: Any) -> Callable[[], Any]:
    return lambda: getattr(library("torchvision.models"), name)(weights=None, **options)


def _timm(name: str) -> Callable[[], Any]:
    return lambda: library("timm").create_model(name, pretrained=False)


def _layers(names: str, *, stages: str) -> Callable[[Any], nn.Module]:
    return lambda network: Layers([(name, getattr(network, name)) for name in names.split()], stages=stages.split())


def _alexnet_features(network: Any) -> nn.Module:
    """Up to the ReLU of the fifth convolution: the pooling behind it belongs to the head."""
    return Layers(list(network.features[:-1].named_children()), stages=("1", "4", "7", "9", "11"))


def densenet_features(network: Any) -> Layers:
    """Up to the ReLU behind the last norm, which torchvision applies outside of `features`."""
    blocks = [f"denseblock{block}" for block in (1, 2, 3, 4)]
    return Layers([*network.features.named_children(), ("relu5", nn.ReLU())], stages=blocks)


ARCHITECTURES = {
    "alexnet": Architecture(
        title="AlexNet (Krizhevsky 2014, one column), of torchvision",
        make=_torchvision("alexnet"),
        features=_alexnet_features,
        stem="features.0",
        classifier=ALEXNET_CLASSIFIER,
        smallest_px=63,
    ),
    # Norms behind every convolution take the place of the auxiliary classifiers, in training too.
    "googlenet": Architecture(
        title="GoogLeNet (Szegedy et al. 2015), of torchvision: with norms, without auxiliary classifiers",
        make=_torchvision("googlenet", aux_logits=False, init_weights=True),
        features=_layers(GOOGLENET_LAYERS, stages="conv3 inception3b inception4e inception5b"),
        stem="conv1.conv",
        classifier="fc",
        smallest_px=15,
    ),
    "resnet-152": Architecture(
        title="ResNet-152 (He et al. 2016), of torchvision",
        make=_torchvision("resnet152"),
        features=_layers(RESNET_LAYERS, stages="layer1 layer2 layer3 layer4"),
        stem="conv1",
        classifier="fc",
        smallest_px=1,
    ),
    "inception-resnet-v2": Architecture(
        title="Inception-ResNet-v2 (Szegedy et al. 2017), of timm",
        make=_timm("inception_resnet_v2"),
        features=_layers(INCEPTION_RESNET_LAYERS, stages="conv2d_4a repeat repeat_1 conv2d_7b"),
        stem="conv2d_1a.conv",
        classifier="classif",
        smallest_px=75,
    ),
    "densenet-121": Architecture(
        title="DenseNet-121 (Huang et al. 2017), of torchvision",
        make=_torchvision("densenet121"),
        features=densenet_features,
        stem="features.conv0",
        classifier="classifier",
        smallest_px=29,
    ),
    "efficientnet-lite0": Architecture(
        title="EfficientNet-Lite0 (Tan & Le 2019, without squeeze-and-excitation), of efficientnet-lite-pytorch",
        make=lambda: EfficientNet.from_name("efficientnet-lite0"),
        features=EfficientNetLiteFeatures,
        stem="_conv_stem",
        classifier="_fc",
        smallest_px=32,
    ),
}
"""Name -> network."""
