"""The modules of tests/torch_modules_test.py: all of torch.nn, and what newer architectures are made of, in small.

A case is a module in eval mode and its inputs, seeded. `sums`: the most terms that one sum of it has, for the tolerance.
"""

import dataclasses
from typing import Any

import torch
from torch import nn


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    module: Any
    inputs: tuple
    sums: int = 1


# Classes of torch.nn without a case of their own, and why.
LEFT_OUT = {
    "Container": "a base class",
    "Module": "a base class",
    "RNNBase": "a base class",
    "RNNCellBase": "a base class",
    "ModuleDict": "holds modules, computes nothing",
    "ModuleList": "holds modules, computes nothing",
    "ParameterDict": "holds parameters, computes nothing",
    "ParameterList": "holds parameters, computes nothing",
    "DataParallel": "spreads a module over GPUs",
    "SyncBatchNorm": "takes GPU tensors only; without training it is BatchNorm",
    "FractionalMaxPool2d": "its regions are random",
    "FractionalMaxPool3d": "its regions are random",
    "NLLLoss2d": "an old name of NLLLoss",
}


class Masked(nn.Module):
    """A layer with a causal mask made from the input's length."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        mask = torch.triu(torch.full((x.shape[1], x.shape[1]), float("-inf")), diagonal=1)
        return self.layer(x, mask, is_causal=True)


class Attend(nn.Module):
    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, query, key, value):
        return self.attention(query, key, value)


class Pooled(nn.Module):
    """A pooling with its indices, undone."""

    def __init__(self, pool, unpool):
        super().__init__()
        self.pool, self.unpool = pool, unpool

    def forward(self, x):
        values, indices = self.pool(x)
        return values, indices, self.unpool(values, indices)


class Does(nn.Module):
    """A function, and the modules that it uses."""

    def __init__(self, function, *modules):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(modules)

    def forward(self, *inputs):
        return self.function(*self.parts, *inputs)


def randn(*shape):
    return torch.randn(*shape)


def ints(high, *shape):
    return torch.randint(0, high, shape)


def with_statistics(norm):
    """Running statistics as a training leaves them."""
    for name, buffer in norm.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    for parameter in norm.parameters():
        parameter.data.normal_()
    return norm


def activations():
    for module in (
        nn.CELU(0.7), nn.ELU(0.8), nn.GELU(), nn.Hardshrink(), nn.Hardsigmoid(), nn.Hardswish(), nn.Hardtanh(-0.5, 0.75),
        nn.LeakyReLU(0.1), nn.LogSigmoid(), nn.Mish(), nn.ReLU(), nn.ReLU6(), nn.RReLU(), nn.SELU(), nn.SiLU(), nn.Sigmoid(),
        nn.Softplus(2.0, 3.0), nn.Softshrink(), nn.Softsign(), nn.Tanh(), nn.Tanhshrink(), nn.Threshold(0.1, -2.0),
        nn.Identity(), nn.Dropout(), nn.AlphaDropout(), nn.FeatureAlphaDropout(),
    ):  # fmt: skip
        yield Case(type(module).__name__, module, (3 * randn(3, 5, 7),))
    yield Case("GELU tanh", nn.GELU("tanh"), (3 * randn(3, 17),))
    yield Case("PReLU", nn.PReLU(5, 0.3), (randn(2, 5, 7),))
    yield Case("GLU", nn.GLU(1), (randn(2, 6, 7),))
    for module in (nn.Softmax(1), nn.Softmin(2), nn.LogSoftmax(-1)):
        yield Case(type(module).__name__, module, (3 * randn(3, 19, 7),), 19)
    yield Case("Softmax2d", nn.Softmax2d(), (randn(2, 5, 3, 4),), 5)
    for n in (1, 2, 3):
        yield Case(f"Dropout{n}d", getattr(nn, f"Dropout{n}d")(), (randn(2, 3, *[4] * n),))


def convolutions():
    for n, size in ((1, (13,)), (2, (9, 11)), (3, (5, 6, 7))):
        conv, transposed = getattr(nn, f"Conv{n}d"), getattr(nn, f"ConvTranspose{n}d")
        x = randn(2, 4, *size)
        yield Case(f"Conv{n}d", conv(4, 6, 3, padding=1), (x,), 4 * 3**n)
        yield Case(f"Conv{n}d stride, dilation, groups", conv(4, 6, 3, 2, 2, 2, 2), (x,), 2 * 3**n)
        yield Case(f"Conv{n}d depthwise, no bias", conv(4, 8, 2, groups=4, bias=False), (x,), 2**n)
        yield Case(f"Conv{n}d reflect", conv(4, 3, 3, padding=2, padding_mode="reflect"), (x,), 4 * 3**n)
        yield Case(f"ConvTranspose{n}d", transposed(4, 6, 3), (x,), 4 * 3**n)
        yield Case(f"ConvTranspose{n}d stride, groups", transposed(4, 6, 3, 2, 1, 1, groups=2), (x,), 2 * 3**n)
        for lazy, target in ((f"LazyConv{n}d", 5), (f"LazyConvTranspose{n}d", 5)):
            module = getattr(nn, lazy)(target, 2)
            module(x)
            yield Case(lazy, module, (x,), 4 * 2**n)
    yield Case("Conv2d same", nn.Conv2d(3, 4, (2, 5), padding="same"), (randn(1, 3, 8, 8),), 30)
    yield Case("Conv2d circular", nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), (randn(1, 3, 8, 8),), 27)
    yield Case("Unfold", nn.Unfold((2, 3), dilation=(1, 2), padding=1, stride=2), (randn(2, 3, 8, 9),))
    yield Case("Fold", nn.Fold((7, 8), (2, 3), padding=1, stride=2), (randn(2, 12, 16),), 6)


def pools():
    for n, size in ((1, (14,)), (2, (9, 12)), (3, (6, 7, 8))):
        x = randn(2, 3, *size)
        yield Case(f"MaxPool{n}d", getattr(nn, f"MaxPool{n}d")(3, 2, 1), (x,))
        yield Case(f"MaxPool{n}d ceil, dilation", getattr(nn, f"MaxPool{n}d")(2, 3, dilation=2, ceil_mode=True), (x,))
        yield Case(f"AvgPool{n}d", getattr(nn, f"AvgPool{n}d")(3, 2, 1), (x,), 3**n)
        ceil = getattr(nn, f"AvgPool{n}d")(3, 2, 1, ceil_mode=True, count_include_pad=False)
        yield Case(f"AvgPool{n}d ceil, without padding", ceil, (x,), 3**n)
        yield Case(f"AdaptiveAvgPool{n}d", getattr(nn, f"AdaptiveAvgPool{n}d")(1), (x,), x[0, 0].numel())
        yield Case(f"AdaptiveMaxPool{n}d", getattr(nn, f"AdaptiveMaxPool{n}d")(1), (x,))
        if n < 3:
            yield Case(f"LPPool{n}d", getattr(nn, f"LPPool{n}d")(2, 3, 2), (x,), 3**n)
        pair = Pooled(getattr(nn, f"MaxPool{n}d")(2, return_indices=True), getattr(nn, f"MaxUnpool{n}d")(2))
        yield Case(f"MaxUnpool{n}d", pair, (randn(2, 3, *[6] * n),))
    yield Case("LPPool3d", nn.LPPool3d(3.0, 2), (randn(1, 2, 4, 4, 4).abs(),), 8)
    yield Case("AdaptiveAvgPool2d divisor", nn.AdaptiveAvgPool2d((3, 4)), (randn(1, 2, 9, 12),), 9)
    yield Case("AdaptiveAvgPool2d uneven", nn.AdaptiveAvgPool2d((3, 5)), (randn(1, 2, 7, 12),), 12)
    yield Case("AvgPool2d divisor_override", nn.AvgPool2d(2, divisor_override=3), (randn(1, 2, 6, 6),), 4)


def norms():
    for n in (1, 2, 3):
        x = randn(3, 4, *[5] * n)
        yield Case(f"BatchNorm{n}d", with_statistics(getattr(nn, f"BatchNorm{n}d")(4)), (x,), 4)
        yield Case(f"InstanceNorm{n}d", with_statistics(getattr(nn, f"InstanceNorm{n}d")(4, affine=True)), (x,), 5**n)
        tracked = with_statistics(getattr(nn, f"InstanceNorm{n}d")(4, track_running_stats=True))
        yield Case(f"InstanceNorm{n}d tracked", tracked, (x,), 4)
        for kind in ("BatchNorm", "InstanceNorm"):
            module = getattr(nn, f"Lazy{kind}{n}d")()
            module(x)
            yield Case(f"Lazy{kind}{n}d", module, (x,), 5**n)
    yield Case("BatchNorm1d rows", with_statistics(nn.BatchNorm1d(6)), (randn(4, 6),), 4)
    yield Case("LayerNorm", with_statistics(nn.LayerNorm([5, 6])), (randn(3, 4, 5, 6),), 30)
    yield Case("LayerNorm plain", nn.LayerNorm(16, elementwise_affine=False), (randn(3, 16),), 16)
    yield Case("GroupNorm", with_statistics(nn.GroupNorm(2, 6)), (randn(2, 6, 4, 5),), 60)
    yield Case("RMSNorm", with_statistics(nn.RMSNorm(16, eps=1e-5)), (randn(2, 3, 16),), 16)
    yield Case("LocalResponseNorm", nn.LocalResponseNorm(3, 0.5), (randn(2, 7, 4, 4),), 3)
    yield Case("CrossMapLRN2d", nn.CrossMapLRN2d(3, 0.5), (randn(2, 7, 4, 4),), 3)


def recurrent():
    for kind in ("RNN", "LSTM", "GRU"):
        make, x = getattr(nn, kind), randn(5, 2, 6)
        yield Case(kind, make(6, 8), (x,), 14)
        deep = make(6, 8, 2, batch_first=True, bidirectional=True)
        yield Case(f"{kind} two layers, two directions", deep, (x,), 24)
        yield Case(f"{kind} without bias", make(6, 8, bias=False), (x,), 14)
        state = randn(1, 2, 8)
        yield Case(f"{kind} with a state", make(6, 8), (x, (state, randn(1, 2, 8)) if kind == "LSTM" else state), 14)
    yield Case("RNN relu", nn.RNN(6, 8, nonlinearity="relu"), (randn(5, 2, 6),), 14)
    yield Case("LSTM projected", nn.LSTM(6, 8, proj_size=4), (randn(5, 2, 6),), 14)
    yield Case("RNNCell", nn.RNNCell(6, 8), (randn(3, 6), randn(3, 8)), 14)
    yield Case("GRUCell", nn.GRUCell(6, 8), (randn(3, 6), randn(3, 8)), 14)
    yield Case("LSTMCell", nn.LSTMCell(6, 8), (randn(3, 6), (randn(3, 8), randn(3, 8))), 14)


def attention():
    self_attention = nn.MultiheadAttention(16, 4, batch_first=True)
    yield Case("MultiheadAttention", Attend(self_attention), tuple(randn(2, 5, 16) for _ in range(3)), 16)
    other = nn.MultiheadAttention(16, 2, kdim=6, vdim=10, add_bias_kv=True, add_zero_attn=True)
    yield Case("MultiheadAttention kdim, vdim", Attend(other), (randn(5, 2, 16), randn(7, 2, 6), randn(7, 2, 10)), 16)
    for first in (False, True):
        layer = nn.TransformerEncoderLayer(16, 4, 32, norm_first=first, batch_first=True, activation="gelu")
        name = "TransformerEncoderLayer" + (" norm first" if first else "")
        yield Case(name, layer, (randn(2, 6, 16),), 64)
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    yield Case(
        "TransformerEncoder", nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), (randn(2, 6, 16),), 128
    )
    yield Case("TransformerEncoder masked", Masked(nn.TransformerEncoder(layer, 1)), (randn(2, 6, 16),), 64)
    layer = nn.TransformerDecoderLayer(16, 4, 32, batch_first=True)
    yield Case("TransformerDecoderLayer", layer, (randn(2, 6, 16), randn(2, 4, 16)), 128)
    yield Case("TransformerDecoder", nn.TransformerDecoder(layer, 2), (randn(2, 6, 16), randn(2, 4, 16)), 256)
    whole = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)
    yield Case("Transformer", whole, (randn(2, 6, 16), randn(2, 4, 16)), 256)


def tables():
    yield Case("Embedding", nn.Embedding(11, 6, padding_idx=2), (ints(11, 3, 4),))
    for mode in ("sum", "mean", "max"):
        bag = nn.EmbeddingBag(11, 6, mode=mode)
        yield Case(f"EmbeddingBag {mode}", bag, (ints(11, 3, 4),), 4)
    offsets = torch.tensor([0, 2, 2, 5])
    yield Case("EmbeddingBag offsets", nn.EmbeddingBag(11, 6, mode="sum"), (ints(11, 8), offsets), 8)


def linear():
    yield Case("Linear", nn.Linear(33, 9), (randn(4, 33),), 33)
    yield Case("Linear batches", nn.Linear(8, 5, bias=False), (randn(2, 3, 4, 8),), 8)
    yield Case("Bilinear", nn.Bilinear(4, 5, 3), (randn(6, 4), randn(6, 5)), 20)
    lazy = nn.LazyLinear(5)
    lazy(randn(2, 7))
    yield Case("LazyLinear", lazy, (randn(2, 7),), 7)
    yield Case("Sequential", nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3)), (randn(5, 8),), 24)


def layouts():
    yield Case("Flatten", nn.Flatten(1, 2), (randn(2, 3, 4, 5),))
    yield Case("Unflatten", nn.Unflatten(1, (2, 3)), (randn(2, 6, 4),))
    yield Case("PixelShuffle", nn.PixelShuffle(2), (randn(2, 8, 3, 4),))
    yield Case("PixelUnshuffle", nn.PixelUnshuffle(2), (randn(2, 2, 6, 4),))
    yield Case("ChannelShuffle", nn.ChannelShuffle(2), (randn(2, 6, 3, 4),))
    for n in (1, 2, 3):
        x, pads = randn(2, 3, *[5] * n), tuple(range(1, 2 * n + 1)) if n < 3 else (1, 2, 2, 1, 3, 0)
        for kind in ("Circular", "Reflection", "Replication", "Zero"):
            yield Case(f"{kind}Pad{n}d", getattr(nn, f"{kind}Pad{n}d")(pads), (x,))
        yield Case(f"ConstantPad{n}d", getattr(nn, f"ConstantPad{n}d")(pads, 1.5), (x,))
    yield Case("ZeroPad2d cropping", nn.ZeroPad2d((-1, 2, 1, -2)), (randn(2, 3, 6, 7),))
    for mode, size in (("nearest", 3), ("linear", 1), ("bilinear", 2), ("bicubic", 2), ("trilinear", 3)):
        x = randn(1, 2, *[5, 6, 7][:size])
        yield Case(f"Upsample {mode}", nn.Upsample(scale_factor=2.0, mode=mode), (x,), 16)
        if mode != "nearest":
            corners = nn.Upsample([8, 9, 10][:size], mode=mode, align_corners=True)
            yield Case(f"Upsample {mode}, corners", corners, (x,), 16)
    yield Case("UpsamplingNearest2d", nn.UpsamplingNearest2d(scale_factor=3), (randn(1, 2, 4, 5),))
    yield Case("UpsamplingBilinear2d", nn.UpsamplingBilinear2d(scale_factor=2), (randn(1, 2, 4, 5),), 4)


def distances():
    yield Case("CosineSimilarity", nn.CosineSimilarity(1), (randn(3, 8, 4), randn(3, 8, 4)), 8)
    yield Case("PairwiseDistance", nn.PairwiseDistance(2), (randn(5, 8), randn(5, 8)), 8)
    yield Case("PairwiseDistance 1, kept", nn.PairwiseDistance(1, keepdim=True), (randn(5, 8), randn(5, 8)), 8)


def losses():
    x, y = randn(6, 5), randn(6, 5)
    probability, target = torch.sigmoid(x), (y > 0).float()
    classes, sign = ints(5, 6), torch.sign(y)
    yield Case("L1Loss", nn.L1Loss(), (x, y), 30)
    yield Case("MSELoss", nn.MSELoss(reduction="sum"), (x, y), 30)
    yield Case("SmoothL1Loss", nn.SmoothL1Loss(beta=0.5), (x, y), 30)
    yield Case("HuberLoss", nn.HuberLoss(delta=0.75), (x, y), 30)
    yield Case("BCELoss", nn.BCELoss(), (probability, target), 30)
    yield Case("BCEWithLogitsLoss", nn.BCEWithLogitsLoss(pos_weight=torch.rand(5)), (x, target), 30)
    yield Case("CrossEntropyLoss", nn.CrossEntropyLoss(weight=torch.rand(5), ignore_index=2), (x, classes), 30)
    yield Case("CrossEntropyLoss smoothed", nn.CrossEntropyLoss(label_smoothing=0.1), (x, classes), 30)
    yield Case("CrossEntropyLoss probabilities", nn.CrossEntropyLoss(), (x, torch.softmax(y, 1)), 30)
    yield Case("CrossEntropyLoss images", nn.CrossEntropyLoss(), (randn(2, 4, 3, 3), ints(4, 2, 3, 3)), 18)
    yield Case("NLLLoss", nn.NLLLoss(reduction="none"), (torch.log_softmax(x, 1), classes))
    yield Case("PoissonNLLLoss", nn.PoissonNLLLoss(), (x, y.abs()), 30)
    yield Case("GaussianNLLLoss", nn.GaussianNLLLoss(full=True), (x, y, probability), 30)
    yield Case("KLDivLoss", nn.KLDivLoss(reduction="batchmean"), (torch.log_softmax(x, 1), torch.softmax(y, 1)), 30)
    yield Case(
        "KLDivLoss logarithms",
        nn.KLDivLoss(reduction="sum", log_target=True),
        (torch.log_softmax(x, 1), torch.log_softmax(y, 1)),
        30,
    )
    yield Case("HingeEmbeddingLoss", nn.HingeEmbeddingLoss(0.5), (x, sign), 30)
    yield Case("SoftMarginLoss", nn.SoftMarginLoss(), (x, sign), 30)
    yield Case("MarginRankingLoss", nn.MarginRankingLoss(0.5), (x[:, 0], y[:, 0], sign[:, 0]), 6)
    yield Case("CosineEmbeddingLoss", nn.CosineEmbeddingLoss(0.1), (x, y, sign[:, 0]), 11)
    yield Case("MultiLabelMarginLoss", nn.MultiLabelMarginLoss(), (x, torch.tensor([[3, 0, -1, 1, 2]] * 6)), 30)
    yield Case("MultiLabelSoftMarginLoss", nn.MultiLabelSoftMarginLoss(), (x, target), 30)
    yield Case("MultiMarginLoss", nn.MultiMarginLoss(), (x, classes), 30)
    yield Case("TripletMarginLoss", nn.TripletMarginLoss(), (x, y, randn(6, 5)), 11)
    yield Case("TripletMarginWithDistanceLoss", nn.TripletMarginWithDistanceLoss(), (x, y, randn(6, 5)), 11)
    lengths = torch.tensor([4, 4]), torch.tensor([2, 2])
    yield Case("CTCLoss", nn.CTCLoss(), (torch.log_softmax(randn(4, 2, 5), 2), ints(4, 2, 2) + 1, *lengths), 20)
    adaptive = nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 6])
    yield Case("AdaptiveLogSoftmaxWithLoss", adaptive, (randn(4, 8), ints(10, 4)), 20)
    yield Case("LinearCrossEntropyLoss", nn.LinearCrossEntropyLoss(8, 5), (randn(6, 8), classes), 30)


def scaled_attention():
    attend = nn.functional.scaled_dot_product_attention
    q, k, v = randn(2, 4, 5, 8), randn(2, 4, 7, 8), randn(2, 4, 7, 6)
    yield Case("attention", Does(attend), (q, k, v), 8)
    yield Case("attention causal", Does(lambda q, k, v: attend(q, k, v, is_causal=True)), (q, q + 1, q - 1), 8)
    yield Case("attention mask", Does(lambda q, k, v, m: attend(q, k, v, m)), (q, k, v, randn(2, 1, 5, 7)), 8)
    seen = randn(5, 7) > 0
    seen[:, 0] = True
    yield Case("attention truth values", Does(lambda q, k, v, m: attend(q, k, v, m, scale=0.3)), (q, k, v, seen), 8)
    shared = Does(lambda q, k, v: attend(q, k, v, enable_gqa=True))
    yield Case("attention shared keys", shared, (q, randn(2, 2, 7, 8), randn(2, 2, 7, 8)), 8)
    cached = Does(lambda q, k, v, past_k, past_v: attend(q, torch.cat([past_k, k], 2), torch.cat([past_v, v], 2)))
    yield Case("attention cached", cached, (q[:, :, :1], k[:, :, :1], v[:, :, :1], k, v), 8)
    slopes = torch.tensor([0.5, 0.25, 0.125, 0.0625]).view(4, 1, 1)

    def with_alibi(q, k, v):
        distance = torch.arange(k.shape[2]) - torch.arange(q.shape[2]).unsqueeze(1)
        return attend(q, k, v, distance * slopes)

    yield Case("attention ALiBi", Does(with_alibi), (q, k, v), 8)
    heads = nn.MultiheadAttention(16, 4, batch_first=True)
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    masked = Does(lambda m, x, p: m(x, x, x, key_padding_mask=p, need_weights=False)[0], heads)
    yield Case("MultiheadAttention padding", masked, (randn(2, 5, 16), padding), 16)
    weights = Does(lambda m, x, bias: m(x, x, x, attn_mask=bias, average_attn_weights=False), heads)
    yield Case("MultiheadAttention weights", weights, (randn(2, 5, 16), randn(5, 5)), 16)


def rotations():
    angles = randn(5, 4)
    cos, sin = angles.cos(), angles.sin()

    def pairs(x):
        even, odd = x[..., ::2], x[..., 1::2]
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)

    def halves(x):
        turned = torch.cat([-x[..., 4:], x[..., :4]], -1)
        return x * torch.cat([cos, cos], -1) + turned * torch.cat([sin, sin], -1)

    yield Case("rotary pairs", Does(pairs), (randn(2, 3, 5, 8),))
    yield Case("rotary halves", Does(halves), (randn(2, 3, 5, 8),))


def samplings():
    x, grid = randn(2, 3, 5, 7), 1.2 * torch.rand(2, 4, 6, 2) * 2 - 1.2
    sample = nn.functional.grid_sample
    for mode, padding, corners in (
        ("bilinear", "zeros", False),
        ("bilinear", "border", True),
        ("nearest", "reflection", False),
        ("bicubic", "zeros", True),
    ):
        module = Does(lambda x, g, a=(mode, padding, corners): sample(x, g, *a))
        yield Case(f"grid_sample {mode} {padding}{' corners' if corners else ''}", module, (x, grid), 16)
    theta = torch.tensor([[[0.8, 0.3, 0.1], [-0.2, 1.1, 0.2]]])
    warp = Does(lambda x, t: sample(x, nn.functional.affine_grid(t, [1, 3, 4, 6], False), align_corners=False))
    # A rounded grid moves the samples, and steep pixels make a value of that.
    yield Case("affine_grid", warp, (x[:1], theta), 64)
    resize = nn.functional.interpolate
    yield Case("interpolate smaller", Does(lambda x: resize(x, size=(3, 4), mode="bilinear")), (x,), 16)
    yield Case(
        "interpolate antialias", Does(lambda x: resize(x, size=(3, 4), mode="bilinear", antialias=True)), (x,), 16
    )
    yield Case("interpolate area", Does(lambda x: resize(x, size=(5, 1), mode="area")), (x,), 16)
    yield Case("interpolate nearest-exact", Does(lambda x: resize(x, size=(8, 9), mode="nearest-exact")), (x,))
    yield Case(
        "interpolate like", Does(lambda x, y: resize(x, size=y.shape[2:], mode="bicubic")), (x, randn(1, 1, 9, 4)), 32
    )


def recurrent_by_lengths():
    lengths = torch.tensor([5, 3])
    for kind in ("GRU", "LSTM"):
        layer = getattr(nn, kind)(6, 8, batch_first=True, bidirectional=True)

        def packed(layer, x, lengths):
            rows = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
            y, state = layer(rows)
            return nn.utils.rnn.pad_packed_sequence(y, batch_first=True)[0], state

        yield Case(f"{kind} with lengths", Does(packed, layer), (randn(2, 5, 6), lengths), 14)


def indexing():
    x, rows = randn(5, 6), torch.tensor([3, 0, 3])
    yield Case("index", Does(lambda x, i, j: x[i, j]), (x, rows, torch.tensor([1, 5, 2])))
    yield Case("index_select", Does(lambda x, i: x.index_select(1, i)), (x, rows))
    put = Does(lambda x, i, v: x.clone().index_put((i,), v))
    yield Case("index_put", put, (x, torch.tensor([3, 0]), randn(2, 6)))
    summed = Does(lambda x, i, v: x.clone().index_put((i,), v, accumulate=True))
    yield Case("index_put accumulated", summed, (x, rows, randn(3, 6)), 3)
    yield Case("index_add", Does(lambda x, i, v: x.index_add(0, i, v)), (x, rows, randn(3, 6)), 3)
    yield Case("scatter_add", Does(lambda x, i, v: x.scatter_add(1, i, v)), (x, ints(6, 5, 4), randn(5, 4)), 5)
    yield Case("gather", Does(lambda x, i: x.gather(1, i)), (x, ints(6, 5, 4)))
    yield Case("masked_fill", Does(lambda x, m: x.masked_fill(m, -1.5)), (x, x > 0.3))
    yield Case("masked_scatter", Does(lambda x, m, v: x.masked_scatter(m, v)), (x, x > 0.3, randn(30)))
    yield Case("masked_select", Does(lambda x, m: x[m]), (x, x > 0.3))
    yield Case("topk", Does(lambda x: x.topk(3, 1)), (x,))
    yield Case("sort", Does(lambda x: x.sort(0, descending=True)), (x,))
    yield Case("roll", Does(lambda x: x.roll((2, -1), (0, 1))), (x,))
    yield Case("repeat_interleave", Does(lambda x: x.repeat_interleave(3, 1)), (x,))
    yield Case("cumsum", Does(lambda x: x.cumsum(1)), (x,), 6)
    yield Case("slice assigned", Does(lambda x, v: x.clone().slice_scatter(v, 1, 1, 5, 2)), (x, randn(5, 2)))
    yield Case("tril", Does(lambda x: x.tril(1) + x.triu(-1)), (x,))


def sums_of_products():
    yield Case(
        "einsum heads",
        Does(lambda q, k: torch.einsum("bhid,bhjd->bhij", q, k)),
        (randn(2, 3, 4, 5), randn(2, 3, 6, 5)),
        5,
    )
    yield Case(
        "einsum three",
        Does(lambda a, b, c: torch.einsum("bi,ij,bj->b", a, b, c)),
        (randn(3, 4), randn(4, 5), randn(3, 5)),
        20,
    )
    yield Case(
        "baddbmm",
        Does(lambda c, a, b: torch.baddbmm(c, a, b, beta=0.5, alpha=2)),
        (randn(2, 3, 5), randn(2, 3, 4), randn(2, 4, 5)),
        5,
    )
    yield Case("norms", Does(lambda x: (x.norm(dim=1), torch.linalg.vector_norm(x, 1, 0))), (randn(5, 7),), 7)
    yield Case("logsumexp", Does(lambda x: x.logsumexp(1)), (3 * randn(5, 7),), 7)
    yield Case("var_mean", Does(lambda x: torch.var_mean(x, 1)), (randn(5, 7),), 7)


def blocks():
    """Of whole architectures: one block each."""

    class SwiGlu(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate, self.up, self.down = (nn.Linear(*size, bias=False) for size in ((8, 20), (8, 20), (20, 8)))

        def forward(self, x):
            return self.down(nn.functional.silu(self.gate(x)) * self.up(x))

    class ConvNext(nn.Module):
        def __init__(self):
            super().__init__()
            self.depthwise, self.norm = nn.Conv2d(8, 8, 7, padding=3, groups=8), nn.LayerNorm(8)
            self.wide, self.narrow, self.scale = nn.Linear(8, 32), nn.Linear(32, 8), nn.Parameter(randn(8))

        def forward(self, x):
            y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
            return x + (self.scale * self.narrow(nn.functional.gelu(self.wide(y)))).permute(0, 3, 1, 2)

    class SqueezeExcite(nn.Module):
        def __init__(self):
            super().__init__()
            self.expand, self.depthwise = nn.Conv2d(6, 12, 1), nn.Conv2d(12, 12, 3, 2, 1, groups=12)
            self.squeeze, self.excite = nn.Conv2d(12, 3, 1), nn.Conv2d(3, 12, 1)

        def forward(self, x):
            y = nn.functional.hardswish(self.depthwise(nn.functional.hardswish(self.expand(x))))
            return y * nn.functional.hardsigmoid(self.excite(self.squeeze(y.mean((2, 3), keepdim=True)).relu()))

    class Windows(nn.Module):
        """Shifted windows, as Swin has them."""

        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            b, h, w, c = x.shape
            y = x.roll((-2, -2), (1, 2)).view(b, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
            y = self.attention(y, y, y, need_weights=False)[0]
            y = y.view(b, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
            return x + y.roll((2, 2), (1, 2))

    class Experts(nn.Module):
        """The two best of four experts for each row, all computed."""

        def __init__(self):
            super().__init__()
            self.router, self.experts = nn.Linear(8, 4), nn.ModuleList(nn.Linear(8, 6) for _ in range(4))

        def forward(self, x):
            shares, best = self.router(x).softmax(-1).topk(2, -1)
            weights = torch.zeros(x.shape[0], 4).scatter(1, best, shares)
            return torch.einsum("be,beo->bo", weights, torch.stack([e(x) for e in self.experts], 1))

    class Graph(nn.Module):
        """A layer of a graph network: messages along edges, summed by their targets."""

        def __init__(self):
            super().__init__()
            self.message, self.update = nn.Linear(6, 8), nn.Linear(14, 5)

        def forward(self, x, edges):
            messages = self.message(x.index_select(0, edges[0])).relu()
            sums = torch.zeros(x.shape[0], 8).index_add(0, edges[1], messages)
            return self.update(torch.cat([x, sums], 1))

    yield Case("SwiGLU", SwiGlu(), (randn(3, 8),), 28)
    yield Case("ConvNeXt", ConvNext(), (randn(2, 8, 9, 10),), 98)
    yield Case("SqueezeExcite", SqueezeExcite(), (randn(2, 6, 8, 8),), 48)
    yield Case("Swin windows", Windows(), (randn(2, 8, 8, 8),), 32)
    yield Case("experts", Experts(), (randn(5, 8),), 24)
    yield Case("graph", Graph(), (randn(6, 6), ints(6, 2, 9)), 24)
    normed = nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 6, 3, padding=2, dilation=2))
    yield Case("weight_norm dilated", normed, (randn(2, 4, 12),), 24)
    upward = nn.Sequential(nn.ConvTranspose2d(6, 6, 4, 2, 1, groups=6, bias=False), nn.GroupNorm(3, 6), nn.SiLU())
    yield Case("ConvTranspose2d depthwise", upward, (randn(2, 6, 5, 6),), 60)


def torch_cases():
    """All cases, with the same values each time."""
    cases = []
    for family in (
        activations,
        convolutions,
        pools,
        norms,
        recurrent,
        attention,
        tables,
        linear,
        layouts,
        distances,
        losses,
        scaled_attention,
        rotations,
        samplings,
        recurrent_by_lengths,
        indexing,
        sums_of_products,
        blocks,
    ):
        torch.manual_seed(len(cases))
        cases += family()
    for case in cases:
        case.module.eval()
    return cases
