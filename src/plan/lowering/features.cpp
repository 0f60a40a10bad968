#include "plan/lowering/features.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/rowwise/rowwise.h"
#include "ops/ml/linear.h"
#include "plan/lowering/product.h"

namespace cycloid {
namespace {

// Rows of features, where a tensor of rank 1 is one row.
struct Matrix {
  std::int64_t rows = 1, columns = 1;
};

std::optional<Matrix> matrix_of(const Dims& dims) {
  if (dims.empty() || dims.size() > 2) return {};
  return Matrix{dims.size() == 2 ? dims[0] : 1, dims.back()};
}

constexpr std::int64_t kRows = 64;  // of a unit

template <class Body>
class RowsStep final : public Step {
 public:
  RowsStep(std::int64_t rows, Body body) : rows_(rows), body_(std::move(body)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    body_(context, begin * kRows, std::min(end * kRows, rows_));
  }

 private:
  std::int64_t rows_;
  Body body_;
};

template <class Body>
void add_rows(Lowering& lowering, NodeId id, std::string kernel, Lowering::Draft draft, std::int64_t rows, Body body) {
  draft.nodes = {id};
  draft.kernel = std::move(kernel);
  draft.units = (rows + kRows - 1) / kRows;
  draft.speed = 0.1;
  lowering.add(std::make_unique<RowsStep<Body>>(rows, std::move(body)), std::move(draft));
}

// From raw scores to labels and transformed scores; most rows have few classes.
constexpr std::int64_t kMostClasses = 256;

struct Finish {
  LinearModel model;
  std::vector<std::int64_t> labels;
  Place raw;
  std::optional<Place> label, scores;

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const {
    const float* from = context.at<const float>(raw);
    const auto classes =
        static_cast<std::int64_t>(labels.empty() ? model.targets : static_cast<std::int64_t>(labels.size()));
    double row[kMostClasses] = {};
    for (std::int64_t r = begin; r < end; ++r) {
      std::copy_n(from + r * model.targets, model.targets, row);
      if (model.shared) {
        row[1] = row[0];
        row[0] = -row[1];
      }
      if (label)
        context.at<std::int64_t>(*label)[r] =
            labels[static_cast<std::size_t>(std::max_element(row, row + classes) - row)];
      if (!scores) continue;
      transform_scores(model.post_transform, std::span(row, static_cast<std::size_t>(classes)));
      std::transform(row, row + classes, context.at<float>(*scores) + r * classes,
                     [](double score) { return static_cast<float>(score); });
    }
  }
};

std::vector<float> per_column(const std::vector<float>& list, std::int64_t columns) {
  return list.size() == 1 ? std::vector<float>(static_cast<std::size_t>(columns), list[0]) : list;
}

}  // namespace

Declined lower_linear(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const auto matrix = matrix_of(*lowering.dims(node.inputs[0]));
  if (!lowering.is_float(node.inputs[0]) || !matrix || matrix->columns == 0)
    return "features of another type than float32";
  const bool classifier = node.op_type == "LinearClassifier";
  Finish finish;
  if (classifier) {
    const auto labels = ClassLabels::parse(node, "classlabels_ints");
    if (!labels) return labels.error().message();
    if (labels->ints.empty()) return "labels that are strings";
    finish.labels = labels->ints;
  }
  auto model = classifier
                   ? LinearModel::classifier(node, static_cast<std::int64_t>(finish.labels.size()), matrix->columns)
                   : LinearModel::regressor(node);
  if (!model) return model.error().message();
  if (Status status = model->check(matrix->columns); !status) return status.error().message();
  if (std::max<std::int64_t>(model->targets, static_cast<std::int64_t>(finish.labels.size())) > kMostClasses)
    return "many classes";
  finish.model = *std::move(model);

  const auto output = [&](std::size_t i) -> std::optional<Place> {
    if (i >= node.outputs.size() || !node.outputs[i].valid()) return {};
    return lowering.define(node.outputs[i], Layout::kRowMajor);
  };
  if (classifier) finish.label = output(0);
  finish.scores = output(classifier ? 1 : 0);
  std::optional<Place> bias;
  if (!finish.model.intercepts.empty())
    bias = lowering.constant_place(
        Tensor::of<float>({finish.model.targets}, std::span<const float>(finish.model.intercepts)));
  const bool direct = !classifier && finish.model.post_transform == PostTransform::kNone && finish.scores;
  finish.raw = direct ? *finish.scores : lowering.temporary(DType::kFloat32, {matrix->rows, finish.model.targets});
  add_constant_product(
      lowering, {.m = matrix->rows, .n = finish.model.targets, .k = matrix->columns, .b_transposed = true},
      lowering.read(node.inputs[0], Layout::kRowMajor), finish.model.coefficients.data(), bias, finish.raw, id);
  if (direct) return {};
  Lowering::Draft draft{.reads = {finish.raw}};
  if (finish.label) draft.writes.push_back(*finish.label);
  if (finish.scores) draft.writes.push_back(*finish.scores);
  add_rows(
      lowering, id, "linear.finish", std::move(draft), matrix->rows,
      [finish](const StepContext& context, std::int64_t begin, std::int64_t end) { finish.run(context, begin, end); });
  return {};
}

Declined lower_scaler(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Dims dims = *lowering.dims(node.inputs[0]);
  const auto offset = get_floats(node, "offset"), scale = get_floats(node, "scale");
  if (!lowering.is_float(node.inputs[0]) || dims.empty() || !offset || !scale)
    return "features of another type than float32";
  const std::int64_t columns = dims.back();
  for (const auto* list : {&*offset, &*scale}) {
    if (list->size() != 1 && static_cast<std::int64_t>(list->size()) != columns)
      return "offsets that do not fit the columns";
  }
  const std::vector<float> offsets = per_column(*offset, columns), scales = per_column(*scale, columns);
  const auto row = [&](const std::vector<float>& list) {
    return lowering.constant_place(Tensor::of<float>({columns}, std::span<const float>(list)));
  };
  const Place subtract = row(offsets), multiply = row(scales);
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor),
              y = lowering.define(node.outputs[0], Layout::kRowMajor);
  const Isa isa = lowering.options().isa;
  const kernels::BinaryFn sub = kernels::binary_kernel(kernels::BinaryKind::kSub, isa),
                          mul = kernels::binary_kernel(kernels::BinaryKind::kMul, isa);
  add_rows(lowering, id, "features.scale", {.reads = {x, subtract, multiply}, .writes = {y}}, x.count() / columns,
           [=](const StepContext& context, std::int64_t begin, std::int64_t end) {
             float* to = context.at<float>(y) + begin * columns;
             // (x - offset) * scale: as one product and sum it would lose the digits that the difference cancels.
             const auto apply = [&](kernels::BinaryFn fn, const float* from, const Place& by) {
               fn({.a = from,
                   .a_stride = columns,
                   .a_step = 1,
                   .b = context.at<const float>(by),
                   .b_stride = 0,
                   .b_step = 1,
                   .y = to,
                   .y_stride = columns,
                   .rows = end - begin,
                   .columns = columns,
                   .clip = false,
                   .lo = 0,
                   .hi = 0});
             };
             apply(sub, context.at<const float>(x) + begin * columns, subtract);
             apply(mul, to, multiply);
           });
  return {};
}

