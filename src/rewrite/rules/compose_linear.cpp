// (x a + b) c + d => x (a c) + (b c + d), where a to d are constant and a c is no more work than a and c
//
// Layers between which nothing stands are one layer. Infinities make the difference (inf - inf is NaN), so this is for values
// that are said to be finite. The products of constants are folded.
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Add", "Gemm", "MatMul"};

// x w + b, w and b constant; b may be absent.
struct Linear {
  ValueId x;
  ValueId weights;
  bool transposed = false;
  ValueId bias;
  bool by_gemm = false;
};

bool is_bias(const RuleContext& context, ValueId id, std::int64_t columns) {
  const Tensor* bias = context.constant(id);
  return bias != nullptr && bias->rank() == 1 && bias->dim(0) == columns;
}

std::optional<Linear> of_matmul(const RuleContext& context, const Node& node) {
  const Tensor* weights = context.constant(node.inputs[1]);
  if (weights == nullptr || weights->rank() != 2 || context.shape(node.inputs[0]) == nullptr) return std::nullopt;
  if (context.shape(node.inputs[0])->size() < 2) return std::nullopt;
  return Linear{.x = node.inputs[0], .weights = node.inputs[1]};
}

std::optional<Linear> of_gemm(const RuleContext& context, const Node& node) {
  const auto alpha = get_float(node, "alpha", 1);
  const auto beta = get_float(node, "beta", 1);
  const auto trans_a = get_int(node, "transA", 0);
  const auto trans_b = get_int(node, "transB", 0);
  const Tensor* weights = context.constant(node.inputs[1]);
  if (!alpha || *alpha != 1 || !beta || *beta != 1 || !trans_a || *trans_a != 0 || !trans_b || weights == nullptr)
    return std::nullopt;
  Linear linear{.x = node.inputs[0], .weights = node.inputs[1], .transposed = *trans_b != 0, .by_gemm = true};
  if (!has_input(node, 2)) return linear;
  if (!is_bias(context, node.inputs[2], weights->dim(linear.transposed ? 0 : 1))) return std::nullopt;
  linear.bias = node.inputs[2];
  return linear;
}

std::optional<Linear> linear_of(const RuleContext& context, const Node& node) {
  if (!node.domain.empty() || context.dtype(node.outputs[0]) != DType::kFloat32) return std::nullopt;
  if (node.op_type == "MatMul") return of_matmul(context, node);
  if (node.op_type == "Gemm") return of_gemm(context, node);
  if (node.op_type != "Add") return std::nullopt;
  for (const std::size_t i : {0U, 1U}) {
    const Node* product = context.producer(node.inputs[i], "MatMul");
    auto found =
        product != nullptr && only_user(context, node.inputs[i]).valid() ? of_matmul(context, *product) : std::nullopt;
    if (!found || !is_bias(context, node.inputs[1 - i], context.constant(found->weights)->dim(1))) continue;
    found->bias = node.inputs[1 - i];
    return found;
  }
  return std::nullopt;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  if (!context.assume_finite) return std::nullopt;
  const Node& node = context.graph.node(root);
  const auto second = linear_of(context, node);
  const Node* before = second ? context.graph.producer(second->x) : nullptr;
  if (before == nullptr || !only_user(context, second->x).valid()) return std::nullopt;
  const auto first = linear_of(context, *before);
  if (!first) return std::nullopt;
  // The sum that a product is a part of speaks for it.
  if (node.op_type == "MatMul" && !second->bias.valid()) {
    const NodeId user = only_user(context, node.outputs[0]);
    if (user.valid() && linear_of(context, context.graph.node(user)) && context.graph.node(user).op_type == "Add")
      return std::nullopt;
  }
  const Tensor& a = *context.constant(first->weights);
  const Tensor& c = *context.constant(second->weights);
  const std::int64_t rows = a.dim(first->transposed ? 1 : 0);
  const std::int64_t inner = a.dim(first->transposed ? 0 : 1);
  const std::int64_t columns = c.dim(second->transposed ? 0 : 1);
  if (rows * columns > rows * inner + inner * columns) return std::nullopt;
  Patch patch;
  const auto matrix = [&](const Linear& linear) {
    const Patch::Ref weights = linear.weights;
    const std::vector<std::int64_t> turned = {1, 0};
    return linear.transposed ? patch.node("Transpose", {weights}, {{"perm", turned}}) : weights;
  };
  const auto last = matrix(*second);
  const auto weights = patch.node("MatMul", {matrix(*first), last});
  Patch::Ref bias = second->bias;
  if (first->bias.valid()) {
    bias = patch.node("MatMul", {first->bias, last});
    if (second->bias.valid()) bias = patch.node("Add", {bias, second->bias});
  }
  Patch::Ref result = Patch::Ref::none();
  if (first->by_gemm || second->by_gemm) {
    std::vector<Patch::Ref> inputs = {first->x, weights};
    if (!bias.absent()) inputs.push_back(bias);
    result = patch.node("Gemm", std::move(inputs));
  } else {
    result = patch.node("MatMul", {first->x, weights});
    if (!bias.absent()) result = patch.node("Add", {result, bias});
  }
  patch.replace(node.outputs[0], result);
  return patch;
}

}  // namespace

const Rule kComposeLinear = {
    .name = "compose-linear",
    .law = "(x a + b) c + d => x (a c) + (b c + d) for constant a to d where it is no more work, for finite values",
    .why = "A linear map of a linear map is one linear map, whose weights can be multiplied now.",
    .kind = RuleKind::kCheaperSubgraph,
    .exact = false,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
