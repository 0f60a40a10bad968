// Inputs and labels of the classical models: a matrix of features, and the names of the classes.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "ops/op.h"

namespace cycloid {

inline constexpr DTypeSet kFeatureTypes{DType::kFloat32, DType::kFloat64, DType::kInt64, DType::kInt32};

// Input 0 as rows of features: (rows, columns), where a tensor of rank 1 is one row.
struct FeatureRows {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<double> values;

  static Result<FeatureRows> read(const EvalContext& context, DTypeSet dtypes = kFeatureTypes);
  const double* row(std::int64_t i) const { return values.data() + i * columns; }
};

// The rows of input 0 when inferring; its type is checked.
Result<Dim> feature_rows(const InferContext& context, DTypeSet dtypes = kFeatureTypes);

// The attributes classlabels_ints or classlabels_int64s, and classlabels_strings, of which there must be one.
struct ClassLabels {
  std::vector<std::int64_t> ints;
  std::vector<std::string> strings;

  static Result<ClassLabels> parse(const Node& node, std::string_view ints_name);
  std::size_t size() const { return strings.empty() ? ints.size() : strings.size(); }
  DType dtype() const { return strings.empty() ? DType::kInt64 : DType::kString; }
  // The labels of these classes, each a valid index; a tensor of rank 1.
  Tensor pick(const std::vector<std::size_t>& classes) const;
};

// Scores (rows x columns) as a float32 tensor.
Result<Tensor> score_tensor(const std::vector<double>& scores, std::int64_t rows, std::int64_t columns);

}  // namespace cycloid
