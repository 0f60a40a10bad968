// SVMClassifier and SVMRegressor.
#include "kernels/svm/svm.h"

#include <algorithm>

#include "base/aligned.h"
#include "ops/ml/svm.h"
#include "plan/lowering/features.h"

namespace cycloid {
namespace {

using kernels::SvmPlan;

constexpr std::int64_t kBlock = 16;  // rows of a unit, which share what they load of the support vectors

// The kernels of a block of rows and all support vectors, in scratch; then what the model makes of each row.
class SvmStep : public Step {
 public:
  SvmStep(SvmPlan plan, const double* packed, Place x, std::size_t row_scratch)
      : plan_(plan),
        packed_(packed),
        x_(std::move(x)),
        rows_(x_.dims.size() == 2 ? x_.dims[0] : 1),
        block_(std::min(kBlock, rows_)),
        row_scratch_(row_scratch) {}

  std::int64_t units() const { return (rows_ + kBlock - 1) / kBlock; }
  std::size_t scratch_bytes() const { return feature_bytes() + value_bytes() + row_scratch_ * sizeof(double); }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    auto* features = reinterpret_cast<double*>(context.scratch);
    auto* values = reinterpret_cast<double*>(context.scratch + feature_bytes());
    auto* work = reinterpret_cast<double*>(context.scratch + feature_bytes() + value_bytes());
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t first = unit * kBlock, rows = std::min(kBlock, rows_ - first);
      dispatch<float, double, std::int64_t, std::int32_t>(x_.dtype, [&]<class T>(T) {
        const T* from = context.at<const T>(x_) + first * plan_.columns;
        std::transform(from, from + rows * plan_.columns, features, [](T value) { return static_cast<double>(value); });
      });
      plan_.values(features, rows, packed_, values);
      for (std::int64_t r = 0; r < rows; ++r) finish(context, first + r, values + r * plan_.row_values(), work);
    }
  }

 protected:
  // `kernels`: those of a row and each support vector. `work`: the numbers that were asked for.
  virtual void finish(const StepContext& context, std::int64_t row, const double* kernels, double* work) const = 0;
  const SvmPlan& plan() const { return plan_; }

 private:
  std::size_t feature_bytes() const {
    return align_up(static_cast<std::size_t>(block_ * plan_.columns) * sizeof(double));
  }
  std::size_t value_bytes() const {
    return align_up(static_cast<std::size_t>(block_ * plan_.row_values()) * sizeof(double));
  }

  SvmPlan plan_;
  const double* packed_;
  Place x_;
  std::int64_t rows_, block_;
  std::size_t row_scratch_;
};

class RegressorStep final : public SvmStep {
 public:
  RegressorStep(SvmRegressorModel model, SvmPlan plan, const double* packed, Place x, Place y)
      : SvmStep(plan, packed, std::move(x), 0),
        model_(std::move(model)),
        weights_(model_.svm.coefficients.begin(), model_.svm.coefficients.end()),
        y_(std::move(y)) {}

 private:
  void finish(const StepContext& context, std::int64_t row, const double* kernels, double* /*work*/) const override {
    const double sum = model_.vectors == 0 ? kernels[0] : plan().sum(weights_.data(), kernels, model_.vectors);
    context.at<float>(y_)[row] = static_cast<float>(model_.finish(sum));
  }

  SvmRegressorModel model_;
  std::vector<double> weights_;
  Place y_;
};

class ClassifierStep final : public SvmStep {
 public:
  ClassifierStep(SvmClassifierModel model, SvmPlan plan, const double* packed, Place x, std::optional<Place> label,
                 std::optional<Place> scores)
      : SvmStep(plan, packed, std::move(x), numbers(model)),
        model_(std::move(model)),
        weights_(model_.svm.coefficients.begin(), model_.svm.coefficients.end()),
        label_(std::move(label)),
        scores_(std::move(scores)) {}

 private:
  static std::size_t numbers(const SvmClassifierModel& model) {
    return model.decisions() + static_cast<std::size_t>(model.columns()) + model.work_size();
  }
  void finish(const StepContext& context, std::int64_t row, const double* kernels, double* work) const override {
    const auto weighted = [&](std::size_t by, std::size_t of) {
      const auto first = static_cast<std::size_t>(model_.starts[of]);
      return plan().sum(weights_.data() + by * static_cast<std::size_t>(model_.vectors) + first, kernels + first,
                        model_.per_class[of]);
    };
    const std::span<double> all(work, numbers(model_));
    const std::span<double> values = all.first(model_.decisions());
    const std::span<double> row_scores = all.subspan(values.size(), static_cast<std::size_t>(model_.columns()));
    model_.decide(values, weighted, [&](std::size_t c) { return kernels[c]; });
    const std::size_t best = model_.finish(values, all.subspan(values.size() + row_scores.size()), row_scores);
    if (label_) context.at<std::int64_t>(*label_)[row] = model_.labels.ints[best];
    if (!scores_) return;
    std::ranges::transform(row_scores, context.at<float>(*scores_) + row * model_.columns(),
                           [](double score) { return static_cast<float>(score); });
  }

