// What LinearClassifier and LinearRegressor have in common.
#pragma once

#include <vector>

#include "ops/ml/post_transform.h"
#include "ops/ml/rows.h"

namespace cycloid {

struct LinearModel {
  // Targets x columns of X. More than these count nothing, as in ONNX Runtime: its own logreg_iris.onnx, of four columns,
  // declares an input of two.
  std::vector<float> coefficients;
  std::vector<float> intercepts;  // targets, or none
  std::int64_t targets = 1;
  bool shared = false;  // a classifier of two classes with one row of coefficients, the positive class's
  PostTransform post_transform = PostTransform::kNone;

  static Result<LinearModel> parse(const Node& node);
  // With the number of targets that the node and the columns of X give.
  static Result<LinearModel> classifier(const Node& node, std::int64_t classes, std::int64_t columns);
  static Result<LinearModel> regressor(const Node& node);

  // Whether there are as many coefficients and intercepts as these columns need.
  Status check(std::int64_t columns) const;
};

}  // namespace cycloid
