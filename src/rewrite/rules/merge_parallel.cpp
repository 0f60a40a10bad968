// matmul(x, a), matmul(x, b) => split(matmul(x, concat(a, b))) where it costs less;  Gemm and Conv alike
#include <algorithm>

#include "rewrite/cost.h"
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Conv", "Gemm", "MatMul"};

// Two operators would become two.
constexpr std::size_t kFewestBranches = 3;

// One of the operators of the same kind on one value.
struct Branch {
  NodeId id;
  const Tensor* weights = nullptr;
  const Tensor* bias = nullptr;  // nullptr: none
};

// Where the output channels are in the weights and in the result.
struct Axes {
  std::size_t of_weights = 0;
  std::size_t of_result = 0;
};
std::optional<Axes> axes_of(const RuleContext& context, const Node& node) {
  const Shape* result = context.shape(node.outputs[0]);
  if (result == nullptr) return std::nullopt;
  if (node.op_type == "Conv") {
    const auto groups = get_int(node, "group", 1);
    if (!groups || *groups != 1) return std::nullopt;
    return Axes{0, 1};
  }
  if (node.op_type == "Gemm") {
    const auto transposed = get_int(node, "transB", 0);
    if (!transposed) return std::nullopt;
    return Axes{*transposed != 0 ? std::size_t{0} : std::size_t{1}, 1};
  }
  return Axes{1, result->size() - 1};
}

std::optional<Branch> branch_of(const RuleContext& context, NodeId id, const Axes& axes) {
  const Node& node = context.graph.node(id);
  Branch branch{id, context.constant(node.inputs[1]), nullptr};
  const auto is_float = [](const Tensor& tensor) {
    return tensor.dtype() == DType::kFloat32 || tensor.dtype() == DType::kFloat64;
  };
  if (branch.weights == nullptr || !is_float(*branch.weights) || branch.weights->element_count() == 0)
    return std::nullopt;
  if (node.op_type == "MatMul" && branch.weights->rank() != 2) return std::nullopt;
  if (has_input(node, 2)) {
    branch.bias = context.constant(node.inputs[2]);
    if (branch.bias == nullptr || branch.bias->dims() != Dims{branch.weights->dim(axes.of_weights)})
      return std::nullopt;
  }
  return branch;
}

bool fit(const Tensor& a, const Tensor& b, std::size_t axis) {
  Dims dims = b.dims();
  if (a.dtype() != b.dtype() || a.rank() != b.rank()) return false;
  dims[axis] = a.dim(axis);
  return a.dims() == dims;
}

// Plain numbers as attributes: all that these operators have.
bool same_attributes(const Node& a, const Node& b) {
  return std::ranges::equal(a.attributes, b.attributes, [](const auto& x, const auto& y) {
    const auto plain = [](const Attribute& attribute) {
      return std::holds_alternative<std::int64_t>(attribute) || std::holds_alternative<float>(attribute) ||
             std::holds_alternative<std::string>(attribute) ||
             std::holds_alternative<std::vector<std::int64_t>>(attribute);
    };
    return x.first == y.first && plain(x.second) && x.second.index() == y.second.index() &&
           std::visit(
               [&]<class T>(const T& value) {
                 if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, float> ||
                               std::is_same_v<T, std::string> || std::is_same_v<T, std::vector<std::int64_t>>) {
                   return value == std::get<T>(y.second);
                 } else {
                   return false;
                 }
               },
               x.second);
  });
}

// The tensors end to end along `axis`.
Tensor joined(const std::vector<const Tensor*>& parts, std::size_t axis) {
  Dims dims = parts[0]->dims();
  dims[axis] = 0;
  for (const Tensor* part : parts) dims[axis] += part->dim(axis);
  Tensor result = Tensor::zeros(parts[0]->dtype(), dims).value();
  std::size_t outer = 1;
  for (std::size_t i = 0; i < axis; ++i) outer *= static_cast<std::size_t>(dims[i]);
  std::byte* to = result.mutable_bytes();
  for (std::size_t row = 0; row < outer; ++row) {
    for (const Tensor* part : parts) {
      const std::size_t bytes = part->byte_count() / outer;
      std::copy_n(part->bytes() + row * bytes, bytes, to);
      to += bytes;
    }
  }
  return result;
}

// Whether what follows is about to go into the weights, which a Split between them would prevent.
bool takes_in_what_follows(const RuleContext& context, const Node& node) {
  constexpr std::string_view kFoldable[] = {"Add", "BatchNormalization", "Div", "Mul", "Sub"};
  const NodeId user = only_user(context, node.outputs[0]);
  if (!user.valid() || !is_one_of(context.graph.node(user), kFoldable)) return false;
  const Node& next = context.graph.node(user);
  return std::ranges::any_of(next.inputs, [&](ValueId id) { return context.constant(id) != nullptr; });
}

