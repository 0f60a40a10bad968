// Adagrad, Adam and Momentum: one step of gradient descent for any number of tensors.
#include <cmath>

#include "base/error.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/training/list.h"

namespace cycloid {
namespace {

constexpr DTypeSet kTypes{DType::kFloat32, DType::kFloat64};
constexpr std::string_view kDomain = "ai.onnx.preview.training";

// How an optimiser's inputs follow R and T: `per_tensor` groups of n tensors each, the tensors themselves, their
// gradients, and states. Its outputs are the new tensors and states: all groups but the gradients.
Result<std::size_t> tensor_count(std::size_t inputs, std::size_t per_tensor, std::size_t outputs) {
  if (inputs < 2 + per_tensor || (inputs - 2) % per_tensor != 0)
    return invalid_model("{} inputs are not two numbers and {} for each tensor", inputs, per_tensor);
  const std::size_t n = (inputs - 2) / per_tensor;
  if (outputs != n * (per_tensor - 1)) return invalid_model("{} outputs for {} tensors", outputs, n);
  return n;
}

template <std::size_t kPerTensor>
Status infer(InferContext& context) {
  CYCLOID_TRY(input_type(context, 0, kTypes));
  CYCLOID_TRY(input_type(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const std::size_t n, tensor_count(context.input_count(), kPerTensor, context.output_count()));
  for (std::size_t i = 0; i < n; ++i) {
    CYCLOID_ASSIGN(const ValueType x, input_type(context, 2 + i, kTypes));
    for (std::size_t group = 1; group < kPerTensor; ++group) {
      CYCLOID_ASSIGN(const ValueType other, input_type(context, 2 + group * n + i, kTypes));
      CYCLOID_TRY(check_same_dtype(x, other, "a tensor and its gradient or state"));
    }
    for (std::size_t group = 0; group + 1 < kPerTensor; ++group) context.set_output(group * n + i, x);
  }
  return {};
}

// The rate and the count of steps, which all tensors share.
struct Step {
  double rate = 0;
  double count = 0;
};

// Calls update(step, values) for each element of each tensor: `values` are the tensor's, its gradient's and its states'
// elements; the new ones replace those of the tensor and the states.
template <std::size_t kPerTensor, class Update>
Result<std::vector<Datum>> evaluate(EvalContext& context, const Update& update) {
  CYCLOID_ASSIGN(const Tensor* rate, tensor_input(context, 0, kTypes));
  CYCLOID_ASSIGN(const Tensor* count, tensor_input(context, 1, kInt64Type));
  Step step;
  CYCLOID_ASSIGN(step.rate, load_scalar<double>(*rate, "R"));
  CYCLOID_ASSIGN(step.count, load_scalar<double>(*count, "T"));
  CYCLOID_ASSIGN(const std::size_t n, tensor_count(context.input_count(), kPerTensor, context.output_count()));
  std::vector<Datum> data(n * (kPerTensor - 1));
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double> groups[kPerTensor];
    CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 2 + i, kTypes));
    for (std::size_t group = 0; group < kPerTensor; ++group) {
      CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, 2 + group * n + i, kTypes));
      if (tensor->dims() != x->dims() || tensor->dtype() != x->dtype())
        return invalid_argument("tensor {} and its gradient or state differ in type or shape", i);
      CYCLOID_ASSIGN(groups[group], doubles(*tensor));
    }
    for (std::size_t k = 0; k < groups[0].size(); ++k) {
      double values[kPerTensor];
      for (std::size_t group = 0; group < kPerTensor; ++group) values[group] = groups[group][k];
      update(step, values);
      for (std::size_t group = 0; group < kPerTensor; ++group) groups[group][k] = values[group];
    }
    std::size_t output = i;
    for (std::size_t group = 0; group < kPerTensor; ++group) {
      if (group == 1) continue;  // the gradient
      CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, x->dtype(), x->dims(), groups[group]));
      data[output] = std::move(y);
      output += n;
    }
  }
  return data;
}

