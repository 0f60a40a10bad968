"""More cases of bench_ops.py: shapes that depend on data or come in the run, and operators that fewer models contain."""

import numpy as np

MICROSOFT, ML = "com.microsoft", "ai.onnx.ml"


def late(case, rng):
    """What makes shapes in the run, and what takes them."""

    def floats(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    def sizes(*values):
        return np.array(values, np.int64)

    yield case("NonZero, bool, 256 x 256, half of them", "NonZero", [rng.random((256, 256)) < 0.5])
    yield case("NonZero, int64, 32 x 512, one of ten", "NonZero", [(rng.random((32, 512)) < 0.1).astype(np.int64)])
    yield case("NonZero, float32, 65536, half of them", "NonZero", [np.maximum(floats(65536), 0)])
    yield case("Compress, 2048 rows of 64", "Compress", [floats(2048, 64), rng.random(2048) < 0.5], axis=0)
    yield case("Compress, 65536 elements", "Compress", [floats(256, 256), rng.random(65536) < 0.5])
    yield case("Unique, 4096 of 500", "Unique", [rng.integers(0, 500, 4096)], outputs=4)
    yield case("Unique, 4096 of 500, not sorted", "Unique", [rng.integers(0, 500, 4096)], outputs=4, sorted=0)
    for boxes, classes in [(4420, 1), (1000, 20)]:
        corners = rng.random((1, boxes, 2)) * 300
        around = np.concatenate([corners, corners + 10 + rng.random((1, boxes, 2)) * 60], 2).astype(np.float32)
        yield case(
            f"NonMaxSuppression, {boxes} boxes, {classes} classes",
            "NonMaxSuppression",
            [
                around,
                rng.random((1, classes, boxes)).astype(np.float32),
                sizes(100),
                np.array([0.5], np.float32),
                np.array([0.4], np.float32),
            ],
            constant=(2, 3, 4),
        )
    matrix = floats(128, 512)
    yield case("Slice, bounds of the run, rows", "Slice", [matrix, sizes(3), sizes(120), sizes(0)])
    yield case("Slice, bounds of the run, columns", "Slice", [matrix, sizes(3), sizes(500), sizes(1)], constant=(3,))
    yield case("Reshape, shape of the run", "Reshape", [matrix, sizes(64, -1)])
    yield case("Expand, shape of the run", "Expand", [floats(128, 1, 64), sizes(128, 16, 64)])
    yield case("Tile, repeats of the run", "Tile", [floats(64, 128), sizes(4, 4)])
    yield case("Pad, pads of the run", "Pad", [matrix, sizes(2, 3, 4, 5)])
    yield case("ConstantOfShape, shape of the run", "ConstantOfShape", [sizes(128, 512)])
    yield case("TopK, number of the run, 100 of 4096", "TopK", [floats(4, 4096), sizes(100)], outputs=2)
    yield case("TopK, 100 of 4096, 4 rows", "TopK", [floats(4, 4096), sizes(100)], constant=(1,), outputs=2)
    yield case("Range, 4096, all of the run", "Range", [np.array(0), np.array(4096), np.array(1)])


def typed(case, rng):
    """float64, as scikit-learn's and trading models have it, integers of images, and halves."""
    for m, k, n in [(1, 30, 64), (64, 30, 64), (256, 256, 256), (1, 512, 512)]:
        x, w, b = rng.standard_normal((m, k)), rng.standard_normal((k, n)), rng.standard_normal(n)
        yield case(f"Gemm, float64, {m} x {k} x {n}", "Gemm", [x, w, b], constant=(1, 2))
    left, right = rng.standard_normal((8, 64, 64)), rng.standard_normal((8, 64, 64))
    yield case("MatMul, float64, 8 of 64 x 64 x 64", "MatMul", [left, right])
    for kind in (np.int32, np.int64):
        whole = [rng.integers(-99, 99, (128, 128)).astype(kind) for _ in range(2)]
        yield case(f"MatMul, {np.dtype(kind).name}, 128 x 128 x 128", "MatMul", whole)
    matrix = rng.standard_normal((256, 256))
    for op in ("Exp", "Tanh", "Sigmoid", "Softmax", "LogSoftmax", "Relu", "Floor", "Sin", "Erf", "Abs", "Neg", "Sign"):
        yield case(f"{op}, float64, 256 x 256", op, [matrix])
    yield case("Log, float64, 256 x 256", "Log", [np.abs(matrix) + 0.1])
    yield case("Clip, float64, 256 x 256", "Clip", [matrix, np.float64(-0.5), np.float64(0.5)], constant=(1, 2))
    yield case(
        "LayerNormalization, float64, 256 x 256", "LayerNormalization", [matrix, matrix[0], matrix[1]], constant=(1, 2)
    )
    last = np.array([1])
    for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"):
        yield case(f"{op}, float64, 256 x 256", op, [matrix, last], constant=(1,))
    yield case("ReduceMean, float64, axis 0", "ReduceMean", [matrix, np.array([0])], constant=(1,))
    pixels, others = (rng.integers(0, 256, (3, 224, 224)).astype(np.uint8) for _ in range(2))
    for op in ("Max", "Min", "Greater", "Equal"):
        yield case(f"{op}, uint8, 3 x 224 x 224", op, [pixels, others])
    yield case("Clip, uint8, 3 x 224 x 224", "Clip", [pixels, np.uint8(16), np.uint8(235)], constant=(1, 2))
    yield case("Mod, uint8, 3 x 224 x 224", "Mod", [pixels, np.uint8(10)])
    scale, zero = np.float32(0.0001), np.int16(5)
    real, codes = matrix.astype(np.float32), rng.integers(-9999, 9999, (256, 256)).astype(np.int16)
    yield case("QuantizeLinear, int16, 256 x 256", "QuantizeLinear", [real, scale, zero], constant=(1, 2))
    yield case("DequantizeLinear, int16, 256 x 256", "DequantizeLinear", [codes, scale, zero], constant=(1, 2))
    half = rng.standard_normal((256, 256)).astype(np.float16)
    for op in ("Greater", "Equal", "Less"):
        yield case(f"{op}, float16, 256 x 256", op, [half, half.T.copy()])
    for op in ("Floor", "Round", "Sign"):
        yield case(f"{op}, float16, 256 x 256", op, [half])


def functions(case, rng):
    """Element-wise functions and moves."""

    def floats(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    unit = (rng.random((256, 256)) * 1.98 - 0.99).astype(np.float32)
    for op in ("Asin", "Acos", "Atanh"):
        yield case(f"{op}, 256 x 256", op, [unit])
    for op in (
        "Tan",
        "Atan",
        "Sinh",
        "Cosh",
        "Asinh",
        "Shrink",
        "Hardmax",
        "ThresholdedRelu",
        "IsInf",
        "Ceil",
        "Round",
    ):
        yield case(f"{op}, 256 x 256", op, [floats(256, 256)])
    yield case("Acosh, 256 x 256", "Acosh", [np.abs(floats(256, 256)) + 1])
    numbers = rng.integers(0, 1 << 20, (256, 256))
    yield case("BitwiseNot, int32, 256 x 256", "BitwiseNot", [numbers.astype(np.int32)])
    yield case("BitwiseAnd, int32, 256 x 256", "BitwiseAnd", [numbers.astype(np.int32), numbers.T.astype(np.int32)])
    shifts = rng.integers(0, 9, (256, 256)).astype(np.uint32)
    yield case("BitShift, uint32, 256 x 256", "BitShift", [numbers.astype(np.uint32), shifts], direction="RIGHT")
    yield case("Mod, int64, 256 x 256", "Mod", [numbers, numbers.T % 100 + 1])
    yield case("Mod, fmod, float32, 256 x 256", "Mod", [floats(256, 256) * 10, floats(256, 256)], fmod=1)
    yield case("Trilu, 8 x 256 x 256", "Trilu", [floats(8, 256, 256)], upper=0)
    yield case("EyeLike, 256 x 256", "EyeLike", [floats(256, 256)])
    lengths = rng.integers(1, 65, 32)
    yield case("ReverseSequence, 64 x 32 x 128", "ReverseSequence", [floats(64, 32, 128), lengths])
    yield case(
        "ReverseSequence, batch first, 32 x 512, int64",
        "ReverseSequence",
        [rng.integers(0, 30000, (32, 512)), rng.integers(1, 513, 32)],
        batch_axis=0,
        time_axis=1,
    )
    yield case("Hardmax, axis 1, 8 x 21 x 4096", "Hardmax", [floats(8, 21, 4096)], axis=1)
    yield case(
        "CumSum, reverse, first axis, 64 x 512", "CumSum", [floats(64, 512), np.array(0)], constant=(1,), reverse=1
    )
    yield case("Det, 64 of 8 x 8", "Det", [floats(64, 8, 8)])
    yield case(
        "GatherElements, 64 x 1024, last axis",
        "GatherElements",
        [floats(64, 1024), rng.integers(0, 1024, (64, 256))],
        axis=1,
    )
    size = np.array([40, 40], np.int64)
    yield case(
        "CenterCropPad, 64 x 56 x 56", "CenterCropPad", [floats(1, 64, 56, 56), size], constant=(1,), axes=[2, 3]
    )
    yield case("DepthToSpace, 2, 64 x 64 x 64", "DepthToSpace", [floats(1, 64, 64, 64)], blocksize=2)
    yield case("DepthToSpace, 4, CRD, 64 x 64 x 64", "DepthToSpace", [floats(1, 64, 64, 64)], blocksize=4, mode="CRD")
    yield case("SpaceToDepth, 4, 3 x 256 x 256", "SpaceToDepth", [floats(1, 3, 256, 256)], blocksize=4)
    yield case(
        "SpaceToDepth, 2, uint8, 3 x 256 x 256",
        "SpaceToDepth",
        [rng.integers(0, 256, (1, 3, 256, 256)).astype(np.uint8)],
        blocksize=2,
    )


def vision(case, rng):
    """Of segmenters, detectors and audio."""

    def floats(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    image = floats(1, 64, 56, 56)
    windows = {"kernel_shape": [2, 2], "strides": [2, 2]}
    yield case("LpPool, 64 x 56 x 56", "LpPool", [image], **windows)
    yield case("GlobalLpPool, 64 x 56 x 56", "GlobalLpPool", [image])
    blocks = image.reshape(1, 64, 28, 2, 28, 2).transpose(0, 1, 2, 4, 3, 5).reshape(1, 64, 28, 28, 4)
    best = blocks.argmax(-1)
    row, column = np.arange(28)[:, None] * 2 + best // 2, np.arange(28)[None] * 2 + best % 2
    indices = (np.arange(64)[:, None, None] * 56 + row) * 56 + column
    yield case("MaxUnpool, 64 x 28 x 28", "MaxUnpool", [blocks.max(-1), indices], **windows)
    corners = rng.integers(0, 30, (100, 2))
    regions = np.concatenate([np.zeros((100, 1)), corners, corners + rng.integers(4, 26, (100, 2))], 1)
    yield case("MaxRoiPool, 100 of 7 x 7", "MaxRoiPool", [image, regions.astype(np.float32)], pooled_shape=[7, 7])
    theta = np.tile(np.array([[0.9, 0.1, 0.05], [-0.1, 0.8, 0.1]], np.float32), (4, 1, 1))
    yield case("AffineGrid, 4 of 64 x 64", "AffineGrid", [theta, np.array([4, 3, 64, 64])], constant=(1,))
    columns = floats(1, 16 * 9, 64 * 64)
    yield case(
        "Col2Im, 16 x 64 x 64, 3 x 3",
        "Col2Im",
        [columns, np.array([64, 64]), np.array([3, 3])],
        constant=(1, 2),
        pads=[1, 1, 1, 1],
    )
    offsets = floats(1, 18, 28, 28)
    weights = floats(32, 32, 3, 3)
    yield case(
        "DeformConv, 32 to 32, 28 x 28",
        "DeformConv",
        [floats(1, 32, 28, 28), weights, offsets],
        constant=(1,),
        pads=[1, 1, 1, 1],
        opset=22,
    )
    yield case(
        "DeformConv, mask, 128 to 128, 32 x 32",
        "DeformConv",
        [
            floats(1, 128, 32, 32),
            floats(128, 128, 3, 3),
            floats(1, 18, 32, 32),
            floats(128),
            rng.random((1, 9, 32, 32)).astype(np.float32),
        ],
        constant=(1, 3),
        pads=[1, 1, 1, 1],
        opset=22,
    )
    yield case(
        "Col2Im, patches of 8 x 8, 3 x 224 x 224",
        "Col2Im",
        [floats(1, 3 * 64, 28 * 28), np.array([224, 224]), np.array([8, 8])],
        constant=(1, 2),
        strides=[8, 8],
    )
    signal = floats(1, 16000, 1)
    window = np.hanning(400).astype(np.float32)
    yield case("STFT, 16000 in frames of 400", "STFT", [signal, np.array(160), window], constant=(1, 2))
    yield case("DFT, 64 of 512", "DFT", [floats(64, 512, 1)], axis=1, onesided=1, opset=17)
    bands = [np.array(80), np.array(400), np.array(16000), np.array(0, np.float32), np.array(8000, np.float32)]
    yield case("MelWeightMatrix, 80 of 400", "MelWeightMatrix", bands, constant=(1, 2, 3, 4))
    yield case("HannWindow, 400", "HannWindow", [np.array(400)])


def tables(case, rng):
    """Of scikit-learn's pipelines."""

    def floats(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    rows = floats(256, 30)
    holes = rows.copy()
    holes[rng.random(rows.shape) < 0.1] = np.nan
    ml = {"domain": ML}
    yield case(
        "Imputer, 256 rows of 30",
        "Imputer",
        [holes],
        **ml,
        imputed_value_floats=[0.5] * 30,
        replaced_value_float=float("nan"),
    )
    yield case("Binarizer, 256 rows of 30", "Binarizer", [rows], **ml, threshold=0.2)
    yield case(
        "ArrayFeatureExtractor, 256 rows of 30",
        "ArrayFeatureExtractor",
        [rows, np.arange(0, 30, 3)],
        **ml,
        constant=(1,),
    )
    yield case(
        "FeatureVectorizer, 256 rows of 10 and 20",
        "FeatureVectorizer",
        [floats(256, 10), floats(256, 20)],
        **ml,
        inputdimensions=[10, 20],
    )
    codes = rng.integers(0, 20, (256, 1))
    yield case(
        "OneHotEncoder, 256 rows of 20 kinds", "OneHotEncoder", [codes], **ml, cats_int64s=list(range(20)), zeros=1
    )
    yield case(
        "LabelEncoder, int64, 4096 of 100",
        "LabelEncoder",
        [rng.integers(0, 100, 4096)],
        **ml,
        keys_int64s=list(range(100)),
        values_int64s=list(range(100, 200)),
        default_int64=-1,
    )
    yield case(
        "LabelEncoder, float32, 4096 of 100",
        "LabelEncoder",
        [rng.integers(0, 100, 4096).astype(np.float32)],
        **ml,
        keys_floats=[float(i) for i in range(100)],
        values_floats=[float(i) for i in range(100, 200)],
        default_float=-1.0,
    )
    spread = np.unique(rng.integers(0, 1 << 40, 5000))
    yield case(
        "LabelEncoder, int64, 4096 of 5000 far apart",
        "LabelEncoder",
        [rng.choice(spread, 4096)],
        **ml,
        keys_int64s=spread.tolist(),
        values_int64s=list(range(spread.size)),
        default_int64=-1,
    )
    vectors = floats(200, 30)
    support = {
        "coefficients": floats(200).tolist(),
        "support_vectors": vectors.ravel().tolist(),
        "kernel_type": "RBF",
        "kernel_params": [0.05, 0.0, 3.0],
    }
    yield case(
        "SVMRegressor, 200 vectors, 64 rows of 30",
        "SVMRegressor",
        [floats(64, 30)],
        **ml,
        **support,
        n_supports=200,
        rho=[0.3],
    )
    classes = {"support_vectors": vectors.ravel().tolist(), "kernel_type": "RBF", "kernel_params": [0.05, 0.0, 3.0]}
    yield case(
        "SVMClassifier, 200 vectors, 64 rows of 30, 3 classes",
        "SVMClassifier",
        [floats(64, 30)],
        **ml,
        **classes,
        outputs=2,
        coefficients=floats(400).tolist(),
        vectors_per_class=[70, 70, 60],
        classlabels_ints=[0, 1, 2],
        rho=[0.1, 0.2, 0.3],
        prob_a=[-1.0, -1.2, -0.8],
        prob_b=[0.1, 0.0, -0.1],
    )
    words = rng.integers(0, 50, (16, 100))
    yield case(
        "TfIdfVectorizer, 16 rows of 100, pairs",
        "TfIdfVectorizer",
        [words],
        min_gram_length=1,
        max_gram_length=2,
        max_skip_count=0,
        mode="TF",
        ngram_counts=[0, 50],
        ngram_indexes=list(range(100)),
        pool_int64s=[
            *range(50),
            *(word for k in rng.choice(2500, 50, replace=False) for word in (int(k) // 50, int(k) % 50)),
        ],
    )
