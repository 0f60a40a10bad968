// MatMulNBits: a product with weights of 2, 4 or 8 bits, each block of which along the depth has a scale and a zero point.
#include <bit>

#include "base/error.h"
#include "ops/contrib/list.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

constexpr DTypeSet kByteType{DType::kUInt8};
constexpr DTypeSet kInt32Type{DType::kInt32};

struct NBitsAttributes {
  std::int64_t k = 0, n = 0, bits = 4, block = 0;

  std::int64_t blocks() const { return (k + block - 1) / block; }  // along the depth
  std::int64_t block_bytes() const { return block * bits / 8; }
  std::int64_t zero_point_bytes() const { return (blocks() * bits + 7) / 8; }  // of one column
  double middle() const { return static_cast<double>(std::int64_t{1} << (bits - 1)); }

  static Result<NBitsAttributes> parse(const Node& node) {
    NBitsAttributes a;
    CYCLOID_ASSIGN(a.k, get_int(node, "K", 0));
    CYCLOID_ASSIGN(a.n, get_int(node, "N", 0));
    CYCLOID_ASSIGN(a.bits, get_int(node, "bits", 4));
    CYCLOID_ASSIGN(a.block, get_int(node, "block_size", 0));
    CYCLOID_ASSIGN(const std::int64_t packed, get_int(node, "weight_prepacked", 0));
    constexpr std::int64_t kMost = std::int64_t{1} << 30;
    if (a.k < 1 || a.n < 1 || a.k > kMost || a.n > kMost) return invalid_model("weights of {} x {}", a.k, a.n);
    if (a.bits != 2 && a.bits != 4 && a.bits != 8) return invalid_model("weights of {} bits", a.bits);
    if (a.block < 16 || a.block > kMost || !std::has_single_bit(static_cast<std::uint64_t>(a.block)))
      return invalid_model("block_size {} is no power of two of 16 or more", a.block);
    if (packed != 0) return unsupported("weights that were packed for another machine");
    return a;
  }
};

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const NBitsAttributes a, NBitsAttributes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kFloats));
  CYCLOID_TRY(input_type(context, 1, kByteType));
  CYCLOID_ASSIGN(const ValueType scales, input_type(context, 2, kFloats));
  CYCLOID_TRY(check_same_dtype(x, scales, "A and scales"));
  if (x.shape) {
    if (x.shape->empty()) return invalid_argument("A must have rank 1 or more");
    CYCLOID_TRY(check_equal(x.shape->back(), a.k, "the depth of A and K"));
    x.shape->back() = a.n;
  }
  context.set_output(0, std::move(x));
  return {};
}

std::uint8_t bits_at(const std::uint8_t* bytes, std::int64_t i, std::int64_t bits) {
  const std::int64_t each = 8 / bits;
  return static_cast<std::uint8_t>(bytes[i / each] >> (i % each * bits) & ((1 << bits) - 1));
}

// The zero points by column and block.
Result<std::vector<double>> zero_points(const EvalContext& context, const NBitsAttributes& a) {
  const auto count = static_cast<std::size_t>(a.n * a.blocks());
  if (context.input_count() <= 3 || context.input(3) == nullptr) return std::vector<double>(count, a.middle());
  CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, 3, kFloats | kByteType));
  if (tensor->dtype() != DType::kUInt8) {
    if (tensor->element_count() != static_cast<std::int64_t>(count))
      return invalid_argument("zero_points must have {} elements, not {}", count, tensor->element_count());
    return doubles(*tensor);
  }
  if (tensor->element_count() != a.n * a.zero_point_bytes())
    return invalid_argument("zero_points must have {} bytes, not {}", a.n * a.zero_point_bytes(),
                            tensor->element_count());
  std::vector<double> points;
  for (std::int64_t column = 0; column < a.n; ++column) {
    const std::uint8_t* bytes = tensor->data<std::uint8_t>().data() + column * a.zero_point_bytes();
    for (std::int64_t b = 0; b < a.blocks(); ++b) points.push_back(bits_at(bytes, b, a.bits));
  }
  return points;
}

