// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: the logarithm of the probability that a model gave to the true
// class, negated, weighted by class and reduced over all positions.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/loss/list.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

enum class Reduction { kNone, kSum, kMean };

struct LossAttributes {
  Reduction reduction = Reduction::kMean;
  std::optional<std::int64_t> ignore_index;  // a target that counts nothing

  static Result<LossAttributes> parse(const Node& node) {
    LossAttributes a;
    CYCLOID_ASSIGN(const std::string reduction, get_string(node, "reduction", "mean"));
    if (reduction == "none") {
      a.reduction = Reduction::kNone;
    } else if (reduction == "sum") {
      a.reduction = Reduction::kSum;
    } else if (reduction != "mean") {
      return invalid_model("reduction '{}' is none of none, sum and mean", reduction);
    }
    if (has_attribute(node, "ignore_index")) {
      CYCLOID_ASSIGN(a.ignore_index, get_int(node, "ignore_index", 0));
    }
    return a;
  }
};

// Scores (N, C, d...), targets (N, d...) and weights (C).
Status check_shapes(const Shape& scores, const Shape& targets, const Shape* weights) {
  if (scores.size() < 2) return invalid_argument("scores must have rank 2 or more, not shape {}", to_string(scores));
  if (targets.size() + 1 != scores.size())
    return invalid_argument("targets {} do not fit scores {}", to_string(targets), to_string(scores));
  CYCLOID_TRY(check_equal(scores[0], targets[0], "the batches of scores and targets"));
  for (std::size_t i = 2; i < scores.size(); ++i)
    CYCLOID_TRY(check_equal(scores[i], targets[i - 1], "the sizes of scores and targets"));
  if (weights == nullptr) return {};
  if (weights->size() != 1) return invalid_argument("weights must have rank 1, not shape {}", to_string(*weights));
  return check_equal((*weights)[0], scores[1], "the number of weights and of classes");
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const LossAttributes a, LossAttributes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType scores, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType targets, input_type(context, 1, kIndexTypes));
  CYCLOID_ASSIGN(const auto weights, optional_input_type(context, 2, kFloats));
  if (weights) CYCLOID_TRY(check_same_dtype(scores, *weights, "scores and weights"));
  if (scores.shape && targets.shape)
    CYCLOID_TRY(check_shapes(*scores.shape, *targets.shape, weights && weights->shape ? &*weights->shape : nullptr));
  ValueType loss = tensor_type(scores.dtype, a.reduction == Reduction::kNone ? targets.shape : Shape{});
  context.set_output(0, std::move(loss));
  if (wants_output(context, 1)) context.set_output(1, std::move(scores));
  return {};
}

// The loss of log-probabilities (N, C, d...), all shapes checked.
Result<Tensor> loss_of(EvalContext& context, const LossAttributes& a, const Tensor& scores,
                       const std::vector<double>& log_probs) {
  CYCLOID_ASSIGN(const Tensor* targets, tensor_input(context, 1, kIndexTypes));
  CYCLOID_ASSIGN(const Tensor* weights, optional_tensor_input(context, 2, kFloats));
  const std::int64_t classes = scores.dim(1);
  std::vector<double> class_weights(weights != nullptr ? 0 : static_cast<std::size_t>(classes), 1.0);
  if (weights != nullptr) {
    CYCLOID_ASSIGN(class_weights, doubles(*weights));
  }
  const std::vector<std::int64_t> labels = to_int64s(*targets);
  std::int64_t inner = 1;
  for (std::size_t i = 2; i < scores.rank(); ++i) inner *= scores.dim(i);
  std::vector<double> losses(labels.size(), 0.0);
  double total = 0;
  double weight_sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::int64_t label = labels[i];
    if (a.ignore_index && label == *a.ignore_index) continue;
    if (label < 0 || label >= classes) return invalid_argument("target {} is no class of {}", label, classes);
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t offset = (at / inner * classes + label) * inner + at % inner;
    const double weight = class_weights[static_cast<std::size_t>(label)];
    losses[i] = -weight * log_probs[static_cast<std::size_t>(offset)];
    total += losses[i];
    weight_sum += weight;
  }
  if (a.reduction == Reduction::kNone) return make_tensor<double>(context, scores.dtype(), targets->dims(), losses);
  if (a.reduction == Reduction::kMean) total /= weight_sum;
  return make_tensor<double>(context, scores.dtype(), {}, std::span<const double>(&total, 1));
}