  SvmClassifierModel model_;
  std::vector<double> weights_;
  std::optional<Place> label_, scores_;
};

// Packs `count` vectors of `columns` numbers for the model's kernel function.
SvmPlan pack(Lowering& lowering, const SvmModel& model, const std::vector<float>& vectors, std::int64_t count,
             std::int64_t columns, const double*& packed) {
  static_assert(static_cast<int>(SvmKernel::kSigmoid) == static_cast<int>(kernels::SvmFunction::kSigmoid));
  const SvmPlan plan = kernels::plan_svm({.function = static_cast<kernels::SvmFunction>(model.kernel),
                                          .columns = columns,
                                          .vectors = count,
                                          .gamma = model.gamma,
                                          .coef0 = model.coef0,
                                          .degree = model.degree},
                                         lowering.options().isa);
  BufferId buffer;
  auto* memory = reinterpret_cast<double*>(lowering.constant_memory(plan.packed_bytes(), buffer));
  plan.pack(vectors.data(), memory);
  packed = memory;
  return plan;
}

template <class T>
void add(Lowering& lowering, NodeId id, std::unique_ptr<T> step, const SvmPlan& plan, Lowering::Draft draft) {
  const auto pairs = static_cast<double>(draft.reads[0].count()) * static_cast<double>(plan.vectors);
  draft.nodes = {id};
  draft.kernel = "svm.kernels";
  draft.units = step->units();
  draft.scratch_bytes = step->scratch_bytes();
  draft.flops = 2 * pairs;
  draft.bytes = static_cast<double>(plan.packed_bytes());
  draft.speed = 0.2;  // float64
  lowering.add(std::move(step), std::move(draft));
}

Declined lower_regressor(Lowering& lowering, NodeId id, std::int64_t columns) {
  const Node& node = lowering.graph().node(id);
  auto model = SvmRegressorModel::parse(node);
  if (!model) return model.error().message();
  if (Status status = model->check(columns); !status) return status.error().message();
  const SvmModel& svm = model->svm;
  const bool direct = model->vectors == 0;
  const double* packed = nullptr;
  const SvmPlan plan =
      pack(lowering, svm, direct ? svm.coefficients : svm.vectors, direct ? 1 : model->vectors, columns, packed);
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor),
              y = lowering.define(node.outputs[0], Layout::kRowMajor);
  add(lowering, id, std::make_unique<RegressorStep>(*std::move(model), plan, packed, x, y), plan,
      {.reads = {x}, .writes = {y}});
  return {};
}

Declined lower_classifier(Lowering& lowering, NodeId id, std::int64_t columns) {
  const Node& node = lowering.graph().node(id);
  auto model = SvmClassifierModel::parse(node);
  if (!model) return model.error().message();
  if (model->labels.ints.empty()) return "labels that are strings";
  if (Status status = model->check(columns); !status) return status.error().message();
  const SvmModel& svm = model->svm;
  const bool pairs = model->one_against_one();
  const double* packed = nullptr;
  const SvmPlan plan = pack(lowering, svm, pairs ? svm.vectors : svm.coefficients,
                            pairs ? model->vectors : static_cast<std::int64_t>(model->classes()), columns, packed);
  Lowering::Draft draft{.reads = {lowering.read(node.inputs[0], Layout::kRowMajor)}};
  const auto output = [&](std::size_t i) -> std::optional<Place> {
    if (i >= node.outputs.size() || !node.outputs[i].valid()) return {};
    draft.writes.push_back(lowering.define(node.outputs[i], Layout::kRowMajor));
    return draft.writes.back();
  };
  const std::optional<Place> label = output(0), scores = output(1);
  auto step = std::make_unique<ClassifierStep>(*std::move(model), plan, packed, draft.reads[0], label, scores);
  add(lowering, id, std::move(step), plan, std::move(draft));
  return {};
}

}  // namespace

Declined lower_svm(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Dims dims = *lowering.dims(node.inputs[0]);
  if (dims.empty() || dims.size() > 2 || dims.back() == 0) return "X is no matrix of features";
  if (!kFeatureTypes.contains(lowering.dtype(node.inputs[0]))) return "features of another type";
  return node.op_type == "SVMClassifier" ? lower_classifier(lowering, id, dims.back())
                                         : lower_regressor(lowering, id, dims.back());
}

}  // namespace cycloid
