#include "rewrite/rules/permuted_node.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "rewrite/elementwise.h"
#include "rewrite/match.h"

namespace cycloid {
namespace {

// Input 0 becomes output 0, element by element; further inputs are scalars or of no shape that matters.
constexpr std::string_view kUnary[] = {"Clip", "DynamicQuantizeLinear", "Identity"};
// One attribute `axis` that counts from the end where it says nothing, or names a default.
constexpr std::string_view kLastAxis[] = {"Hardmax", "LogSoftmax", "LpNormalization", "Softmax", "TopK"};
constexpr std::string_view kReduces[] = {"ReduceL1",  "ReduceL2",       "ReduceLogSum", "ReduceLogSumExp",
                                         "ReduceMax", "ReduceMean",     "ReduceMin",    "ReduceProd",
                                         "ReduceSum", "ReduceSumSquare"};
constexpr std::string_view kArgs[] = {"ArgMax", "ArgMin"};
// What they do along the axes after the first two does not depend on the order of these.
constexpr std::string_view kChannelwise[] = {"BatchNormalization", "GlobalAveragePool", "GlobalMaxPool",
                                             "InstanceNormalization"};
constexpr std::string_view kTrailing[] = {"LayerNormalization", "RMSNormalization"};

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// list[i] is of axis i of v; the result's of the axes of v'.
Ints moved(const Ints& list, const Permutation& p) {
  Ints result(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) result[at(p[i])] = list[i];
  return result;
}

Ints renamed(const Ints& axes, const Permutation& p) {
  Ints result;
  for (const std::int64_t axis : axes) result.push_back(p[at(axis)]);
  return result;
}

// p without the axes that `gone` (of v, sorted) names.
Permutation without(const Permutation& p, const Ints& gone) {
  Ints gone_there = renamed(gone, p);
  Permutation result;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (std::ranges::count(gone, static_cast<std::int64_t>(i)) != 0) continue;
    const auto before = std::ranges::count_if(gone_there, [&](std::int64_t axis) { return axis < p[i]; });
    result.push_back(p[i] - before);
  }
  return result;
}

// The permutation of a value with more axes: those of `added` (sorted, of the larger value) stay where they are.
Permutation with(const Permutation& p, const Ints& added) {
  const std::size_t rank = p.size() + added.size();
  Ints others;  // of the larger value
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(rank); ++i) {
    if (std::ranges::count(added, i) == 0) others.push_back(i);
  }
  Permutation result(rank);
  for (const std::int64_t axis : added) result[at(axis)] = axis;
  for (std::size_t i = 0; i < p.size(); ++i) result[at(others[i])] = others[at(p[i])];
  return result;
}

bool fixes(const Permutation& p, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    if (p[i] != static_cast<std::int64_t>(i)) return false;
  }
  return true;
}

// Builds the node's permuted form from the permutation of its input 0.
class Builder {
 public:
  Builder(const RuleContext& context, const Node& node)
      : context_(context), node_(node), shape_(node.inputs.empty() ? nullptr : context.shape(node.inputs[0])) {
    made_.inputs.resize(node.inputs.size());
    made_.outputs.resize(node.outputs.size());
    made_.attributes = node.attributes;
  }

  std::optional<PermutedNode> build(const Permutation& p) {
    if (!fill(p)) return std::nullopt;
    for (auto* permutations : {&made_.inputs, &made_.outputs}) {
      for (Permutation& permutation : *permutations) {
        if (is_identity(permutation)) permutation.clear();
      }
    }
    return made_;
  }

  // The permutation of input 0 that gives output `output` this one.
  std::optional<Permutation> input_of(std::size_t output, const Permutation& p) const {
    if (is_elementwise(node_)) return p;
    if (output != 0 && node_.op_type != "Split" && node_.op_type != "TopK") return std::nullopt;
    if (shape_ == nullptr) return std::nullopt;
    if (shape_->size() == p.size()) {
      if (node_.op_type == "Gather" && context_.shape(node_.inputs[1]) != nullptr &&
          context_.shape(node_.inputs[1])->size() != 1)
        return std::nullopt;
      return p;
    }
    if (is_one_of(node_, kReduces) || is_one_of(node_, kArgs) || node_.op_type == "Squeeze") {
      const auto axes = reduced_axes();
      if (axes && p.size() + axes->size() == shape_->size()) return with(p, *axes);
    }
    if (node_.op_type == "Unsqueeze") {
      const auto axes = axes_input(context_, node_, 1, p.size());
      if (axes && shape_->size() + axes->size() == p.size()) return without(p, *axes);
    }
    return std::nullopt;
  }

