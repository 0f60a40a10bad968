#include "ops/ml/rows.h"

#include <algorithm>

#include "base/error.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"

namespace cycloid {

Result<FeatureRows> FeatureRows::read(const EvalContext& context, DTypeSet dtypes) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, dtypes));
  if (x->rank() < 1 || x->rank() > 2)
    return invalid_argument("X must have rank 1 or 2, but its shape is {}", to_string(x->dims()));
  FeatureRows rows;
  rows.rows = x->rank() == 2 ? x->dim(0) : 1;
  rows.columns = x->dims().back();
  CYCLOID_ASSIGN(rows.values, doubles(*x));
  return rows;
}

Result<Dim> feature_rows(const InferContext& context, DTypeSet dtypes) {
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, dtypes));
  if (!x.shape) return Dim::unknown();
  if (x.shape->empty() || x.shape->size() > 2)
    return invalid_argument("X must have rank 1 or 2, but its shape is {}", to_string(*x.shape));
  return x.shape->size() == 2 ? (*x.shape)[0] : Dim(1);
}

Result<ClassLabels> ClassLabels::parse(const Node& node, std::string_view ints_name) {
  ClassLabels labels;
  CYCLOID_ASSIGN(labels.ints, get_ints(node, ints_name));
  CYCLOID_ASSIGN(labels.strings, get_strings(node, "classlabels_strings"));
  if (labels.ints.empty() == labels.strings.empty()) {
    return invalid_model("{} needs either {} or classlabels_strings", node.op_type, ints_name);
  }
  return labels;
}

Tensor ClassLabels::pick(const std::vector<std::size_t>& classes) const {
  const Dims dims{static_cast<std::int64_t>(classes.size())};
  if (strings.empty()) {
    std::vector<std::int64_t> picked;
    for (const std::size_t index : classes) picked.push_back(ints[index]);
    return Tensor::of<std::int64_t>(dims, picked);
  }
  std::vector<std::string> picked;
  for (const std::size_t index : classes) picked.push_back(strings[index]);
  return Tensor::of<std::string>(dims, picked);
}

Result<Tensor> score_tensor(const std::vector<double>& scores, std::int64_t rows, std::int64_t columns) {
  CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(DType::kFloat32, {rows, columns}));
  std::ranges::transform(scores, tensor.mutable_data<float>().begin(),
                         [](double score) { return static_cast<float>(score); });
  return tensor;
}

}  // namespace cycloid
