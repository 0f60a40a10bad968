// matmul(a, b) + c => gemm(a, b, c) for matrices;  gemm(a, b) + c => gemm(a, b, c)
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Add"};
constexpr DType kGemmTypes[] = {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16};

bool is_matrix(const RuleContext& context, ValueId id) {
  const Shape* shape = context.shape(id);
  return shape != nullptr && shape->size() == 2;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& add = context.graph.node(root);
  const DType dtype = context.dtype(add.outputs[0]);
  if (std::ranges::find(kGemmTypes, dtype) == std::end(kGemmTypes)) return std::nullopt;
  for (const std::size_t i : {0, 1}) {
    const Node* product = context.graph.producer(add.inputs[i]);
    if (product == nullptr || !product->domain.empty()) continue;
    const bool is_matmul = product->op_type == "MatMul";
    if (!is_matmul && (product->op_type != "Gemm" || has_input(*product, 2))) continue;
    if (!context.only_used_by(add.inputs[i], root) || add.inputs[0] == add.inputs[1]) continue;
    if (!is_matrix(context, product->inputs[0]) || !is_matrix(context, product->inputs[1])) continue;
    const Shape* result = context.shape(add.inputs[i]);
    const Shape* c = context.shape(add.inputs[1 - i]);
    if (result == nullptr || c == nullptr || !broadcast_keeps(*result, *c)) continue;
    Attributes attributes = product->attributes;
    attributes.erase("beta");
    Patch patch;
    patch.replace(add.outputs[0], patch.node("Gemm", {product->inputs[0], product->inputs[1], add.inputs[1 - i]},
                                             std::move(attributes)));
    return patch;
  }
  return std::nullopt;
}

}  // namespace

const Rule kMatMulToGemm = {
    .name = "matmul-to-gemm",
    .law = "matmul(a, b) + c => gemm(a, b, c) for matrices",
    .why = "Gemm is the product of two matrices plus a matrix, which c broadcasts to.",
    .kind = RuleKind::kFewerNodes,
    .exact = false,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