 private:
  bool fill(const Permutation& p) {
    if (!node_.domain.empty()) return false;
    if (is_elementwise(node_)) return elementwise(p);
    if (shape_ == nullptr || shape_->size() != p.size()) return false;
    const std::string& op = node_.op_type;
    if (op == "MatMul") return matmul(p);
    if (op == "Concat") return same_everywhere(p, node_.inputs.size()) && rename_axis(p, 0);
    if (op == "GatherElements") return same_everywhere(p, 2) && rename_axis(p, 0);
    made_.inputs[0] = p;
    made_.outputs[0] = p;
    if (op == "Dropout") return only_first_output();
    if (is_one_of(node_, kUnary)) return true;
    if (is_one_of(node_, kLastAxis)) return rename_axis(p, -1) && (op != "TopK" || copy_to_outputs(p));
    if (op == "Split") return rename_axis(p, 0) && copy_to_outputs(p);
    if (is_one_of(node_, kReduces) || is_one_of(node_, kArgs)) return reduce(p);
    if (op == "Squeeze" || op == "Unsqueeze") return change_rank(p);
    if (op == "Pad") return pad(p);
    if (op == "Slice") return slice(p);
    if (op == "Expand" || op == "Tile") return by_list(p, 1);
    if (op == "Gather") return gather(p);
    if (op == "CumSum") return cumsum(p);
    if (op == "QuantizeLinear" || op == "DequantizeLinear") return quantize(p);
    if (op == "Resize") return resize(p);
    if (is_one_of(node_, kChannelwise)) return fixes(p, 0, 2) && only_first_output();
    if (is_one_of(node_, kTrailing)) {
      const auto axis = axis_attribute(node_, "axis", -1, p.size());
      return axis && fixes(p, at(*axis), p.size()) && only_first_output();
    }
    return false;
  }

  bool only_first_output() const {
    for (std::size_t i = 1; i < node_.outputs.size(); ++i) {
      if (output_wanted(context_.graph, node_, i)) return false;
    }
    return true;
  }

  bool copy_to_outputs(const Permutation& p) {
    for (Permutation& output : made_.outputs) output = p;
    return true;
  }

  bool same_everywhere(const Permutation& p, std::size_t inputs) {
    for (std::size_t i = 0; i < inputs; ++i) {
      const Shape* shape = context_.shape(node_.inputs[i]);
      if (shape == nullptr || shape->size() != p.size()) return false;
      made_.inputs[i] = p;
    }
    made_.outputs[0] = p;
    return true;
  }

  bool rename_axis(const Permutation& p, std::int64_t fallback) {
    const auto axis = axis_attribute(node_, "axis", fallback, p.size());
    if (!axis) return false;
    made_.attributes.insert_or_assign("axis", p[at(*axis)]);
    return true;
  }