// The block of each index along the depth: in order, or as g_idx says.
Result<std::vector<std::int64_t>> blocks_of(const EvalContext& context, const NBitsAttributes& a) {
  std::vector<std::int64_t> blocks;
  if (context.input_count() > 4 && context.input(4) != nullptr) {
    CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, 4, kInt32Type));
    blocks = to_int64s(*tensor);
    if (static_cast<std::int64_t>(blocks.size()) < a.k) return invalid_argument("g_idx has {} elements", blocks.size());
    for (const std::int64_t block : blocks) {
      if (block < 0 || block >= a.blocks())
        return invalid_argument("g_idx has {}, but there are {} blocks", block, a.blocks());
    }
    return blocks;
  }
  for (std::int64_t i = 0; i < a.k; ++i) blocks.push_back(i / a.block);
  return blocks;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const NBitsAttributes a, NBitsAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* packed, tensor_input(context, 1, kByteType));
  CYCLOID_ASSIGN(const Tensor* scale_tensor, tensor_input(context, 2, kFloats));
  if (x->rank() == 0 || x->dims().back() != a.k)
    return invalid_argument("A {} does not have the depth {}", to_string(x->dims()), a.k);
  if (packed->element_count() != a.n * a.blocks() * a.block_bytes())
    return invalid_argument("B must have {} bytes, not {}", a.n * a.blocks() * a.block_bytes(),
                            packed->element_count());
  if (scale_tensor->element_count() != a.n * a.blocks())
    return invalid_argument("scales must have {} elements, not {}", a.n * a.blocks(), scale_tensor->element_count());
  Dims dims = x->dims();
  dims.back() = a.n;
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, dims));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, {a.n, a.k}));
  CYCLOID_ASSIGN(const std::vector<double> points, zero_points(context, a));
  CYCLOID_ASSIGN(const std::vector<std::int64_t> blocks, blocks_of(context, a));
  CYCLOID_ASSIGN(const std::vector<double> scales, doubles(*scale_tensor));
  CYCLOID_ASSIGN(const std::vector<double> rows, doubles(*x));
  std::vector<double> bias(static_cast<std::size_t>(a.n), 0.0);
  if (context.input_count() > 5 && context.input(5) != nullptr) {
    CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, 5, kFloats));
    if (tensor->element_count() != a.n) return invalid_argument("bias must have {} elements", a.n);
    CYCLOID_ASSIGN(bias, doubles(*tensor));
  }
  std::vector<double> weights;  // by column, along the depth
  weights.reserve(static_cast<std::size_t>(a.n * a.k));
  for (std::int64_t column = 0; column < a.n; ++column) {
    const std::uint8_t* bytes = packed->data<std::uint8_t>().data() + column * a.blocks() * a.block_bytes();
    for (std::int64_t i = 0; i < a.k; ++i) {
      const auto at = static_cast<std::size_t>(column * a.blocks() + blocks[static_cast<std::size_t>(i)]);
      weights.push_back((bits_at(bytes, i, a.bits) - points[at]) * scales[at]);
    }
  }
  const std::int64_t m = static_cast<std::int64_t>(rows.size()) / a.k;
  std::vector<double> y(static_cast<std::size_t>(m * a.n));
  matrix_product(m, a.n, a.k, MatrixView<double>{rows.data(), a.k, 1}, MatrixView<double>{weights.data(), 1, a.k},
                 [&](std::int64_t i, std::int64_t j, double sum) {
                   y[static_cast<std::size_t>(i * a.n + j)] = sum + bias[static_cast<std::size_t>(j)];
                 });
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, x->dtype(), dims, y));
  return outputs(std::move(result));
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const NBitsAttributes a, NBitsAttributes::parse(node));
  return cost_per_output(graph, node, 2 * a.k);
}

}  // namespace

const Op kMatMulNBits = {.domain = kMicrosoft,
                         .name = "MatMulNBits",
                         .min_inputs = 3,
                         .max_inputs = 6,
                         .infer = infer,
                         .evaluate = evaluate,
                         .cost = cost,
                         .dtypes = kFloats};

}  // namespace cycloid
