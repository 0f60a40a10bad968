"""SqueezeNet 1.0 (arXiv:1602.07360, tables 1 and 2) and 1.1 (the authors' later release: 2.4 times less arithmetic).

Each is a torch.nn.Module, or where there is no PyTorch the same network, with the same parameters, as an ONNX model.

Parameters are drawn from a generator of their own with a fixed seed: every process gets the same ones, and global
generators are left alone. Without trained weights the spread of the activations is the initialiser's to keep: He's normal
(fan in) keeps their second moment from layer to layer through ReLU, so that nothing dies, saturates or becomes NaN.
"""

import dataclasses
import importlib.util
import math

import numpy as np

SEED = 20160224  # the day the paper appeared
CLASSES = 1000

# (squeeze, expand) of each Fire module; an expand layer has as many 1x1 filters as 3x3 ones. "pool" is a max pool.
LAYERS_1_0 = [(16, 64), (16, 64), (32, 128), "pool", (32, 128), (48, 192), (48, 192), (64, 256), "pool", (64, 256)]
LAYERS_1_1 = [(16, 64), (16, 64), "pool", (32, 128), (32, 128), "pool", (48, 192), (48, 192), (64, 256), (64, 256)]


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What the two versions differ in: the first convolution (of stride 2), and what follows it."""

    stem_channels: int
    stem_kernel: int
    layers: list


class Parameters:
    """The parameters of one convolution after the other, in the order in which the network computes them."""

    def __init__(self):
        self.generator = np.random.Generator(np.random.PCG64(SEED))

    def draw(self, out_channels, in_channels, kernel):
        """The weight (out, in, kernel, kernel) and bias (out) of the next convolution, in float32."""
        shape = (out_channels, in_channels, kernel, kernel)
        scale = math.sqrt(2.0 / (in_channels * kernel * kernel))
        weight = scale * self.generator.standard_normal(shape)
        bias = 0.05 * self.generator.standard_normal(out_channels)  # not zero: a lost bias must show
        return weight.astype(np.float32), bias.astype(np.float32)


def make(architecture):
    if importlib.util.find_spec("torch") is None:
        from cycloid.zoo.squeezenet_onnx import make_model

        return make_model(architecture)
    from cycloid.zoo.squeezenet_torch import SqueezeNet

    return SqueezeNet(architecture).eval()


SQUEEZENET_1_0 = Architecture(96, 7, LAYERS_1_0)
SQUEEZENET_1_1 = Architecture(64, 3, LAYERS_1_1)


def squeezenet1_0():
    return make(SQUEEZENET_1_0)


def squeezenet1_1():
    return make(SQUEEZENET_1_1)
