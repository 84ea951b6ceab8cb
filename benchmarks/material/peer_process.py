"""One film by TorchXRayVision, as its README says, in a process of its own: file to 18 probabilities on stdout.

.venv/bin/python benchmarks/material/peer_process.py FILM WEIGHTS [--declare-operators]
"""

from __future__ import annotations

import json
import sys

import torch

film, weights, *options = sys.argv[1:]
if options:  # see rakurs.training.libraries; nothing is tried before it, so that a failure costs the peer no time
    declared = torch.library.Library("torchvision", "FRAGMENT")
    declared.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    declared.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402 - only now
import torchxrayvision as xrv  # noqa: E402

image = xrv.utils.load_image(film)
steps = [xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(224)]
image = torchvision.transforms.Compose(steps)(image)
model = xrv.models.DenseNet(weights=None, apply_sigmoid=True)
model.load_state_dict(torch.load(weights, weights_only=True))
model.eval()
with torch.inference_mode():
    answer = model(torch.from_numpy(image)[None])[0]
print(json.dumps(dict(zip(model.targets, answer.tolist(), strict=True))))
