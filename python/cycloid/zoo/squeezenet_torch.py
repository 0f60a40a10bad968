"""SqueezeNet as a torch.nn.Module."""

import torch
from torch import nn

from cycloid.zoo.squeezenet import CLASSES, Parameters


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

    def __init__(self, architecture):
        super().__init__()
        channels = architecture.stem_channels
        features = [nn.Conv2d(3, channels, architecture.stem_kernel, stride=2), nn.ReLU(inplace=True), pool()]
        for layer in architecture.layers:
            if layer == "pool":
                features.append(pool())
            else:
                features.append(Fire(channels, *layer))
                channels = 2 * layer[1]
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(p=0.5),
            nn.Conv2d(channels, CLASSES, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
        )
        self.reset_parameters()

    def reset_parameters(self):
        parameters = Parameters()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                weight, bias = parameters.draw(module.out_channels, module.in_channels, module.kernel_size[0])
                with torch.no_grad():
                    module.weight.copy_(torch.from_numpy(weight))
                    module.bias.copy_(torch.from_numpy(bias))

    def forward(self, x):
        return torch.flatten(self.classifier(self.features(x)), 1)