  bool elementwise(const Permutation& p) {
    for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
      const Shape* shape = context_.shape(node_.inputs[i]);
      if (shape == nullptr || shape->size() > p.size()) return false;
      if (!one_element(*shape)) made_.inputs[i] = p;
    }
    made_.outputs[0] = p;
    return true;
  }

  bool matmul(const Permutation& p) {
    const Shape* other = context_.shape(node_.inputs[1]);
    const std::size_t rank = p.size();
    if (other == nullptr || rank < 2) return false;
    made_.inputs[0] = p;
    made_.outputs[0] = p;
    if (other->size() == 2 && p[rank - 1] == static_cast<std::int64_t>(rank - 1)) return true;  // rows in another order
    if (other->size() != rank) return false;
    made_.inputs[1] = p;
    if (fixes(p, rank - 2, rank)) return true;  // batches in another order
    made_.swapped =
        p[rank - 1] == static_cast<std::int64_t>(rank - 2) && p[rank - 2] == static_cast<std::int64_t>(rank - 1);
    return made_.swapped;
  }

  // Sorted; nullopt where not known. ArgMax names one by an attribute.
  std::optional<Ints> reduced_axes() const {
    if (is_one_of(node_, kArgs)) {
      const auto axis = axis_attribute(node_, "axis", 0, shape_->size());
      if (!axis) return std::nullopt;
      return Ints{*axis};
    }
    return axes_input(context_, node_, 1, shape_->size());
  }

  bool reduce(const Permutation& p) {
    const auto axes = reduced_axes();
    const auto keep = get_int(node_, "keepdims", 1);
    if (!axes || axes->empty() || !keep) return false;
    if (*keep == 0) made_.outputs[0] = without(p, *axes);
    if (is_one_of(node_, kArgs)) return rename_axis(p, 0);
    return set_axes(1, renamed(*axes, p));
  }

  bool change_rank(const Permutation& p) {
    const Shape* result = context_.shape(node_.outputs[0]);
    if (result == nullptr) return false;
    if (node_.op_type == "Squeeze") {
      const auto axes = axes_input(context_, node_, 1, p.size());
      if (!axes) return false;
      made_.outputs[0] = without(p, *axes);
      return set_axes(1, renamed(*axes, p));
    }
    const auto axes = axes_input(context_, node_, 1, result->size());
    if (!axes) return false;
    made_.outputs[0] = with(p, *axes);  // the new axes stay where they are
    return true;
  }

  bool set_axes(std::size_t input, Ints axes) {
    std::ranges::sort(axes);
    made_.constants.insert_or_assign(input, int64s(axes));
    return true;
  }

  bool pad(const Permutation& p) {
    const auto pads = context_.constant_ints(node_.inputs[1]);
    if (!pads) return false;
    if (has_input(node_, 3)) return rename_axes_input(p, 3);
    if (pads->size() != 2 * p.size()) return false;
    const auto middle = pads->begin() + static_cast<std::ptrdiff_t>(p.size());
    Ints result = moved(Ints(pads->begin(), middle), p);
    const Ints ends = moved(Ints(middle, pads->end()), p);
    result.insert(result.end(), ends.begin(), ends.end());
    made_.constants.insert_or_assign(1, int64s(result));
    return true;
  }

  // Axes in any order, as the lists beside them name their elements in the same one.
  bool rename_axes_input(const Permutation& p, std::size_t input) {
    auto axes = context_.constant_ints(node_.inputs[input]);
    if (!axes) return false;
    for (std::int64_t& axis : *axes) {
      if (axis < 0) axis += static_cast<std::int64_t>(p.size());
      if (axis < 0 || axis >= static_cast<std::int64_t>(p.size())) return false;
    }
    made_.constants.insert_or_assign(input, int64s(renamed(*axes, p)));
    return true;
  }

  bool slice(const Permutation& p) {
    if (has_input(node_, 3)) return rename_axes_input(p, 3);
    const Shape* starts = context_.shape(node_.inputs[1]);
    if (starts == nullptr || starts->size() != 1 || !(*starts)[0].is_known()) return false;
    Ints axes(at((*starts)[0].value()));
    std::iota(axes.begin(), axes.end(), 0);
    if (axes.size() > p.size()) return false;
    made_.constants.insert_or_assign(3, int64s(renamed(axes, p)));
    made_.inputs.resize(std::max<std::size_t>(made_.inputs.size(), 4));
    return true;
  }

  bool by_list(const Permutation& p, std::size_t input) {
    const auto list = context_.constant_ints(node_.inputs[input]);
    if (!list || list->size() != p.size()) return false;
    made_.constants.insert_or_assign(input, int64s(moved(*list, p)));
    return true;
  }

  bool gather(const Permutation& p) {
    const Shape* indices = context_.shape(node_.inputs[1]);
    const auto axis = axis_attribute(node_, "axis", 0, p.size());
    if (indices == nullptr || indices->size() > 1 || !axis) return false;
    if (indices->empty()) made_.outputs[0] = without(p, {*axis});
    return rename_axis(p, 0);
  }

  bool cumsum(const Permutation& p) {
    const Tensor* tensor = context_.constant(node_.inputs[1]);
    const auto axes = axes_input(context_, node_, 1, p.size());
    if (tensor == nullptr || !axes || axes->size() != 1) return false;
    made_.constants.insert_or_assign(1, int64s(renamed(*axes, p)).reshaped(tensor->dims()));
    return true;
  }

  bool quantize(const Permutation& p) {
    const Shape* scale = context_.shape(node_.inputs[1]);
    const auto block = get_int(node_, "block_size", 0);
    if (scale == nullptr || !block || *block != 0) return false;
    if (one_element(*scale)) return scale->empty() || rename_axis_if_valid(p);
    return scale->size() == 1 && rename_axis(p, 1);
  }

  // The axis means nothing where there is one scale for all, so it need not be valid.
  bool rename_axis_if_valid(const Permutation& p) {
    rename_axis(p, 1);
    return true;
  }

  // Not by a region of interest; sizes and scales per axis are moved with their axes.
  bool resize(const Permutation& p) {
    const auto mode = get_string(node_, "coordinate_transformation_mode", "half_pixel");
    if (!mode || *mode == "tf_crop_and_resize") return false;
    if (has_attribute(node_, "axes")) {
      auto axes = get_ints(node_, "axes");
      if (!axes) return false;
      for (std::int64_t& axis : *axes) axis = axis < 0 ? axis + static_cast<std::int64_t>(p.size()) : axis;
      if (std::ranges::any_of(*axes, [&](std::int64_t a) { return a < 0 || a >= static_cast<std::int64_t>(p.size()); }))
        return false;
      made_.attributes.insert_or_assign("axes", renamed(*axes, p));
      return true;
    }
    for (const std::size_t i : {2, 3}) {
      if (!has_input(node_, i)) continue;
      const Tensor* list = context_.constant(node_.inputs[i]);
      if (list == nullptr) return false;
      if (list->element_count() == 0) continue;
      if (list->dims() != Dims{static_cast<std::int64_t>(p.size())}) return false;
      Tensor result = *list;
      const std::size_t size = size_of(list->dtype());
      std::byte* to = result.mutable_bytes();
      for (std::size_t axis = 0; axis < p.size(); ++axis)
        std::memcpy(to + at(p[axis]) * size, list->bytes() + axis * size, size);
      made_.constants.insert_or_assign(i, std::move(result));
    }
    return true;
  }

  const RuleContext& context_;
  const Node& node_;
  const Shape* shape_;
  PermutedNode made_;
};