Declined lower_normalizer(Lowering& lowering, NodeId id) {
  using kernels::ReduceKind;
  const Node& node = lowering.graph().node(id);
  const auto matrix = matrix_of(*lowering.dims(node.inputs[0]));
  const Result<std::string> norm = get_string(node, "norm", "MAX");
  if (!lowering.is_float(node.inputs[0]) || !matrix || matrix->columns == 0 || !norm)
    return "features of another type than float32";
  const ReduceKind kind = *norm == "L1" ? ReduceKind::kL1 : *norm == "L2" ? ReduceKind::kL2 : ReduceKind::kMax;
  const std::int64_t columns = matrix->columns;
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor),
              y = lowering.define(node.outputs[0], Layout::kRowMajor);
  const Isa isa = lowering.options().isa;
  const kernels::ReduceFn reduce = kernels::reduce_rows_kernel(kind, isa);
  const kernels::BinaryFn divide = kernels::binary_kernel(kernels::BinaryKind::kDiv, isa);
  Lowering::Draft draft{.reads = {x}, .writes = {y}, .scratch_bytes = kRows * sizeof(float)};
  add_rows(lowering, id, "features.normalize", std::move(draft), matrix->rows,
           [=](const StepContext& context, std::int64_t begin, std::int64_t end) {
             auto* lengths = reinterpret_cast<float*>(context.scratch);
             for (std::int64_t first = begin; first < end; first += kRows) {
               const std::int64_t rows = std::min(kRows, end - first);
               const float* from = context.at<const float>(x) + first * columns;
               reduce({.x = from, .x_stride = columns, .y = lengths, .rows = rows, .columns = columns});
               // A row of zeros stays as it is.
               for (std::int64_t r = 0; r < rows; ++r) lengths[r] = lengths[r] == 0 ? 1 : lengths[r];
               divide({.a = from,
                       .a_stride = columns,
                       .a_step = 1,
                       .b = lengths,
                       .b_stride = 1,
                       .b_step = 0,
                       .y = context.at<float>(y) + first * columns,
                       .y_stride = columns,
                       .rows = rows,
                       .columns = columns,
                       .clip = false,
                       .lo = 0,
                       .hi = 0});
             }
           });
  return {};
}

}  // namespace cycloid
