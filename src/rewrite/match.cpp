#include "rewrite/match.h"

#include <algorithm>
#include <cmath>

namespace cycloid {

bool same_shape(const Shape* a, const Shape* b) { return a != nullptr && b != nullptr && *a == *b; }

bool broadcast_keeps(const Shape& x, const Shape& other) {
  if (other.size() > x.size()) return false;
  const std::size_t offset = x.size() - other.size();
  for (std::size_t i = 0; i < other.size(); ++i) {
    if (!other[i].is(1) && !(other[i] == x[offset + i])) return false;
  }
  return true;
}

bool may_be_zero(const Dim& dim) { return !dim.is_known() || dim.is(0); }

bool one_element(const Shape& shape) {
  return std::ranges::all_of(shape, [](const Dim& dim) { return dim.is(1); });
}

namespace {

template <class Visit>
bool visit_numbers(const Tensor& tensor, Visit visit) {
  return dispatch<float, double, Float16, BFloat16, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                  std::uint16_t, std::uint32_t, std::uint64_t>(tensor.dtype(), [&]<class T>(T) {
    for (const T x : tensor.data<T>()) {
      if (!visit(to_double(x))) break;
    }
  });
}

}  // namespace

bool all_are(const Tensor& tensor, double value) {
  bool all = tensor.element_count() != 0;
  const bool numbers = visit_numbers(tensor, [&](double x) {
    all = all && x == value && std::signbit(x) == std::signbit(value);
    return all;
  });
  return all && numbers;
}

std::optional<double> one_number(const Tensor& tensor) {
  if (tensor.element_count() != 1) return std::nullopt;
  double number = 0;
  const bool is_number = visit_numbers(tensor, [&](double x) {
    number = x;
    return true;
  });
  if (!is_number) return std::nullopt;
  return number;
}

namespace {

constexpr std::string_view kMoves[] = {"Expand", "Flatten", "Gather", "Identity",  "Reshape",
                                       "Slice",  "Squeeze", "Tile",   "Transpose", "Unsqueeze"};
constexpr int kMaxMoves = 16;

std::optional<double> uniform(const Tensor& tensor) {
  if (tensor.element_count() == 0) return std::nullopt;
  std::optional<double> number;
  visit_numbers(tensor, [&](double x) {
    number = x;
    return false;
  });
  return number && all_are(tensor, *number) ? number : std::nullopt;
}

std::optional<double> uniform_number(const RuleContext& context, ValueId id, int moves) {
  if (const Tensor* tensor = context.constant(id)) return uniform(*tensor);
  const Node* node = context.graph.producer(id);
  if (node == nullptr || !node->domain.empty() || moves == 0) return std::nullopt;
  if (node->op_type == "ConstantOfShape") {
    const auto value = get_tensor(*node, "value");
    if (!value) return std::nullopt;
    return *value == nullptr ? 0.0 : uniform(**value);
  }
  if (is_one_of(*node, kMoves)) return uniform_number(context, node->inputs[0], moves - 1);
  return std::nullopt;
}

}  // namespace

std::optional<double> uniform_number(const RuleContext& context, ValueId id) {
  return id.valid() ? uniform_number(context, id, kMaxMoves) : std::nullopt;
}

std::optional<Ints> axes_input(const RuleContext& context, const Node& node, std::size_t i, std::size_t rank) {
  if (!has_input(node, i)) return std::nullopt;
  auto axes = context.constant_ints(node.inputs[i]);
  if (!axes) return std::nullopt;
  const auto r = static_cast<std::int64_t>(rank);
  for (std::int64_t& axis : *axes) {
    if (axis < -r || axis >= r) return std::nullopt;
    if (axis < 0) axis += r;
  }
  std::ranges::sort(*axes);
  if (std::ranges::adjacent_find(*axes) != axes->end()) return std::nullopt;
  return axes;
}

std::optional<std::int64_t> axis_attribute(const Node& node, std::string_view name, std::int64_t fallback,
                                           std::size_t rank) {
  const auto axis = get_int(node, name, fallback);
  const auto r = static_cast<std::int64_t>(rank);
  if (!axis || *axis < -r || *axis >= r) return std::nullopt;
  return *axis < 0 ? *axis + r : *axis;
}

bool has_input(const Node& node, std::size_t i) { return i < node.inputs.size() && node.inputs[i].valid(); }

bool output_wanted(const Graph& graph, const Node& node, std::size_t i) {
  return i < node.outputs.size() && node.outputs[i].valid() && !graph.is_dead(node.outputs[i]);
}

NodeId only_user(const RuleContext& context, ValueId id) {
  const Value& value = context.graph.value(id);
  if (context.graph.is_output(id) || value.uses.empty()) return {};
  for (const Use use : value.uses) {
    if (use.input == Use::kCaptured || use.node != value.uses[0].node) return {};
  }
  return value.uses[0].node;
}

std::optional<Ints> reshape_target(const Shape& from, const Shape& to, std::optional<std::size_t> inferred) {
  Ints target;
  std::optional<std::size_t> rest;
  bool beside_zero = false;  // a size other than `rest` may be 0
  for (std::size_t i = 0; i < to.size(); ++i) {
    const auto known = to[i].known();
    if (known && *known == 0) return std::nullopt;
    if (known) {
      target.push_back(*known);
    } else if (i < from.size() && from[i] == to[i] && inferred != i) {
      target.push_back(0);
      beside_zero = true;
    } else if (!rest) {
      target.push_back(-1);
      rest = i;
    } else {
      return std::nullopt;
    }
  }
  if (rest && beside_zero && rest != inferred) return std::nullopt;
  return target;
}

Patch drop(const Node& node) {
  Patch patch;
  patch.replace(node.outputs[0], node.inputs[0]);
  return patch;
}

}  // namespace cycloid