// Gemm makes its transposed result as it is: (a b)^T = b^T a^T, by flags alone.
std::optional<PermutedNode> transposed_gemm(const Node& node, const Permutation& p) {
  if (p.size() != 2 || has_input(node, 2)) return std::nullopt;
  const auto a = get_int(node, "transA", 0);
  const auto b = get_int(node, "transB", 0);
  if (!a || !b) return std::nullopt;
  PermutedNode made{
      .inputs = std::vector<Permutation>(node.inputs.size()), .outputs = {p}, .attributes = node.attributes};
  made.attributes.insert_or_assign("transA", std::int64_t{*b == 0 ? 1 : 0});
  made.attributes.insert_or_assign("transB", std::int64_t{*a == 0 ? 1 : 0});
  made.swapped = true;
  return made;
}

// The letters of one operand of an Einsum equation, permuted as the axes of v' are.
std::optional<std::string> permuted_equation(std::string equation, std::size_t input, const Permutation& p) {
  std::erase(equation, ' ');
  std::size_t begin = 0;
  for (std::size_t i = 0; i < input; ++i) {
    begin = equation.find(',', begin);
    if (begin == std::string::npos) return std::nullopt;
    ++begin;
  }
  const std::size_t end = std::min(equation.find_first_of(",-", begin), equation.size());
  const std::string letters = equation.substr(begin, end - begin);
  // Without an arrow, the order of letters does not matter either; an ellipsis stands for any number of axes.
  if (letters.size() != p.size() || letters.find('.') != std::string::npos) return std::nullopt;
  for (std::size_t i = 0; i < letters.size(); ++i) equation[begin + at(p[i])] = letters[i];
  return equation;
}

}  // namespace

std::optional<PermutedNode> permuted_by_input(const RuleContext& context, const Node& node, std::size_t input,
                                              const Permutation& permutation) {
  // Only these have their permutations fixed by another input than the first.
  const bool any_input =
      is_elementwise(node) || node.op_type == "Concat" || node.op_type == "GatherElements" || node.op_type == "MatMul";
  if (input != 0 && !any_input) return std::nullopt;
  const Shape* shape = context.shape(node.inputs[input]);
  if (shape == nullptr || shape->size() != permutation.size()) return std::nullopt;
  auto made = Builder(context, node).build(permutation);
  if (!made || input >= made->inputs.size() || made->inputs[input] != permutation) return std::nullopt;
  return made;
}

std::optional<PermutedNode> permuted_by_output(const RuleContext& context, const Node& node, std::size_t output,
                                               const Permutation& permutation) {
  if (node.domain.empty() && node.op_type == "Gemm") return transposed_gemm(node, permutation);
  Builder builder(context, node);
  const auto p = builder.input_of(output, permutation);
  if (!p) return std::nullopt;
  auto made = builder.build(*p);
  if (!made || made->outputs[output] != permutation) return std::nullopt;
  return made;
}

std::optional<Attributes> absorbing(const RuleContext& context, const Node& node, const Attributes& attributes,
                                    std::size_t input, const Permutation& permutation) {
  if (!node.domain.empty()) return std::nullopt;
  const Shape* shape = context.shape(node.inputs[input]);
  if (shape == nullptr || shape->size() != permutation.size()) return std::nullopt;
  Attributes result = attributes;
  if (node.op_type == "Gemm" && input < 2) {
    const char* flag = input == 0 ? "transA" : "transB";
    const auto found = attributes.find(flag);
    const bool was = found != attributes.end() && std::get<std::int64_t>(found->second) != 0;
    result.insert_or_assign(flag, std::int64_t{was ? 0 : 1});
    return result;
  }
  if (node.op_type == "Einsum") {
    const auto found = attributes.find("equation");
    if (found == attributes.end() || !std::holds_alternative<std::string>(found->second)) return std::nullopt;
    auto equation = permuted_equation(std::get<std::string>(found->second), input, permutation);
    if (!equation) return std::nullopt;
    result.insert_or_assign("equation", *std::move(equation));
    return result;
  }
  return std::nullopt;
}

}  // namespace cycloid