Result<double> number(const Node& node, std::string_view name, float fallback) {
  CYCLOID_ASSIGN(const float value, get_float(node, name, fallback));
  return static_cast<double>(value);
}

Result<std::vector<Datum>> evaluate_adagrad(EvalContext& context) {
  CYCLOID_ASSIGN(const double norm, number(context.node(), "norm_coefficient", 0));
  CYCLOID_ASSIGN(const double decay, number(context.node(), "decay_factor", 0));
  CYCLOID_ASSIGN(const double epsilon, number(context.node(), "epsilon", 1e-6F));
  return evaluate<3>(context, [=](const Step& step, double(&values)[3]) {
    auto& [x, g, h] = values;
    const double gradient = norm * x + g;
    h += gradient * gradient;
    x -= step.rate / (1 + step.count * decay) * gradient / (std::sqrt(h) + epsilon);
  });
}

Result<std::vector<Datum>> evaluate_adam(EvalContext& context) {
  CYCLOID_ASSIGN(const double norm, number(context.node(), "norm_coefficient", 0));
  CYCLOID_ASSIGN(const double norm_post, number(context.node(), "norm_coefficient_post", 0));
  CYCLOID_ASSIGN(const double alpha, number(context.node(), "alpha", 0.9F));
  CYCLOID_ASSIGN(const double beta, number(context.node(), "beta", 0.999F));
  CYCLOID_ASSIGN(const double epsilon, number(context.node(), "epsilon", 1e-6F));
  return evaluate<4>(context, [=](const Step& step, double(&values)[4]) {
    auto& [x, g, v, h] = values;
    const double gradient = norm * x + g;
    v = alpha * v + (1 - alpha) * gradient;
    h = beta * h + (1 - beta) * gradient * gradient;
    double rate = step.rate;
    if (step.count > 0) rate *= std::sqrt(1 - std::pow(beta, step.count)) / (1 - std::pow(alpha, step.count));
    x = (1 - norm_post) * (x - rate * v / (std::sqrt(h) + epsilon));
  });
}

Result<bool> is_nesterov(const Node& node) {
  const Result<std::string> mode = get_string(node, "mode", "");
  if (!mode) return mode.error();
  if (*mode == "nesterov") return true;
  if (*mode == "standard") return false;
  return invalid_model("mode '{}' is neither standard nor nesterov", *mode);
}

Result<std::vector<Datum>> evaluate_momentum(EvalContext& context) {
  CYCLOID_ASSIGN(const double norm, number(context.node(), "norm_coefficient", 0));
  CYCLOID_ASSIGN(const double alpha, number(context.node(), "alpha", 0));
  CYCLOID_ASSIGN(const double beta, number(context.node(), "beta", 0));
  CYCLOID_ASSIGN(const bool nesterov, is_nesterov(context.node()));
  return evaluate<3>(context, [=](const Step& step, double(&values)[3]) {
    auto& [x, g, v] = values;
    const double gradient = norm * x + g;
    v = alpha * v + (step.count > 0 ? beta : 1) * gradient;
    x -= step.rate * (nesterov ? gradient + alpha * v : v);
  });
}

}  // namespace

const Op kAdagrad = {.domain = kDomain,
                     .name = "Adagrad",
                     .since = 1,
                     .min_inputs = 5,
                     .max_inputs = Op::kVariadic,
                     .max_outputs = Op::kVariadic,
                     .infer = infer<3>,
                     .evaluate = evaluate_adagrad};
const Op kAdam = {.domain = kDomain,
                  .name = "Adam",
                  .since = 1,
                  .min_inputs = 6,
                  .max_inputs = Op::kVariadic,
                  .max_outputs = Op::kVariadic,
                  .infer = infer<4>,
                  .evaluate = evaluate_adam};
const Op kMomentum = {.domain = kDomain,
                      .name = "Momentum",
                      .since = 1,
                      .min_inputs = 5,
                      .max_inputs = Op::kVariadic,
                      .max_outputs = Op::kVariadic,
                      .infer = infer<3>,
                      .evaluate = evaluate_momentum};

}  // namespace cycloid
