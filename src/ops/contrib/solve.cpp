// Solve: X with A X = B. skl2onnx writes it for Gaussian process classifiers; ONNX Runtime names no such operator.
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/contrib/list.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

constexpr DTypeSet kReals{DType::kFloat32, DType::kFloat64};

Result<bool> is_transposed(const Node& node) {
  CYCLOID_ASSIGN(const std::int64_t lower, get_int(node, "lower", 0));
  if (lower != 0) return unsupported("lower = {} of Solve is not known", lower);
  CYCLOID_ASSIGN(const std::int64_t transposed, get_int(node, "transposed", 0));
  return transposed != 0;
}

Status infer(InferContext& context) {
  CYCLOID_TRY(is_transposed(context.node()));
  CYCLOID_ASSIGN(const ValueType a, input_type(context, 0, kReals));
  CYCLOID_ASSIGN(const ValueType b, input_type(context, 1, kReals));
  CYCLOID_TRY(check_same_dtype(a, b, "A and B"));
  CYCLOID_TRY(check_rank(a, 2, "A"));
  CYCLOID_TRY(check_rank(b, 2, "B"));
  if (a.shape) CYCLOID_TRY(check_equal((*a.shape)[0], (*a.shape)[1], "the rows and columns of A"));
  if (a.shape && b.shape) CYCLOID_TRY(check_equal((*a.shape)[0], (*b.shape)[0], "the rows of A and B"));
  context.set_output(0, b);
  return {};
}

// Gaussian elimination with partial pivoting; `b`, of `columns` columns, becomes X. False where A is singular.
bool solve(std::vector<double>& a, std::vector<double>& b, std::size_t n, std::size_t columns) {
  const auto swap_rows = [](std::vector<double>& matrix, std::size_t width, std::size_t i, std::size_t j) {
    for (std::size_t k = 0; k < width; ++k) std::swap(matrix[i * width + k], matrix[j * width + k]);
  };
  for (std::size_t k = 0; k < n; ++k) {
    if (stopping()) break;
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; ++i) {
      if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
    }
    if (a[pivot * n + k] == 0) return false;
    if (pivot != k) {
      swap_rows(a, n, pivot, k);
      swap_rows(b, columns, pivot, k);
    }
    for (std::size_t i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / a[k * n + k];
      if (factor == 0) continue;
      for (std::size_t j = k; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
      for (std::size_t j = 0; j < columns; ++j) b[i * columns + j] -= factor * b[k * columns + j];
    }
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) {
      for (std::size_t j = 0; j < columns; ++j) b[i * columns + j] -= a[i * n + k] * b[k * columns + j];
    }
    for (std::size_t j = 0; j < columns; ++j) b[i * columns + j] /= a[i * n + i];
  }
  return true;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const bool transposed, is_transposed(context.node()));
  CYCLOID_ASSIGN(const Tensor* a, tensor_input(context, 0, kReals));
  CYCLOID_ASSIGN(const Tensor* b, tensor_input(context, 1, kReals));
  CYCLOID_TRY(check_same_dtype(*a, *b, "A and B"));
  if (a->rank() != 2 || b->rank() != 2 || a->dims()[0] != a->dims()[1] || a->dims()[0] != b->dims()[0])
    return invalid_argument("A {} and B {} are no system of equations", to_string(a->dims()), to_string(b->dims()));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, a->dims()));
  CYCLOID_ASSIGN(std::vector<double> matrix, doubles(*a));
  CYCLOID_ASSIGN(std::vector<double> x, doubles(*b));
  const auto n = static_cast<std::size_t>(a->dims()[0]);
  for (std::size_t i = 0; transposed && i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) std::swap(matrix[i * n + j], matrix[j * n + i]);
  }
  if (!solve(matrix, x, n, static_cast<std::size_t>(b->dims()[1]))) return invalid_argument("A is singular");
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, b->dtype(), b->dims(), x));
  return outputs(std::move(y));
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  const Shape* a = input_shape(graph, node, 0);
  const Shape* b = input_shape(graph, node, 1);
  if (a == nullptr || b == nullptr || a->size() != 2 || b->size() != 2)
    return cost_with_flops(graph, node, Dim::unknown());
  const Dim n = (*a)[0];
  return cost_with_flops(graph, node, n * n * n + n * n * (*b)[1] * 2);
}

}  // namespace

const Op kSolve = {.domain = kMicrosoft,
                   .name = "Solve",
                   .min_inputs = 2,
                   .max_inputs = 2,
                   .infer = infer,
                   .evaluate = evaluate,
                   .cost = cost,
                   .dtypes = kReals};

}  // namespace cycloid
