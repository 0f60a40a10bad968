// TreeEnsembleClassifier, TreeEnsembleRegressor and TreeEnsemble.
#include <algorithm>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/elements.h"
#include "ops/ml/forest.h"
#include "ops/ml/list.h"
#include "ops/ml/rows.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

Status check_columns(const Forest& forest, std::int64_t columns) {
  if (columns >= forest.features) return {};
  return invalid_argument("the trees test {} features, but X has {} columns", forest.features, columns);
}

Result<Forest> parse_classifier(const Node& node, ClassLabels& labels) {
  CYCLOID_ASSIGN(labels, ClassLabels::parse(node, "classlabels_int64s"));
  return Forest::classifier(node, static_cast<std::int64_t>(labels.size()));
}

Status infer_classifier(InferContext& context) {
  ClassLabels labels;
  CYCLOID_ASSIGN(const Forest forest, parse_classifier(context.node(), labels));
  CYCLOID_ASSIGN(const Dim rows, feature_rows(context));
  context.set_output(0, ValueType::tensor(labels.dtype(), {rows}));
  context.set_output(1, ValueType::tensor(DType::kFloat32, {rows, static_cast<std::int64_t>(labels.size())}));
  return {};
}

Result<std::vector<Datum>> evaluate_classifier(EvalContext& context) {
  ClassLabels labels;
  CYCLOID_ASSIGN(const Forest forest, parse_classifier(context.node(), labels));
  CYCLOID_ASSIGN(const FeatureRows x, FeatureRows::read(context));
  CYCLOID_TRY(check_columns(forest, x.columns));
  const auto classes = static_cast<std::int64_t>(labels.size());
  CYCLOID_TRY(check_fits(context, DType::kFloat64, {x.rows, classes}));
  std::vector<std::size_t> picked;
  std::vector<double> all;
  std::vector<double> scores;
  std::vector<bool> touched;
  for (std::int64_t i = 0; i < x.rows; ++i) {
    CYCLOID_TRY(check_stop());
    forest.score(x.row(i), scores, touched);
    picked.push_back(forest.finish_classes(scores));
    all.insert(all.end(), scores.begin(), scores.end());
  }
  std::vector<Datum> data = outputs(labels.pick(picked));
  CYCLOID_ASSIGN(Tensor tensor, score_tensor(all, x.rows, classes));
  data.emplace_back(std::move(tensor));
  return data;
}

Status infer_regressor(InferContext& context) {
  CYCLOID_ASSIGN(const Forest forest, Forest::regressor(context.node()));
  CYCLOID_ASSIGN(const Dim rows, feature_rows(context));
  context.set_output(0, ValueType::tensor(DType::kFloat32, {rows, forest.targets}));
  return {};
}

Result<std::vector<double>> target_scores(EvalContext& context, const Forest& forest, const FeatureRows& x) {
  CYCLOID_TRY(check_columns(forest, x.columns));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, {x.rows, forest.targets}));
  std::vector<double> all;
  std::vector<double> scores;
  std::vector<bool> touched;
  for (std::int64_t i = 0; i < x.rows; ++i) {
    CYCLOID_TRY(check_stop());
    forest.score(x.row(i), scores, touched);
    forest.finish_targets(scores);
    all.insert(all.end(), scores.begin(), scores.end());
  }
  return all;
}

Result<std::vector<Datum>> evaluate_regressor(EvalContext& context) {
  CYCLOID_ASSIGN(const Forest forest, Forest::regressor(context.node()));
  CYCLOID_ASSIGN(const FeatureRows x, FeatureRows::read(context));
  CYCLOID_ASSIGN(const auto scores, target_scores(context, forest, x));
  CYCLOID_ASSIGN(Tensor y, score_tensor(scores, x.rows, forest.targets));
  return outputs(std::move(y));
}

constexpr DTypeSet kEnsembleTypes{DType::kFloat16, DType::kFloat32, DType::kFloat64};

Status infer_ensemble(InferContext& context) {
  CYCLOID_ASSIGN(const Forest forest, Forest::ensemble(context.node()));
  CYCLOID_ASSIGN(const Dim rows, feature_rows(context, kEnsembleTypes));
  context.set_output(0, ValueType::tensor(dtype_of(context, 0), {rows, forest.targets}));
  return {};
}

Result<std::vector<Datum>> evaluate_ensemble(EvalContext& context) {
  CYCLOID_ASSIGN(const Forest forest, Forest::ensemble(context.node()));
  CYCLOID_ASSIGN(const FeatureRows x, FeatureRows::read(context, kEnsembleTypes));
  CYCLOID_ASSIGN(const auto scores, target_scores(context, forest, x));
  CYCLOID_ASSIGN(const Tensor* input, tensor_input(context, 0));
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, input->dtype(), {x.rows, forest.targets}, scores));
  return outputs(std::move(y));
}

// A comparison a level and an addition a tree, for each row.
template <Result<Forest> (*kParse)(const Node&)>
Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const Forest forest, kParse(node));
  const Shape* x = input_shape(graph, node, 0);
  if (x == nullptr || x->empty()) return cost_with_flops(graph, node, Dim::unknown());
  const Dim rows = x->size() == 2 ? (*x)[0] : Dim(1);
  return cost_with_flops(graph, node, rows * static_cast<std::int64_t>(forest.roots.size()));
}

Result<Forest> any_classifier(const Node& node) {
  ClassLabels labels;
  return parse_classifier(node, labels);
}

}  // namespace

const Op kTreeEnsembleClassifier = {.domain = "ai.onnx.ml",
                                    .name = "TreeEnsembleClassifier",
                                    .since = 1,
                                    .min_inputs = 1,
                                    .max_inputs = 1,
                                    .max_outputs = 2,
                                    .infer = infer_classifier,
                                    .evaluate = evaluate_classifier,
                                    .cost = cost<any_classifier>};
const Op kTreeEnsembleRegressor = {.domain = "ai.onnx.ml",
                                   .name = "TreeEnsembleRegressor",
                                   .since = 1,
                                   .min_inputs = 1,
                                   .max_inputs = 1,
                                   .infer = infer_regressor,
                                   .evaluate = evaluate_regressor,
                                   .cost = cost<Forest::regressor>};
const Op kTreeEnsemble = {.domain = "ai.onnx.ml",
                          .name = "TreeEnsemble",
                          .since = 5,
                          .min_inputs = 1,
                          .max_inputs = 1,
                          .infer = infer_ensemble,
                          .evaluate = evaluate_ensemble,
                          .cost = cost<Forest::ensemble>};

}  // namespace cycloid
