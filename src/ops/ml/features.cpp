// ArrayFeatureExtractor and FeatureVectorizer: columns picked, and put side by side.
#include "base/error.h"
#include "ops/linalg/product.h"
#include "ops/ml/list.h"
#include "ops/ml/rows.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/indices.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

Status infer_extractor(InferContext& context) {
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kFeatureTypes | kStrings));
  CYCLOID_ASSIGN(const ValueType indices, input_type(context, 1, kInt64Type));
  if (x.shape) {
    if (x.shape->empty()) return invalid_argument("X must have rank 1 or more");
    const Dim count = indices.shape ? element_count(*indices.shape) : Dim::unknown();
    if (x.shape->size() == 1) x.shape->insert(x.shape->begin(), 1);
    x.shape->back() = count;
  }
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate_extractor(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFeatureTypes | kStrings));
  CYCLOID_ASSIGN(const Tensor* index_tensor, tensor_input(context, 1, kInt64Type));
  if (x->rank() < 1) return invalid_argument("X must have rank 1 or more");
  auto indices = to_int64s(*index_tensor);
  const std::int64_t columns = x->dims().back();
  for (const std::int64_t index : indices) {
    if (index < 0 || index >= columns)
      return invalid_argument("column {} is out of range for {} columns", index, columns);
  }
  Dims dims = x->dims();
  if (dims.size() == 1) dims.insert(dims.begin(), 1);
  dims.back() = static_cast<std::int64_t>(indices.size());
  CYCLOID_TRY(check_fits(context, x->dtype(), dims));
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(x->dtype(), dims));
  const std::int64_t rows = product(dims, 0, dims.size() - 1);
  const ElementCopier copier(*x, y);
  std::int64_t to = 0;
  for (std::int64_t i = 0; i < rows && !indices.empty(); ++i) {
    for (const std::int64_t index : indices) copier.copy(to++, i * columns + index);
  }
  return outputs(std::move(y));
}

Result<std::vector<std::int64_t>> widths_of(const Node& node) {
  CYCLOID_ASSIGN(auto widths, get_ints(node, "inputdimensions"));
  if (widths.size() != node.inputs.size())
    return invalid_model("inputdimensions has {} sizes for {} inputs", widths.size(), node.inputs.size());
  for (const std::int64_t width : widths) {
    if (width < 0 || width > (std::int64_t{1} << 31)) return invalid_model("inputdimensions has the size {}", width);
  }
  return widths;
}

Status infer_vectorizer(InferContext& context) {
  CYCLOID_ASSIGN(const auto widths, widths_of(context.node()));
  Dim total = 0;
  for (const std::int64_t width : widths) total = total + width;
  CYCLOID_ASSIGN(const Dim rows, feature_rows(context));
  context.set_output(0, ValueType::tensor(DType::kFloat32, {rows, total}));
  return {};
}

Result<std::vector<Datum>> evaluate_vectorizer(EvalContext& context) {
  CYCLOID_ASSIGN(const auto widths, widths_of(context.node()));
  std::vector<std::vector<double>> parts;
  std::vector<std::int64_t> columns;
  std::int64_t rows = 0;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, i, kFeatureTypes));
    if (x->rank() < 1 || x->rank() > 2) return invalid_argument("input {} must have rank 1 or 2", i);
    const std::int64_t own = x->rank() == 2 ? x->dim(0) : 1;
    if (i > 0 && own != rows) return invalid_argument("the inputs have {} and {} rows", rows, own);
    rows = own;
    columns.push_back(x->dims().back());
    total += widths[i];
    CYCLOID_ASSIGN(auto values, doubles(*x));
    parts.push_back(std::move(values));
  }
  CYCLOID_TRY(check_fits(context, DType::kFloat64, {rows, total}));
  std::vector<double> all;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      // What an input lacks is 0, what it has too much is cut.
      for (std::int64_t j = 0; j < widths[i]; ++j) {
        all.push_back(j < columns[i] ? parts[i][static_cast<std::size_t>(row * columns[i] + j)] : 0.0);
      }
    }
  }
  CYCLOID_ASSIGN(Tensor y, score_tensor(all, rows, total));
  return outputs(std::move(y));
}

}  // namespace

const Op kArrayFeatureExtractor = {.domain = "ai.onnx.ml",
                                   .name = "ArrayFeatureExtractor",
                                   .since = 1,
                                   .min_inputs = 2,
                                   .max_inputs = 2,
                                   .infer = infer_extractor,
                                   .evaluate = evaluate_extractor};
const Op kFeatureVectorizer = {.domain = "ai.onnx.ml",
                               .name = "FeatureVectorizer",
                               .since = 1,
                               .min_inputs = 1,
                               .max_inputs = Op::kVariadic,
                               .infer = infer_vectorizer,
                               .evaluate = evaluate_vectorizer};

}  // namespace cycloid
