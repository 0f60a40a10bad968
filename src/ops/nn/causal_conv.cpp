// CausalConvWithState: a depthwise 1-D convolution that sees the past only, and hands the end of it on.
#include <cmath>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/nn/list.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/concat.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

constexpr DTypeSet kTypes{DType::kFloat32, DType::kFloat16, DType::kBFloat16};

Result<bool> has_silu(const Node& node) {
  CYCLOID_ASSIGN(const std::string activation, get_string(node, "activation", "none"));
  if (activation != "none" && activation != "silu" && activation != "swish")
    return invalid_model("activation '{}' is none of none, silu and swish", activation);
  return activation != "none";
}

// Input (N, C, L), weight (C, 1, k), bias (C), past state (N, C, k - 1).
Status check_shapes(const Shape& x, const Shape& w, const Shape* bias, const Shape* past) {
  if (x.size() != 3 || w.size() != 3)
    return invalid_argument("input {} and weight {} must have rank 3", to_string(x), to_string(w));
  CYCLOID_TRY(check_equal(x[1], w[0], "channels of input and weight"));
  CYCLOID_TRY(check_equal(w[1], 1, "the middle size of weight"));
  if (w[2].is(0)) return invalid_argument("a kernel of 0 elements");
  if (bias != nullptr) {
    if (bias->size() != 1) return invalid_argument("bias must have rank 1, not shape {}", to_string(*bias));
    CYCLOID_TRY(check_equal((*bias)[0], w[0], "sizes of bias and weight"));
  }
  if (past == nullptr) return {};
  if (past->size() != 3) return invalid_argument("past_state must have rank 3, not shape {}", to_string(*past));
  CYCLOID_TRY(check_equal((*past)[0], x[0], "the batches of input and past_state"));
  CYCLOID_TRY(check_equal((*past)[1], x[1], "channels of input and past_state"));
  return check_equal((*past)[2], w[2] - 1, "the length of past_state and one less than the kernel's");
}

Status infer(InferContext& context) {
  CYCLOID_TRY(has_silu(context.node()));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, kTypes));
  CYCLOID_ASSIGN(const ValueType w, input_type(context, 1, kTypes));
  CYCLOID_ASSIGN(const auto bias, optional_input_type(context, 2, kTypes));
  CYCLOID_ASSIGN(const auto past, optional_input_type(context, 3, kTypes));
  CYCLOID_TRY(check_same_dtype(x, w, "input and weight"));
  if (past) CYCLOID_TRY(check_same_dtype(x, *past, "input and past_state"));
  ValueType state = past ? *past : ValueType::tensor(x.dtype);
  if (x.shape && w.shape) {
    CYCLOID_TRY(check_shapes(*x.shape, *w.shape, bias && bias->shape ? &*bias->shape : nullptr,
                             past && past->shape ? &*past->shape : nullptr));
    state.shape = Shape{(*x.shape)[0], (*x.shape)[1], (*w.shape)[2] - 1};
  }
  context.set_output(0, x);
  if (wants_output(context, 1)) context.set_output(1, std::move(state));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const bool silu, has_silu(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kTypes));
  CYCLOID_ASSIGN(const Tensor* w, tensor_input(context, 1, kTypes));
  CYCLOID_ASSIGN(const Tensor* bias, optional_tensor_input(context, 2, kTypes));
  CYCLOID_ASSIGN(const Tensor* past, optional_tensor_input(context, 3, kTypes));
  const Shape bias_shape = bias != nullptr ? to_shape(bias->dims()) : Shape{};
  const Shape past_shape = past != nullptr ? to_shape(past->dims()) : Shape{};
  CYCLOID_TRY(check_shapes(to_shape(x->dims()), to_shape(w->dims()), bias != nullptr ? &bias_shape : nullptr,
                           past != nullptr ? &past_shape : nullptr));
  if (past != nullptr) CYCLOID_TRY(check_same_dtype(*x, *past, "input and past_state"));
  const std::int64_t kernel = w->dim(2);
  const std::int64_t length = x->dim(2);
  Dims state_dims{x->dim(0), x->dim(1), kernel - 1};
  CYCLOID_TRY(concrete(to_shape(state_dims)));
  CYCLOID_TRY(check_fits(context, x->dtype(), state_dims));
  Tensor before;
  if (past != nullptr) {
    before = *past;
  } else {
    CYCLOID_ASSIGN(before, Tensor::zeros(x->dtype(), state_dims));
  }
  const Tensor* both[] = {&before, x};
  CYCLOID_ASSIGN(const Tensor sequence, concatenate(both, 2));
  CYCLOID_ASSIGN(const std::vector<double> values, doubles(sequence));
  CYCLOID_ASSIGN(const std::vector<double> weights, doubles(*w));
  std::vector<double> shift;
  if (bias != nullptr) {
    CYCLOID_ASSIGN(shift, doubles(*bias));
  }
  const std::int64_t channels = x->dim(1);
  std::vector<double> y(static_cast<std::size_t>(x->element_count()));
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(y.size()); ++i) {
    if (stopping()) break;
    const std::int64_t channel = i / length % channels;
    const double* from = values.data() + i / length * (length + kernel - 1) + i % length;
    double sum = shift.empty() ? 0 : shift[static_cast<std::size_t>(channel)];
    for (std::int64_t k = 0; k < kernel; ++k) sum += from[k] * weights[static_cast<std::size_t>(channel * kernel + k)];
    y[static_cast<std::size_t>(i)] = silu ? sum / (1 + std::exp(-sum)) : sum;
  }
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, x->dtype(), x->dims(), y));
  CYCLOID_ASSIGN(Tensor state, strided_copy(sequence, state_dims, length, strides_of(sequence.dims())));
  std::vector<Datum> data = outputs(std::move(result));
  data.emplace_back(std::move(state));
  return data;
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  const Shape* w = input_shape(graph, node, 1);
  if (w == nullptr || w->size() != 3) return cost_with_flops(graph, node, Dim::unknown());
  return cost_per_output(graph, node, (*w)[2] * 2);
}

}  // namespace

const Op kCausalConvWithState = {.domain = "",
                                 .name = "CausalConvWithState",
                                 .since = 27,
                                 .min_inputs = 2,
                                 .max_inputs = 4,
                                 .max_outputs = 2,
                                 .infer = infer,
                                 .evaluate = evaluate,
                                 .cost = cost};

}  // namespace cycloid
