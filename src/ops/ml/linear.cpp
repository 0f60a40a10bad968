// LinearClassifier and LinearRegressor.
#include "ops/ml/linear.h"

#include <algorithm>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/ml/list.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

Result<std::vector<double>> raw_scores(const LinearModel& model, const FeatureRows& x) {
  CYCLOID_TRY(model.check(x.columns));
  std::vector<double> all;
  for (std::int64_t i = 0; i < x.rows; ++i) {
    CYCLOID_TRY(check_stop());
    for (std::int64_t t = 0; t < model.targets; ++t) {
      double sum = model.intercepts.empty() ? 0.0 : static_cast<double>(model.intercepts[static_cast<std::size_t>(t)]);
      for (std::int64_t j = 0; j < x.columns; ++j) {
        sum += x.row(i)[j] * static_cast<double>(model.coefficients[static_cast<std::size_t>(t * x.columns + j)]);
      }
      all.push_back(sum);
    }
  }
  return all;
}

Status infer_classifier(InferContext& context) {
  CYCLOID_TRY(LinearModel::parse(context.node()));
  CYCLOID_ASSIGN(const ClassLabels labels, ClassLabels::parse(context.node(), "classlabels_ints"));
  CYCLOID_ASSIGN(const Dim rows, feature_rows(context));
  context.set_output(0, ValueType::tensor(labels.dtype(), {rows}));
  context.set_output(1, ValueType::tensor(DType::kFloat32, {rows, static_cast<std::int64_t>(labels.size())}));
  return {};
}

Result<std::vector<Datum>> evaluate_classifier(EvalContext& context) {
  CYCLOID_ASSIGN(const ClassLabels labels, ClassLabels::parse(context.node(), "classlabels_ints"));
  CYCLOID_ASSIGN(const FeatureRows x, FeatureRows::read(context));
  const auto classes = static_cast<std::int64_t>(labels.size());
  CYCLOID_ASSIGN(const LinearModel model, LinearModel::classifier(context.node(), classes, x.columns));
  CYCLOID_ASSIGN(const auto raw, raw_scores(model, x));
  std::vector<std::size_t> picked;
  std::vector<double> all;
  for (std::int64_t i = 0; i < x.rows; ++i) {
    std::vector<double> scores(raw.begin() + i * model.targets, raw.begin() + (i + 1) * model.targets);
    if (model.shared) scores = {-scores[0], scores[0]};
    // Equal scores are the first class's, whether there are two or more.
    picked.push_back(static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin()));
    transform_scores(model.post_transform, scores);
    all.insert(all.end(), scores.begin(), scores.end());
  }
  std::vector<Datum> data = outputs(labels.pick(picked));
  CYCLOID_ASSIGN(Tensor tensor, score_tensor(all, x.rows, classes));
  data.emplace_back(std::move(tensor));
  return data;
}

Status infer_regressor(InferContext& context) {
  CYCLOID_ASSIGN(const LinearModel model, LinearModel::regressor(context.node()));
  CYCLOID_ASSIGN(const Dim rows, feature_rows(context));
  context.set_output(0, ValueType::tensor(DType::kFloat32, {rows, model.targets}));
  return {};
}

Result<std::vector<Datum>> evaluate_regressor(EvalContext& context) {
  CYCLOID_ASSIGN(const LinearModel model, LinearModel::regressor(context.node()));
  CYCLOID_ASSIGN(const FeatureRows x, FeatureRows::read(context));
  CYCLOID_ASSIGN(auto scores, raw_scores(model, x));
  for (std::int64_t i = 0; i < x.rows; ++i) {
    transform_scores(model.post_transform, std::span(scores).subspan(static_cast<std::size_t>(i * model.targets),
                                                                     static_cast<std::size_t>(model.targets)));
  }
  CYCLOID_ASSIGN(Tensor y, score_tensor(scores, x.rows, model.targets));
  return outputs(std::move(y));
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const LinearModel model, LinearModel::parse(node));
  const Shape* x = input_shape(graph, node, 0);
  if (x == nullptr || x->empty()) return cost_with_flops(graph, node, Dim::unknown());
  const Dim rows = x->size() == 2 ? (*x)[0] : Dim(1);
  return cost_with_flops(graph, node, rows * 2 * static_cast<std::int64_t>(model.coefficients.size()));
}

}  // namespace

Result<LinearModel> LinearModel::parse(const Node& node) {
  LinearModel model;
  CYCLOID_ASSIGN(model.coefficients, get_floats(node, "coefficients"));
  CYCLOID_ASSIGN(model.intercepts, get_floats(node, "intercepts"));
  CYCLOID_ASSIGN(model.post_transform, parse_post_transform(node));
  return model;
}

Result<LinearModel> LinearModel::classifier(const Node& node, std::int64_t classes, std::int64_t columns) {
  CYCLOID_ASSIGN(LinearModel model, parse(node));
  model.shared = classes == 2 && static_cast<std::int64_t>(model.coefficients.size()) == columns;
  model.targets = model.shared ? 1 : classes;
  return model;
}

Result<LinearModel> LinearModel::regressor(const Node& node) {
  CYCLOID_ASSIGN(LinearModel model, parse(node));
  CYCLOID_ASSIGN(model.targets, get_int(node, "targets", 1));
  return model;
}

Status LinearModel::check(std::int64_t columns) const {
  const auto count = static_cast<std::int64_t>(coefficients.size());
  if (targets < 1) return invalid_argument("{} targets", targets);
  if (count / targets < columns) {
    return invalid_argument("{} coefficients are too few for {} targets of the {} columns that X has", count, targets,
                            columns);
  }
  if (!intercepts.empty() && static_cast<std::int64_t>(intercepts.size()) != targets) {
    return invalid_argument("{} intercepts do not fit {} targets", intercepts.size(), targets);
  }
  return {};
}

const Op kLinearClassifier = {.domain = "ai.onnx.ml",
                              .name = "LinearClassifier",
                              .since = 1,
                              .min_inputs = 1,
                              .max_inputs = 1,
                              .max_outputs = 2,
                              .infer = infer_classifier,
                              .evaluate = evaluate_classifier,
                              .cost = cost};
const Op kLinearRegressor = {.domain = "ai.onnx.ml",
                             .name = "LinearRegressor",
                             .since = 1,
                             .min_inputs = 1,
                             .max_inputs = 1,
                             .infer = infer_regressor,
                             .evaluate = evaluate_regressor,
                             .cost = cost};

}  // namespace cycloid
