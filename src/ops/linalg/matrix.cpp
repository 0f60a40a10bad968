// Det and Trilu: the determinant of square matrices, and their triangles.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/elements.h"
#include "ops/linalg/list.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

Status infer_det(InferContext& context) {
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kFloats));
  if (x.shape) {
    if (x.shape->size() < 2)
      return invalid_argument("X must have rank 2 or more, but its shape is {}", to_string(*x.shape));
    CYCLOID_TRY(check_equal(x.shape->back(), (*x.shape)[x.shape->size() - 2],
                            "rows and columns of a matrix with a determinant"));
    x.shape->resize(x.shape->size() - 2);
  }
  context.set_output(0, std::move(x));
  return {};
}

// By Gaussian elimination with partial pivoting.
double determinant(std::vector<double> a, std::int64_t n) {
  double det = 1;
  const auto at = [&](std::int64_t i, std::int64_t j) -> double& { return a[static_cast<std::size_t>(i * n + j)]; };
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i) {
      if (std::abs(at(i, k)) > std::abs(at(pivot, k))) pivot = i;
    }
    if (at(pivot, k) == 0) return 0;
    if (pivot != k) {
      for (std::int64_t j = 0; j < n; ++j) std::swap(at(k, j), at(pivot, j));
      det = -det;
    }
    det *= at(k, k);
    for (std::int64_t i = k + 1; i < n; ++i) {
      if (stopping()) break;
      const double factor = at(i, k) / at(k, k);
      for (std::int64_t j = k; j < n; ++j) at(i, j) -= factor * at(k, j);
    }
  }
  return det;
}

Result<std::vector<Datum>> evaluate_det(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  if (x->rank() < 2 || x->dims().back() != x->dim(x->rank() - 2))
    return invalid_argument("X {} has no square matrices", to_string(x->dims()));
  CYCLOID_ASSIGN(const std::vector<double> values, doubles(*x));
  const std::int64_t n = x->dims().back();
  const Dims dims(x->dims().begin(), x->dims().end() - 2);
  std::vector<double> results;
  for (std::int64_t i = 0; i < product(dims, 0, dims.size()); ++i) {
    results.push_back(determinant({values.begin() + i * n * n, values.begin() + (i + 1) * n * n}, n));
  }
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, x->dtype(), dims, results));
  return outputs(std::move(y));
}

// 2/3 n^3 for each matrix.
Result<Cost> det_cost(const Graph& graph, const Node& node) {
  const Shape* x = input_shape(graph, node, 0);
  if (x == nullptr || x->empty()) return cost_with_flops(graph, node, Dim::unknown());
  return cost_with_flops(graph, node, Dim::floor_div(element_count(*x) * x->back() * 2, 3));
}

Status infer_trilu(InferContext& context) {
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0));
  CYCLOID_TRY(optional_input_type(context, 1, kInt64Type));
  if (x.shape && x.shape->size() < 2)
    return invalid_argument("the input must have rank 2 or more, but its shape is {}", to_string(*x.shape));
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate_trilu(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t upper, get_int(context.node(), "upper", 1));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* k_tensor, optional_tensor_input(context, 1, kInt64Type));
  if (x->rank() < 2)
    return invalid_argument("the input must have rank 2 or more, but its shape is {}", to_string(x->dims()));
  std::int64_t k = 0;
  if (k_tensor != nullptr) {
    if (k_tensor->element_count() != 1) return invalid_argument("k must be one number");
    k = k_tensor->data<std::int64_t>()[0];
  }
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(x->dtype(), x->dims()));
  if (y.element_count() == 0) return outputs(std::move(y));
  const std::int64_t rows = x->dim(x->rank() - 2);
  const std::int64_t columns = x->dims().back();
  k = std::clamp(k, -rows, columns);  // beyond, all or nothing is kept
  const std::int64_t matrices = x->element_count() / (rows * columns);
  const ElementCopier copier(*x, y);
  for (std::int64_t m = 0; m < matrices; ++m) {
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t diagonal = i + k;  // kept: columns from it on, or up to it
      const std::int64_t begin = upper != 0 ? std::clamp<std::int64_t>(diagonal, 0, columns) : 0;
      const std::int64_t end = upper != 0 ? columns : std::clamp<std::int64_t>(diagonal + 1, 0, columns);
      const std::int64_t row = (m * rows + i) * columns;
      copier.copy(row + begin, row + begin, end - begin);
    }
  }
  return outputs(std::move(y));
}

}  // namespace

const Op kDet = {.domain = "",
                 .name = "Det",
                 .since = 11,
                 .min_inputs = 1,
                 .max_inputs = 1,
                 .infer = infer_det,
                 .evaluate = evaluate_det,
                 .cost = det_cost};
const Op kTrilu = {.domain = "",
                   .name = "Trilu",
                   .since = 14,
                   .min_inputs = 1,
                   .max_inputs = 2,
                   .infer = infer_trilu,
                   .evaluate = evaluate_trilu};

}  // namespace cycloid