Status check_inputs(const EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* scores, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* targets, tensor_input(context, 1, kIndexTypes));
  CYCLOID_ASSIGN(const Tensor* weights, optional_tensor_input(context, 2, kFloats));
  const Shape weight_shape = weights != nullptr ? to_shape(weights->dims()) : Shape{};
  return check_shapes(to_shape(scores->dims()), to_shape(targets->dims()),
                      weights != nullptr ? &weight_shape : nullptr);
}

Result<std::vector<Datum>> evaluate_nll(EvalContext& context) {
  CYCLOID_ASSIGN(const LossAttributes a, LossAttributes::parse(context.node()));
  CYCLOID_TRY(check_inputs(context));
  CYCLOID_ASSIGN(const Tensor* scores, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const std::vector<double> log_probs, doubles(*scores));
  CYCLOID_ASSIGN(Tensor loss, loss_of(context, a, *scores, log_probs));
  return outputs(std::move(loss));
}

// Scores become log-probabilities: x - log(sum(exp(x))) over axis 1.
void log_softmax(std::vector<double>& x, std::int64_t classes, std::int64_t inner) {
  if (x.empty()) return;
  const auto outer = static_cast<std::int64_t>(x.size()) / (classes * inner);
  for (std::int64_t lane = 0; lane < outer * inner; ++lane) {
    double* first = x.data() + lane / inner * classes * inner + lane % inner;
    double most = -std::numeric_limits<double>::infinity();
    for (std::int64_t c = 0; c < classes; ++c) most = std::max(most, first[c * inner]);
    double sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(first[c * inner] - most);
    for (std::int64_t c = 0; c < classes; ++c) first[c * inner] -= most + std::log(sum);
  }
}

Result<std::vector<Datum>> evaluate_cross_entropy(EvalContext& context) {
  CYCLOID_ASSIGN(const LossAttributes a, LossAttributes::parse(context.node()));
  CYCLOID_TRY(check_inputs(context));
  CYCLOID_ASSIGN(const Tensor* scores, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(std::vector<double> log_probs, doubles(*scores));
  std::int64_t inner = 1;
  for (std::size_t i = 2; i < scores->rank(); ++i) inner *= scores->dim(i);
  log_softmax(log_probs, scores->dim(1), inner);
  CYCLOID_ASSIGN(Tensor loss, loss_of(context, a, *scores, log_probs));
  std::vector<Datum> data = outputs(std::move(loss));
  if (wants_output(context, 1)) {
    CYCLOID_ASSIGN(Tensor second, make_tensor<double>(context, scores->dtype(), scores->dims(), log_probs));
    data.emplace_back(std::move(second));
  }
  return data;
}

// One product and one sum a position; the softmax takes about five operations a score.
Result<Cost> cost_nll(const Graph& graph, const Node& node) {
  const Shape* targets = input_shape(graph, node, 1);
  return cost_with_flops(graph, node, targets != nullptr ? element_count(*targets) * 2 : Dim::unknown());
}
Result<Cost> cost_cross_entropy(const Graph& graph, const Node& node) {
  const Shape* scores = input_shape(graph, node, 0);
  return cost_with_flops(graph, node, scores != nullptr ? element_count(*scores) * 5 : Dim::unknown());
}

}  // namespace

const Op kNegativeLogLikelihoodLoss = {.domain = "",
                                       .name = "NegativeLogLikelihoodLoss",
                                       .since = 22,
                                       .min_inputs = 2,
                                       .max_inputs = 3,
                                       .infer = infer,
                                       .evaluate = evaluate_nll,
                                       .cost = cost_nll};
const Op kSoftmaxCrossEntropyLoss = {.domain = "",
                                     .name = "SoftmaxCrossEntropyLoss",
                                     .since = 13,
                                     .min_inputs = 2,
                                     .max_inputs = 3,
                                     .max_outputs = 2,
                                     .infer = infer,
                                     .evaluate = evaluate_cross_entropy,
                                     .cost = cost_cross_entropy};

}  // namespace cycloid
