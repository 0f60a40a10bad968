#include "rewrite/rules/bounds.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "rewrite/match.h"

namespace cycloid {
namespace {

constexpr int kDeepest = 16;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kHides = -1e30;  // added to a score, this or less leaves nothing of it

// Operators whose elements are elements of input 0.
constexpr std::string_view kMoves[] = {"Expand", "Flatten", "Gather", "Identity",  "Neg",   "Abs",      "Reshape",
                                       "Slice",  "Squeeze", "Tile",   "Transpose", "Trilu", "Unsqueeze"};

std::optional<double> largest(const Tensor& tensor) {
  double most = 0;
  const bool numbers =
      dispatch<float, double, Float16, BFloat16, std::int32_t, std::int64_t>(tensor.dtype(), [&]<class T>(T) {
        for (const T x : tensor.data<T>()) {
          const double magnitude = std::abs(to_double(x));
          most = std::isnan(magnitude) ? kInfinity : std::max(most, magnitude);
        }
      });
  if (tensor.dtype() == DType::kBool) return 1.0;
  return numbers && std::isfinite(most) ? std::optional(most) : std::nullopt;
}

double largest_of(DType dtype) {
  switch (dtype) {
    case DType::kBool: return 1;
    case DType::kInt8:
    case DType::kUInt8: return 255;
    case DType::kInt16:
    case DType::kUInt16: return 65536;
    case DType::kInt32: return 0x1p31;
    case DType::kUInt32: return 0x1p32;
    default: return 0x1p64;
  }
}

double largest_float(DType dtype) {
  switch (dtype) {
    case DType::kFloat64: return std::numeric_limits<double>::max();
    case DType::kFloat16: return 65504;
    default: return static_cast<double>(std::numeric_limits<float>::max());
  }
}

std::optional<double> bound(const RuleContext& context, ValueId id, int depth);

std::optional<double> bound_of_node(const RuleContext& context, const Node& node, int depth) {
  const auto of = [&](std::size_t i) {
    return has_input(node, i) ? bound(context, node.inputs[i], depth - 1) : std::nullopt;
  };
  if (is_one_of(node, kMoves)) return of(0);
  if (node.op_type == "Sigmoid" || node.op_type == "Softmax" || node.op_type == "Sin" || node.op_type == "Cos")
    return std::nullopt;  // of NaN they are NaN
  if (node.op_type == "ConstantOfShape") return std::abs(uniform_number(context, node.outputs[0]).value_or(kInfinity));
  if (node.op_type == "Cast") return of(0);
  if (node.op_type == "Where") {
    const auto a = of(1);
    const auto b = of(2);
    return a && b ? std::optional(std::max(*a, *b)) : std::nullopt;
  }
  const bool binary = node.op_type == "Add" || node.op_type == "Sub" || node.op_type == "Mul" ||
                      node.op_type == "Min" || node.op_type == "Max" || node.op_type == "Concat";
  if (!binary || node.inputs.size() != 2) return std::nullopt;
  const auto a = of(0);
  const auto b = of(1);
  if (!a || !b) return std::nullopt;
  if (node.op_type == "Mul") return *a * *b;
  return node.op_type == "Add" || node.op_type == "Sub" ? *a + *b : std::max(*a, *b);
}

std::optional<double> bound(const RuleContext& context, ValueId id, int depth) {
  if (const Tensor* tensor = context.constant(id)) return largest(*tensor);
  const DType dtype = context.dtype(id);
  if (!is_floating_point(dtype)) {
    return dtype == DType::kUndefined ? std::nullopt : std::optional(largest_of(dtype));
  }
  const Node* node = depth > 0 ? context.graph.producer(id) : nullptr;
  if (node == nullptr || !node->domain.empty()) return std::nullopt;
  const auto found = bound_of_node(context, *node, depth);
  return found && *found <= largest_float(dtype) ? found : std::nullopt;
}

// Each row of the last axis has a number that is not -infinity, and none that is infinity or NaN.
bool rows_have_numbers(const Tensor& tensor) {
  if (tensor.rank() == 0 || tensor.dtype() != DType::kFloat32) return false;
  const auto columns = static_cast<std::size_t>(tensor.dims().back());
  const auto data = tensor.data<float>();
  if (columns == 0 || data.empty()) return false;
  for (std::size_t row = 0; row < data.size(); row += columns) {
    const auto values = data.subspan(row, columns);
    if (std::ranges::any_of(values,
                            [](float x) { return std::isnan(x) || x == std::numeric_limits<float>::infinity(); }))
      return false;
    if (std::ranges::none_of(values, [](float x) { return std::isfinite(x); })) return false;
  }
  return true;
}

bool is_causal(const Tensor& tensor) {
  const std::size_t rank = tensor.rank();
  if (rank < 2 || tensor.dtype() != DType::kFloat32 || tensor.element_count() == 0) return false;
  const auto rows = static_cast<std::size_t>(tensor.dims()[rank - 2]);
  const auto columns = static_cast<std::size_t>(tensor.dims()[rank - 1]);
  const auto data = tensor.data<float>();
  for (std::size_t i = 0; i < data.size(); ++i) {
    const bool after = i % columns > i / columns % rows;
    if (after ? !(static_cast<double>(data[i]) <= kHides) : data[i] != 0) return false;
  }
  return true;
}

// trilu(ones, k = 0), the lower triangle.
bool is_lower_triangle(const RuleContext& context, ValueId id) {
  const Node* trilu = context.producer(id, "Trilu");
  const auto upper = trilu != nullptr ? get_int(*trilu, "upper", 1) : Result<std::int64_t>(1);
  if (!upper || *upper != 0 || uniform_number(context, trilu->inputs[0]) != 1.0) return false;
  if (!has_input(*trilu, 1)) return true;
  const auto k = context.constant_ints(trilu->inputs[1]);
  return k && k->size() == 1 && (*k)[0] == 0;
}

}  // namespace

std::optional<double> bound_of(const RuleContext& context, ValueId id) { return bound(context, id, kDeepest); }

bool leaves_something(const RuleContext& context, ValueId mask) {
  if (bound_of(context, mask)) return true;
  const Tensor* tensor = context.constant(mask);
  return tensor != nullptr && rows_have_numbers(*tensor);
}

// A constant, where(trilu(ones) == 0, -infinity, 0), or where(trilu(ones), 0, -infinity).
bool is_causal_mask(const RuleContext& context, ValueId mask) {
  if (const Tensor* tensor = context.constant(mask)) return is_causal(*tensor);
  const Node* where = context.producer(mask, "Where");
  if (where == nullptr) return false;
  const auto chosen = uniform_number(context, where->inputs[1]);
  const auto other = uniform_number(context, where->inputs[2]);
  if (!chosen || !other) return false;
  if (*chosen == 0 && *other <= kHides) {
    const Node* cast = context.producer(where->inputs[0], "Cast");
    return is_lower_triangle(context, cast != nullptr ? cast->inputs[0] : where->inputs[0]);
  }
  const Node* equal = context.producer(where->inputs[0], "Equal");
  if (*chosen > kHides || *other != 0 || equal == nullptr) return false;
  for (const std::size_t i : {0U, 1U}) {
    if (uniform_number(context, equal->inputs[1 - i]) == 0.0 && is_lower_triangle(context, equal->inputs[i]))
      return true;
  }
  return false;
}

}  // namespace cycloid
