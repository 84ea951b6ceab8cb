"""From a network's last map to its logits, and to the maps of Grad-CAM without any gradient.

Grad-CAM (Selvaraju et al. 2017, equations 1 and 2) weighs each channel of the last map by its mean gradient over the
h * w places. Here the weights are the sums of the gradient: the same maps without the constant factor 1 / (h * w),
hence in the unit of the logit.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class PooledHead(nn.Linear):
    """Global average pooling and one linear layer.

    The gradient of a logit in the last map is the layer's own weight over h * w, at every place alike.
    """

    def __init__(self, width: int, labels: int, *, dropout: float = 0.0) -> None:
        super().__init__(width, labels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, last: Tensor) -> Tensor:
        """The last map (n, k, h, w) -> logits (n, labels)."""
        return super().forward(self.dropout(last.mean((2, 3))))

    def read(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """The last map (n, k, h, w) -> logits (n, labels), Grad-CAM before its ReLU (n, labels, h, w)."""
        return self(last), functional.conv2d(last, self.weight[:, :, None, None])


class ChainHead(nn.Module):
    """Pooling to a grid, then linear layers with a ReLU between each two, as AlexNet ends.

    A ReLU passes the gradient where it is open, so the gradient of a logit in the grid is a product of the layers'
    weights, masked by what is open for this image. A maximum passes the gradient of each of its outputs to one of
    its inputs, an average to several in equal parts: neither changes its sum over the places of a channel. So the
    weights of the map before the pooling are the sums over the grid behind it. Exact with dropout off.
    """

    def __init__(self, pool: nn.Module, layers: list[nn.Linear], *, dropout: float = 0.0) -> None:
        super().__init__()
        self.pool = pool
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(dropout)

    def forward(self, last: Tensor) -> Tensor:
        """The last map (n, k, h, w) -> logits (n, labels)."""
        values = self.pool(last).flatten(1)
        for layer in self.layers[:-1]:
            values = functional.relu(layer(self.dropout(values)))
        logits: Tensor = self.layers[-1](values)
        return logits

    def read(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """The last map (n, k, h, w) -> logits (n, labels), Grad-CAM before its ReLU (n, labels, h, w)."""
        values, opened = self.pool(last).flatten(1), []
        for layer in self.layers[:-1]:
            values = functional.relu(layer(values))
            opened.append((values > 0).to(values.dtype))
        *weights, gradient = [layer.weight for layer in self._linear()]  # gradient: (labels, the last hidden width)
        channels = last.shape[1]
        weights[0] = weights[0].reshape(len(weights[0]), channels, -1).sum(2)  # (width, k * grid) -> (width, k)
        for weight, hidden in zip(reversed(weights), reversed(opened), strict=True):
            gradient = (gradient * hidden[:, None]) @ weight  # (n, labels, width of the layer before)
        maps = gradient @ last.flatten(2)  # (n, labels, h * w)
        return self.layers[-1](values), maps.reshape(*maps.shape[:2], *last.shape[2:])

    def _linear(self) -> list[nn.Linear]:
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]


Head = PooledHead | ChainHead
"""The ends of networks for which Grad-CAM has a closed form."""
