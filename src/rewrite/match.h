// What rules ask of shapes, constants and attributes before they propose a change.
//
// All answers are cautious: "true" means so for every value of the symbols, "false" may mean "not known".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "rewrite/rule.h"

namespace cycloid {

using Ints = std::vector<std::int64_t>;

// All sizes known to be equal. False where a rank is not known.
bool same_shape(const Shape* a, const Shape* b);
// Broadcasting a value of shape `x` with one of shape `other` gives `x` again.
bool broadcast_keeps(const Shape& x, const Shape& other);
bool may_be_zero(const Dim& dim);
// Every size is 1.
bool one_element(const Shape& shape);

// Every element is `value`, where 0 and -0 differ. A NaN is equal to none. False for an empty tensor.
bool all_are(const Tensor& tensor, double value);
// The number that every element of the value is: of a constant, or of what Expand, ConstantOfShape and moves of its elements
// make. nullopt where not known.
std::optional<double> uniform_number(const RuleContext& context, ValueId id);
// The value that a tensor of one element has; nullopt where it has another count, or is no number.
std::optional<double> one_number(const Tensor& tensor);

// The axes that input `i` (Squeeze, Unsqueeze, Reduce*) names, each in [0, rank) and sorted; nullopt where they are not
// constant, absent or not valid.
std::optional<Ints> axes_input(const RuleContext& context, const Node& node, std::size_t i, std::size_t rank);
// The attribute `name` as an axis in [0, rank).
std::optional<std::int64_t> axis_attribute(const Node& node, std::string_view name, std::int64_t fallback,
                                           std::size_t rank);
bool has_input(const Node& node, std::size_t i);
// The node has the output, and something uses it.
bool output_wanted(const Graph& graph, const Node& node, std::size_t i);
// The only node that uses the value, which is no graph output and is not captured; else an invalid id.
NodeId only_user(const RuleContext& context, ValueId id);
// `node` is an operator of ai.onnx that `op_types` (sorted) names.
template <class Range>
bool is_one_of(const Node& node, const Range& op_types) {
  if (!node.domain.empty()) return false;
  for (const std::string_view op_type : op_types) {
    if (node.op_type == op_type) return true;
  }
  return false;
}

// The shape input of a Reshape from `from` to `to`: known sizes, 0 for "as the input has here", and one -1 where no
// size that stands beside it can be 0 (a runtime could not divide by it), or where `inferred` says that the size at this
// index is inferred already. nullopt where that is not enough.
std::optional<Ints> reshape_target(const Shape& from, const Shape& to, std::optional<std::size_t> inferred = {});

// A change that replaces output 0 of the node by its input 0.
Patch drop(const Node& node);

}  // namespace cycloid
