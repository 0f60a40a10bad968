"""More cases of bench_ops.py: transformers' operators at the sizes of small language and vision models."""

import numpy as np

MICROSOFT = "com.microsoft"


def composed(case, rng):
    """Einsum, attention and the fused nodes of optimised exports; `case` is that of bench_ops.listed()."""

    def floats(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    def int32(*values):
        return np.array(values, np.int32)

    for name, equation, shapes in [
        ("bhid,bhjd->bhij", "bhid,bhjd->bhij", [(1, 8, 256, 64), (1, 8, 256, 64)]),
        ("bhwc,hkc->bhwk", "bhwc,hkc->bhwk", [(4, 14, 14, 64), (14, 14, 64)]),
        ("bij,bjk->bik", "bij,bjk->bik", [(8, 128, 128), (8, 128, 64)]),
        ("bsd,dhk->bshk", "bsd,dhk->bshk", [(1, 128, 256), (256, 8, 32)]),
        ("ij->ji", "ij->ji", [(512, 512)]),
        ("ij->i", "ij->i", [(512, 512)]),
    ]:
        yield case(f"Einsum, {name}", "Einsum", [floats(*shape) for shape in shapes], equation=equation)

    rows = [floats(1, 256, 512) for _ in range(3)]
    heads = {"q_num_heads": 8, "kv_num_heads": 8}
    yield case("Attention, 256 of 256, 8 heads of 64", "Attention", rows, opset=23, **heads)
    yield case("Attention, causal, 256 of 256", "Attention", rows, opset=23, is_causal=1, **heads)
    shared = [floats(1, 16, 128, 64), floats(1, 4, 128, 64), floats(1, 4, 128, 64)]
    yield case("Attention, 16 heads share 4, 128 of 128", "Attention", shared, opset=23, is_causal=1)
    yield case("Attention, soft cap, 128 of 128", "Attention", shared, opset=23, softcap=30.0)
    step = [floats(1, 8, 1, 64)] * 3
    past = [floats(1, 8, 512, 64), floats(1, 8, 512, 64)]
    yield case("Attention, 1 of 513 with a cache", "Attention", [*step, None, *past], opset=23, outputs=3)

    many = {"domain": MICROSOFT, "num_heads": 12}
    wide = [floats(1, 128, 768) for _ in range(3)]
    flags = np.ones((1, 128), np.int32)
    yield case("MultiHeadAttention, 128 of 128, 12 heads of 64", "MultiHeadAttention", wide, **many)
    biased = [*wide, floats(2304), flags]
    yield case("MultiHeadAttention, bias and mask", "MultiHeadAttention", biased, constant=(3,), **many)
    projected = [wide[0], floats(768, 2304) / np.float32(28), floats(2304), flags]
    yield case("Attention of com.microsoft, 128 of 128", "Attention", projected, constant=(1, 2), **many)
    one = np.float32(0.02)
    weights = rng.integers(-128, 128, (768, 2304)).astype(np.int8)
    tokens = rng.integers(0, 256, (1, 128, 768)).astype(np.uint8)
    operands = [tokens, weights, floats(2304), one, one, flags, np.uint8(120), np.int8(0)]
    yield case("QAttention, 128 of 128", "QAttention", operands, constant=(1, 2, 3, 4, 6, 7), **many)

    group = {"domain": MICROSOFT, "num_heads": 16, "kv_num_heads": 4, "outputs": 3}
    angles = rng.random((1024, 32)).astype(np.float32)
    tables = [np.cos(angles), np.sin(angles)]
    for length, before in [(128, 0), (1, 511), (1, 1023)]:
        total = length + before
        inputs = [floats(1, length, n) for n in (1024, 256, 256)]
        cache = [floats(1, 4, before, 64) for _ in range(2)] if before else [None, None]
        yield case(
            f"GroupQueryAttention, rotary, {length} of {total}, 16 heads share 4",
            "GroupQueryAttention",
            [*inputs, *cache, int32(total - 1), int32(total)[0], *tables],
            constant=(6, 7, 8),
            do_rotary=1,
            **group,
        )
    positions = np.arange(128, dtype=np.int64)[None]
    yield case(
        "RotaryEmbedding, 128 x 16 heads of 64",
        "RotaryEmbedding",
        [floats(1, 16, 128, 64), positions, *tables],
        domain=MICROSOFT,
        constant=(2, 3),
    )

    for bits, block, m, k, n in [
        (4, 32, 1, 2048, 2048),
        (4, 128, 1, 2048, 2048),
        (4, 32, 4, 2048, 2048),
        (4, 32, 128, 1024, 1024),
        (8, 32, 1, 2048, 2048),
        (8, 128, 64, 1024, 1024),
    ]:
        codes = rng.integers(0, 256, (n, k // block, block * bits // 8)).astype(np.uint8)
        scales = (rng.random((n, k // block)) * 0.01 + 0.001).astype(np.float32)
        points = rng.integers(0, 256, (n, -(-k // block * bits // 8))).astype(np.uint8)
        yield case(
            f"MatMulNBits, {bits} bits, blocks of {block}, {m} x {k} x {n}",
            "MatMulNBits",
            [floats(m, k), codes, scales, points],
            domain=MICROSOFT,
            constant=(1, 2, 3),
            bits=bits,
            block_size=block,
            K=k,
            N=n,
        )

    conv = [floats(1, 64, 28, 28), floats(64, 64, 3, 3), floats(64)]
    yield case(
        "FusedConv, Relu, 64 to 64, 28 x 28",
        "FusedConv",
        conv,
        constant=(1, 2),
        domain=MICROSOFT,
        activation="Relu",
        pads=[1, 1, 1, 1],
    )
    gemm = [floats(64, 256), floats(256, 256), floats(256)]
    yield case(
        "FusedGemm, Relu, 64 x 256 x 256", "FusedGemm", gemm, constant=(1, 2), domain=MICROSOFT, activation="Relu"
    )
    ids, segments = rng.integers(0, 3000, (1, 128)).astype(np.int32), np.zeros((1, 128), np.int32)
    tables = [floats(3000, 384), floats(512, 384), floats(2, 384), floats(384), floats(384)]
    yield case(
        "EmbedLayerNormalization, 128 of 384",
        "EmbedLayerNormalization",
        [ids, segments, *tables],
        constant=(2, 3, 4, 5, 6),
        domain=MICROSOFT,
        outputs=2,
    )
    image = floats(1, 32, 64, 64)
    yield case("SpaceToDepth, 32 x 64 x 64", "SpaceToDepth", [image], blocksize=2)
    yield case("MeanVarianceNormalization, 32 x 64 x 64", "MeanVarianceNormalization", [image])
    yield case("LpNormalization, 128 x 512", "LpNormalization", [floats(128, 512)])
    yield case("Mean of two, 256 x 256", "Mean", [floats(256, 256), floats(256, 256)])
    yield case("Selu, 256 x 256", "Selu", [floats(256, 256)])
    yield case("Celu, 256 x 256", "Celu", [floats(256, 256)])


def quantized(case, rng):
    """com.microsoft's operators on bytes, at the sizes of image classifiers and BERT."""

    def byte(*shape):
        return rng.integers(0, 256, shape).astype(np.uint8)

    scale, zero = np.float32(0.05), np.uint8(120)
    to = [np.float32(0.06), np.uint8(128)]
    maps = [byte(1, 64, 56, 56), byte(1, 64, 56, 56)]
    yield case(
        "QLinearConcat, 2 of 64 x 56 x 56",
        "QLinearConcat",
        [*to, maps[0], scale, zero, maps[1], *to],
        domain=MICROSOFT,
        constant=(0, 1, 3, 4, 6, 7),
        axis=1,
    )
    pooled = [byte(1, 1280, 7, 7), scale, zero, *to]
    quantisation = {"domain": MICROSOFT, "constant": (1, 2, 3, 4)}
    yield case("QLinearGlobalAveragePool, 1280 x 7 x 7", "QLinearGlobalAveragePool", pooled, **quantisation)
    last = [byte(1, 14, 14, 256), scale, zero, *to]
    name = "QLinearGlobalAveragePool, 14 x 14 x 256, channels last"
    yield case(name, "QLinearGlobalAveragePool", last, channels_last=1, **quantisation)
    shares = [np.float32(1 / 256), np.uint8(0)]
    scores = [byte(1, 12, 128, 128), scale, zero, *shares]
    yield case("QLinearSoftmax, 12 x 128 x 128", "QLinearSoftmax", scores, attributes={"opset": 13}, **quantisation)
    weights = rng.integers(-128, 128, (512, 1000)).astype(np.int8)
    yield case(
        "QGemm, 16 x 512 x 1000",
        "QGemm",
        [byte(16, 512), scale, zero, weights, scale, np.int8(0), rng.integers(-999, 999, 1000).astype(np.int32), *to],
        domain=MICROSOFT,
        constant=(1, 2, 3, 4, 5, 6, 7, 8),
    )


def vision(case, rng):
    """What detectors, segmenters and generators contain beside convolutions."""

    def floats(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    image, by_channel = floats(1, 64, 64, 64), [floats(64), floats(64)]
    yield case("InstanceNormalization, 64 x 64 x 64", "InstanceNormalization", [image, *by_channel])
    groups = {"num_groups": 32, "opset": 21}
    yield case("GroupNormalization, 32 groups of 64 x 64 x 64", "GroupNormalization", [image, *by_channel], **groups)
    grid = (rng.random((1, 64, 64, 2)) * 2.2 - 1.1).astype(np.float32)
    for mode in ("linear", "nearest", "cubic"):
        yield case(f"GridSample, {mode}, 64 x 64 x 64", "GridSample", [image, grid], mode=mode)
    corners = rng.random((100, 2)) * 30
    boxes = np.concatenate([corners, corners + 4 + rng.random((100, 2)) * 30], 1).astype(np.float32)
    regions = [image, boxes, np.zeros(100, np.int64)]
    yield case("RoiAlign, 100 of 7 x 7", "RoiAlign", regions, output_height=7, output_width=7, sampling_ratio=2)
    for op in ("Sin", "Cos"):
        yield case(f"{op}, 256 x 256", op, [floats(256, 256) * 5])
