// MatMulInteger (with the scaling after it), QLinearMatMul; com.microsoft's DynamicQuantizeMatMul, MatMulIntegerToFloat and QGemm.
#include <algorithm>
#include <cmath>

#include "graph/is_op.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/product_shape.h"
#include "plan/lowering/quantize.h"
#include "plan/lowering/quantized.h"

namespace cycloid {
namespace {

using kernels::QgemmOutput;
using kernels::QgemmParams;
using kernels::QgemmPlan;

// A product to be lowered: what the operators have in common.
struct Product {
  ValueId a, b, output;
  QgemmParams params;
  QgemmPlaces places;
  std::vector<std::int32_t> b_zeros;  // of a constant B
  std::vector<NodeId> nodes;
};

// The operands and their zero points, inputs `a_zero` and `b_zero` of the node.
Declined find_operands(Lowering& lowering, const Node& node, std::size_t a_zero, std::size_t b_zero, Product& product) {
  ProductShape shape;
  if (Declined reason = find_product_shape(lowering, product.a, product.b, product.output, shape); !reason.empty())
    return reason;
  QgemmParams& p = product.params;
  p.batch = shape.batch;
  p.m = shape.m;
  p.n = shape.n;
  p.k = shape.k;
  p.a_step = shape.a_step;
  p.b_step = shape.b_step;
  p.c_step = shape.m * shape.n;
  p.a_offsets = shape.a_offsets;
  p.b_offsets = shape.b_offsets;
  p.a_signed = lowering.dtype(product.a) == DType::kInt8;
  p.b_signed = lowering.dtype(product.b) == DType::kInt8;
  p.b_constant = lowering.constant(product.b) != nullptr && shape.one_b();
  p.threads = lowering.threads();
  if (a_zero > 0) {
    const auto zero = scalar_source(lowering, node, a_zero, 0);
    if (!zero) return "a zero point of A for each row";
    product.places.a_zero = *zero;
  }
  if (p.b_constant) {
    const auto zeros = constant_numbers(lowering, node, b_zero, 0);
    if (!zeros || (zeros->size() != 1 && static_cast<std::int64_t>(zeros->size()) != p.n))
      return "zero points of B that are neither one nor one a column";
    product.b_zeros = to_int32s(*zeros);
    return {};
  }
  const auto zero = scalar_source(lowering, node, b_zero, 0);
  if (!zero) return "zero points of a B that is computed in the run";
  product.places.b_zero = *zero;
  return {};
}

// The scales of the columns: one for all, or one for each.
std::vector<float> spread(const std::vector<double>& values, std::int64_t n) {
  std::vector<float> scales(static_cast<std::size_t>(n));
  for (std::size_t j = 0; j < scales.size(); ++j) scales[j] = static_cast<float>(values[values.size() == 1 ? 0 : j]);
  return scales;
}

bool fits(const std::vector<double>& values, std::int64_t n) {
  return values.size() == 1 || static_cast<std::int64_t>(values.size()) == n;
}

Declined emit(Lowering& lowering, Product product) {
  const auto selection = kernels::select_qgemm(product.params, lowering.options().isa);
  if (const auto* reason = std::get_if<std::string>(&selection)) return *reason;
  const QgemmPlan& plan = std::get<QgemmPlan>(selection);
  product.places.a = product.places.a.buffer.valid() ? product.places.a : lowering.read(product.a, Layout::kRowMajor);
  if (product.params.b_constant) {
    BufferId buffer;
    std::byte* memory = lowering.constant_memory(plan.packed_bytes, buffer);
    plan.pack(lowering.constant(product.b)->bytes(), product.b_zeros, memory);
    product.places.packed = memory;
  } else {
    product.places.b = lowering.read(product.b, Layout::kRowMajor);
  }
  product.places.c = lowering.define(product.output, Layout::kRowMajor);
  Lowering::Draft draft;
  draft.nodes = std::move(product.nodes);
  add_qgemm(lowering, plan, std::move(product.places), std::move(draft));
  return {};
}

bool is_op(const Lowering& lowering, NodeId id, std::string_view op) {
  return id.valid() && is_op(lowering.graph().node(id), op);
}

// s = MatMulInteger  =>  float(s) * scale (+ a row), as quantisers write it: Cast, Mul by one number, Add.
void take_scaling(Lowering& lowering, Product& product) {
  const NodeId cast = lowering.only_user(product.output);
  if (!is_op(lowering, cast, "Cast")) return;
  const ValueId real = lowering.graph().node(cast).outputs[0];
  if (!lowering.is_float(real)) return;
  const NodeId mul = lowering.only_user(real);
  if (!is_op(lowering, mul, "Mul")) return;
  const Node& node = lowering.graph().node(mul);
  const std::size_t other = node.inputs[0] == real ? 1 : 0;
  const Dims* dims = lowering.dims(node.inputs[other]);
  const Dims* result = lowering.dims(node.outputs[0]);
  if (node.inputs[other] == real || dims == nullptr || result == nullptr || *result != *lowering.dims(real) ||
      !lowering.is_float(node.inputs[other]) || !lowering.available(node.inputs[other]))
    return;
  std::vector<double> scales = {1};
  if (element_count(*dims) == 1) {
    product.places.factor = *scalar_source(lowering, node, other, 1);
  } else if (const auto values = constant_numbers(lowering, node, other, 1);
             values && is_row(*dims, product.params.n)) {
    scales = *values;
  } else {
    return;
  }
  product.params.output = QgemmOutput::kFloat;
  product.places.scale = constant_array(lowering, spread(scales, product.params.n));
  product.nodes.insert(product.nodes.end(), {cast, mul});
  product.output = node.outputs[0];

  const NodeId add = lowering.only_user(product.output);
  if (!is_op(lowering, add, "Add")) return;
  const Node& sum = lowering.graph().node(add);
  const std::size_t side = sum.inputs[0] == product.output ? 1 : 0;
  const Tensor* row = lowering.constant(sum.inputs[side]);
  const Dims* dims_after = lowering.dims(sum.outputs[0]);
  if (row == nullptr || dims_after == nullptr || *dims_after != *result || !is_row(row->dims(), product.params.n))
    return;
  const std::span<const float> bias = row->data<float>();
  product.places.float_bias = constant_array(lowering, std::vector<float>(bias.begin(), bias.end()));
  product.nodes.push_back(add);
  product.output = sum.outputs[0];
}

// The float bias of input i, where it is a constant row.
Declined take_bias(Lowering& lowering, const Node& node, std::size_t i, Product& product) {
  if (i >= node.inputs.size() || !node.inputs[i].valid()) return {};
  const Tensor* row = lowering.constant(node.inputs[i]);
  if (row == nullptr || !is_row(row->dims(), product.params.n)) return "a bias that is no constant row";
  const std::span<const float> bias = row->data<float>();
  product.places.float_bias = constant_array(lowering, std::vector<float>(bias.begin(), bias.end()));
  return {};
}

}  // namespace

Declined lower_matmul_integer(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  Product product{.a = node.inputs[0], .b = node.inputs[1], .output = node.outputs[0], .nodes = {id}};
  if (Declined reason = find_operands(lowering, node, 2, 3, product); !reason.empty()) return reason;
  if (auto probe = kernels::select_qgemm(product.params, lowering.options().isa);
      std::holds_alternative<std::string>(probe))
    return std::get<std::string>(probe);
  take_scaling(lowering, product);
  return emit(lowering, std::move(product));
}

Declined lower_qlinear_matmul(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  Product product{.a = node.inputs[0], .b = node.inputs[3], .output = node.outputs[0], .nodes = {id}};
  if (!is_byte(lowering.dtype(product.a)) || !is_byte(lowering.dtype(product.b)) ||
      !is_byte(lowering.dtype(product.output)))
    return "only 8-bit integers are native";
  if (Declined reason = find_operands(lowering, node, 2, 5, product); !reason.empty()) return reason;
  const auto a_scale = constant_number(lowering, node, 1, 1), y_scale = constant_number(lowering, node, 6, 1),
             y_zero = constant_number(lowering, node, 7, 0);
  const auto b_scale = constant_numbers(lowering, node, 4, 1);
  if (!a_scale || !y_scale || !y_zero || !b_scale || !fits(*b_scale, product.params.n))
    return "scales that are computed in the run, or one for each row";
  std::vector<float> scales = spread(*b_scale, product.params.n);
  for (float& scale : scales) {
    scale = static_cast<float>(*a_scale) * scale / static_cast<float>(*y_scale);
    if (!std::isfinite(scale)) return "scales beyond float32";
  }
  product.params.output = QgemmOutput::kBytes;
  product.params.c_signed = lowering.dtype(product.output) == DType::kInt8;
  product.places.scale = constant_array(lowering, scales);
  product.places.c_zero = static_cast<std::int32_t>(*y_zero);
  return emit(lowering, std::move(product));
}

// A, a_scale, a_zero_point, B, b_scale, b_zero_point, C, y_scale, y_zero_point.
Declined lower_qgemm(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<std::int64_t> trans_a = get_int(node, "transA", 0), trans_b = get_int(node, "transB", 0);
  const Result<float> alpha = get_float(node, "alpha", 1);
  if (!trans_a || !trans_b || !alpha || *trans_a != 0) return "a transposed A";
  Product product{.a = node.inputs[0], .b = node.inputs[3], .output = node.outputs[0], .nodes = {id}};
  const Tensor* weights = lowering.constant(product.b);
  if (weights == nullptr) return "a B that is computed in the run";
  const Dims a = *lowering.dims(product.a), b = weights->dims();
  QgemmParams& p = product.params;
  p.m = a[0];
  p.k = a[1];
  p.b_transposed = *trans_b != 0;
  p.n = b[p.b_transposed ? 0 : 1];
  if (b[p.b_transposed ? 1 : 0] != p.k || p.m < 1 || p.n < 1 || p.k < 1) return "a size that is 0";
  p.a_signed = lowering.dtype(product.a) == DType::kInt8;
  p.b_signed = lowering.dtype(product.b) == DType::kInt8;
  p.threads = lowering.threads();
  const auto a_scale = constant_number(lowering, node, 1, 1), a_zero = constant_number(lowering, node, 2, 0);
  const auto b_scale = constant_numbers(lowering, node, 4, 1), b_zero = constant_numbers(lowering, node, 5, 0);
  if (!a_scale || !a_zero || !b_scale || !b_zero || !fits(*b_scale, p.n) || !fits(*b_zero, p.n))
    return "scales or zero points that are computed in the run";
  product.places.a_zero.value = *a_zero;
  product.b_zeros = to_int32s(*b_zero);
  const auto given = [&](std::size_t i) { return i < node.inputs.size() && node.inputs[i].valid(); };
  float y_scale = 1;
  if (given(7)) {
    const auto scale = constant_number(lowering, node, 7, 1), zero = constant_number(lowering, node, 8, 0);
    if (!scale || !zero) return "scales or zero points that are computed in the run";
    y_scale = static_cast<float>(*scale);
    product.places.c_zero = static_cast<std::int32_t>(*zero);
  }
  std::vector<float> scales = spread(*b_scale, p.n);
  for (float& scale : scales) {
    scale = *alpha * static_cast<float>(*a_scale) * scale / y_scale;
    if (!std::isfinite(scale)) return "scales beyond float32";
  }
  if (given(6)) {
    const Tensor* row = lowering.constant(node.inputs[6]);
    if (row == nullptr || row->dtype() != DType::kInt32 || (!is_row(row->dims(), p.n) && row->element_count() != 1))
      return "a C that is no constant row";
    const std::span<const std::int32_t> values = row->data<std::int32_t>();
    std::vector<std::int32_t> bias(static_cast<std::size_t>(p.n));
    for (std::size_t j = 0; j < bias.size(); ++j) bias[j] = values[values.size() == 1 ? 0 : j];
    product.places.bias = constant_array(lowering, bias);
  }
  p.output = given(7) ? QgemmOutput::kBytes : QgemmOutput::kFloat;
  p.c_signed = lowering.dtype(product.output) == DType::kInt8;
  product.places.scale = constant_array(lowering, scales);
  return emit(lowering, std::move(product));
}

Declined lower_matmul_integer_to_float(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  Product product{.a = node.inputs[0], .b = node.inputs[1], .output = node.outputs[0], .nodes = {id}};
  if (Declined reason = find_operands(lowering, node, 4, 5, product); !reason.empty()) return reason;
  const auto factor = scalar_source(lowering, node, 2, 1);
  const auto b_scale = constant_numbers(lowering, node, 3, 1);
  if (!factor || !b_scale || !fits(*b_scale, product.params.n)) return "scales of B that are computed in the run";
  if (Declined reason = take_bias(lowering, node, 6, product); !reason.empty()) return reason;
  product.params.output = QgemmOutput::kFloat;
  product.places.factor = *factor;
  product.places.scale = constant_array(lowering, spread(*b_scale, product.params.n));
  return emit(lowering, std::move(product));
}

Declined lower_dynamic_quantize_matmul(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  Product product{.a = node.inputs[0], .b = node.inputs[1], .output = node.outputs[0], .nodes = {id}};
  if (Declined reason = find_operands(lowering, node, 0, 3, product); !reason.empty()) return reason;
  const auto b_scale = constant_numbers(lowering, node, 2, 1);
  if (!b_scale || !fits(*b_scale, product.params.n)) return "scales of B that are computed in the run";
  if (Declined reason = take_bias(lowering, node, 4, product); !reason.empty()) return reason;
  product.params.a_signed = false;
  product.params.output = QgemmOutput::kFloat;
  product.places.scale = constant_array(lowering, spread(*b_scale, product.params.n));
  if (auto probe = kernels::select_qgemm(product.params, lowering.options().isa);
      std::holds_alternative<std::string>(probe))
    return std::get<std::string>(probe);
  const Place a = lowering.read(product.a, Layout::kRowMajor);
  const DynamicPlaces quantised{.q = lowering.temporary(DType::kUInt8, a.dims),
                                .scale = lowering.temporary(DType::kFloat32, {}),
                                .zero = lowering.temporary(DType::kUInt8, {})};
  add_dynamic_quantize(lowering, a, quantised, {id});
  product.places.a = quantised.q;
  product.places.a_zero.place = quantised.zero;
  product.places.factor.place = quantised.scale;
  return emit(lowering, std::move(product));
}

}  // namespace cycloid