std::vector<Branch> branches_of(const RuleContext& context, NodeId root, const Axes& axes) {
  const Node& node = context.graph.node(root);
  std::vector<Branch> branches;
  for (const Use use : context.value(node.inputs[0]).uses) {
    if (use.input != 0) continue;
    const Node& other = context.graph.node(use.node);
    if (other.domain != node.domain || other.op_type != node.op_type || !same_attributes(node, other)) continue;
    const auto branch = branch_of(context, use.node, axes);
    if (!branch || takes_in_what_follows(context, other)) continue;
    if (!branches.empty() && !fit(*branches[0].weights, *branch->weights, axes.of_weights)) continue;
    if (node.op_type == "Gemm" && !branches.empty() && (branch->bias == nullptr) != (branches[0].bias == nullptr))
      continue;
    // Equal operators become one, which is better still.
    const bool is_twin = std::ranges::any_of(branches, [&](const Branch& earlier) {
      const bool same_bias = (earlier.bias == nullptr) == (branch->bias == nullptr) &&
                             (branch->bias == nullptr || identical(*earlier.bias, *branch->bias));
      return same_bias && identical(*earlier.weights, *branch->weights);
    });
    if (is_twin) return {};
    branches.push_back(*branch);
  }
  return branches;
}

// What convolutions give lies in blocks of channels in many runtimes, which Split does not read: beside what it moves itself, the
// result is brought into the plain order and back. Reading the input once must save more.
bool pays_in_blocks(const RuleContext& context, const std::vector<Branch>& branches) {
  const double others = static_cast<double>(branches.size()) - 1;
  double saved = (others - 1) * kBytesPerNode;
  double moved = 0;
  for (const Branch& branch : branches)
    moved += 6 * typical_bytes(context.graph, context.graph.node(branch.id).outputs[0]);
  saved += others * typical_bytes(context.graph, context.graph.node(branches[0].id).inputs[0]);
  return saved > moved;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  if (context.constant(node.inputs[1]) == nullptr || context.value(node.inputs[0]).uses.size() < 2) return std::nullopt;
  const auto axes = axes_of(context, node);
  if (!axes) return std::nullopt;
  const std::vector<Branch> branches = branches_of(context, root, *axes);
  if (branches.size() < kFewestBranches || branches[0].id != root) return std::nullopt;  // proposed once, by the first
  if (node.op_type == "Conv" && !pays_in_blocks(context, branches)) return std::nullopt;
  Patch patch;
  std::vector<const Tensor*> weights, biases;
  Ints sizes;
  std::size_t bytes = 0;
  const bool has_bias = std::ranges::any_of(branches, [](const Branch& branch) { return branch.bias != nullptr; });
  std::vector<Tensor> zeros(branches.size());
  for (std::size_t i = 0; i < branches.size(); ++i) {
    weights.push_back(branches[i].weights);
    sizes.push_back(weights[i]->dim(axes->of_weights));
    bytes += weights[i]->byte_count();
    zeros[i] = Tensor::zeros(weights[i]->dtype(), {sizes[i]}).value();
    biases.push_back(branches[i].bias != nullptr ? branches[i].bias : &zeros[i]);
  }
  if (bytes > context.fold_limit) return std::nullopt;
  std::vector<Patch::Ref> inputs = {
      node.inputs[0], patch.constant(context.value(node.inputs[1]).name, joined(weights, axes->of_weights))};
  if (has_bias) inputs.push_back(patch.constant("bias", joined(biases, 0)));
  const auto merged = patch.node(node.op_type, std::move(inputs), node.attributes);
  const auto parts = patch.node_with_outputs(branches.size(), "Split", {merged, patch.constant("sizes", int64s(sizes))},
                                             {{"axis", static_cast<std::int64_t>(axes->of_result)}});
  for (std::size_t i = 0; i < branches.size(); ++i)
    patch.replace(context.graph.node(branches[i].id).outputs[0], parts[i]);
  return patch;
}

}  // namespace

const Rule kMergeParallel = {
    .name = "merge-parallel",
    .law = "matmul(x, a), matmul(x, b) => split(matmul(x, concat(a, b))); Gemm and Conv alike",
    .why = "The columns of a product do not depend on each other, so one larger product makes those of all.",
    .kind = RuleKind::kFewerNodes,
    .exact = false,
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
