"""SqueezeNet 1.0 (arXiv:1602.07360, tables 1 and 2) and 1.1 (the authors' later release: 2.4 times less arithmetic).

Parameters are drawn from a generator of their own with a fixed seed: every process gets the same ones, and the global
generator is left alone. Without trained weights the spread of the activations is the initialiser's to keep: He's normal
(fan in) keeps their second moment from layer to layer through ReLU, so that nothing dies, saturates or becomes NaN.
"""

import math

import torch
from torch import nn

SEED = 20160224  # the day the paper appeared

# (squeeze, expand) of each Fire module; an expand layer has as many 1x1 filters as 3x3 ones. "pool" is a max pool.
LAYERS_1_0 = [(16, 64), (16, 64), (32, 128), "pool", (32, 128), (48, 192), (48, 192), (64, 256), "pool", (64, 256)]
LAYERS_1_1 = [(16, 64), (16, 64), "pool", (32, 128), (32, 128), "pool", (48, 192), (48, 192), (64, 256), (64, 256)]


class Fire(nn.Module):
    """1x1 convolutions to few channels, then 1x1 and 3x3 ones side by side, concatenated."""

    def __init__(self, channels, squeeze, expand):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, kernel_size=1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, kernel_size=1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, kernel_size=3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.relu(self.squeeze(x))
        return torch.cat([self.relu(self.expand1x1(x)), self.relu(self.expand3x3(x))], dim=1)


def pool():
    return nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)


class SqueezeNet(nn.Module):
    """Images (N, 3, H, W) to class scores (N, classes)."""

    def __init__(self, stem_channels, stem_kernel, layers, classes=1000):
        super().__init__()
        features = [nn.Conv2d(3, stem_channels, stem_kernel, stride=2), nn.ReLU(inplace=True), pool()]
        channels = stem_channels
        for layer in layers:
            if layer == "pool":
                features.append(pool())
            else:
                features.append(Fire(channels, *layer))
                channels = 2 * layer[1]
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(p=0.5),
            nn.Conv2d(channels, classes, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
        )
        self.reset_parameters(SEED)

    def reset_parameters(self, seed):
        generator = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_in = module.weight[0].numel()
                with torch.no_grad():
                    module.weight.normal_(0.0, math.sqrt(2.0 / fan_in), generator=generator)
                    module.bias.normal_(0.0, 0.05, generator=generator)  # not zero: a lost bias must show

    def forward(self, x):
        return torch.flatten(self.classifier(self.features(x)), 1)


def squeezenet1_0():
    return SqueezeNet(96, 7, LAYERS_1_0).eval()


def squeezenet1_1():
    return SqueezeNet(64, 3, LAYERS_1_1).eval()
