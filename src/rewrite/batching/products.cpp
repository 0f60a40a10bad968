// Matrix products, and operators that have a batch axis of their own.
#include <algorithm>
#include <array>
#include <cctype>

#include "rewrite/batching/batcher.h"

namespace cycloid {
namespace {

using Ints = std::vector<std::int64_t>;

struct Operand {
  Patch::Ref ref;
  std::size_t rank;  // of one iteration's value
  bool batched;
};

Operand operand(const Lane& lane) { return {lane.ref, lane.shape.size(), lane.batched}; }

// A vector as a matrix of one row (left operand) or column (right operand).
void to_matrix(Batcher& b, Operand& x, bool left) {
  if (x.rank != 1) return;
  const std::int64_t first = x.batched ? 1 : 0;
  x.ref = b.unsqueeze(x.ref, {left ? first : first + 1});
  x.rank = 2;
}

// The axes that broadcasting would put in front, put in behind the iterations' axis.
void to_rank(Batcher& b, Operand& x, std::size_t rank) {
  if (!x.batched || x.rank >= rank) return;
  Ints axes;
  for (std::size_t i = 0; i < rank - x.rank; ++i) axes.push_back(static_cast<std::int64_t>(i) + 1);
  x.ref = b.unsqueeze(x.ref, axes);
}

Patch::Ref product(Batcher& b, Operand x, Operand y) {
  if (x.rank == 1 && y.rank == 1) {
    if (!x.batched) return b.op("MatMul", {y.ref, x.ref});  // [T, k] x [k]
    if (!y.batched) return b.op("MatMul", {x.ref, y.ref});
    return b.op("ReduceSum", {b.op("Mul", {x.ref, y.ref}), b.ints({1})}, {{"keepdims", std::int64_t{0}}});
  }
  if (x.rank == 1 && x.batched && y.rank == 2 && !y.batched) return b.op("MatMul", {x.ref, y.ref});
  if (x.rank == 2 && !x.batched && y.rank == 1) return b.op("MatMul", {y.ref, b.transpose(x.ref, {1, 0})});
  const bool row = x.rank == 1;
  const bool column = y.rank == 1;
  to_matrix(b, x, true);
  to_matrix(b, y, false);
  const std::size_t rank = std::max(x.rank, y.rank);
  to_rank(b, x, rank);
  to_rank(b, y, rank);
  auto result = b.op("MatMul", {x.ref, y.ref});
  if (row) result = b.squeeze(result, {-2});
  if (column) result = b.squeeze(result, {-1});
  return result;
}

bool matmul(BatchNode& node) {
  node.outputs[0].ref = product(node.batcher, operand(node.in(0)), operand(node.in(1)));
  return true;
}

std::optional<Tensor> scalar_of(DType dtype, float value) {
  if (dtype == DType::kFloat32) return Tensor::scalar<float>(value);
  if (dtype == DType::kFloat64) return Tensor::scalar<double>(value);
  return std::nullopt;
}

bool gemm(BatchNode& node) {
  Batcher& b = node.batcher;
  const auto alpha = get_float(node.node, "alpha", 1);
  const auto beta = get_float(node.node, "beta", 1);
  if (!alpha || !beta || node.rank(0) != 2 || node.rank(1) != 2) return false;
  const auto factor = [&](const Patch::Ref& x, float value) -> std::optional<Patch::Ref> {
    if (value == 1) return x;
    const auto scalar = scalar_of(node.outputs[0].dtype, value);
    if (!scalar) return std::nullopt;
    return b.op("Mul", {x, b.patch().constant("factor", *scalar)});
  };
  std::array<Operand, 2> operands = {operand(node.in(0)), operand(node.in(1))};
  for (const std::size_t i : {0U, 1U}) {
    const auto transposed = get_int(node.node, i == 0 ? "transA" : "transB", 0);
    if (!transposed) return false;
    if (*transposed == 0) continue;
    operands[i].ref = b.transpose(operands[i].ref, operands[i].batched ? Ints{0, 2, 1} : Ints{1, 0});
  }
  auto result = factor(product(b, operands[0], operands[1]), *alpha);
  if (result && node.has(2) && *beta != 0) {
    const auto c = factor(b.aligned(node.in(2), 2), *beta);
    if (!c) return false;
    result = b.op("Add", {*result, *c});
  }
  if (!result) return false;
  node.outputs[0].ref = *result;
  return true;
}

// One more letter for the iterations.
bool einsum(BatchNode& node) {
  const auto given = get_string(node.node, "equation", "");
  if (!given || given->find("...") != std::string::npos) return false;
  std::string equation;
  std::ranges::copy_if(*given, std::back_inserter(equation), [](char c) { return c != ' '; });
  std::string result;
  const std::size_t arrow = equation.find("->");
  const std::string operands = equation.substr(0, arrow);
  if (arrow != std::string::npos) {
    result = equation.substr(arrow + 2);
  } else {  // the letters that appear once, in order
    for (char c = 'A'; c <= 'z'; ++c) {
      if (std::isalpha(static_cast<unsigned char>(c)) != 0 && std::ranges::count(operands, c) == 1) result += c;
    }
  }
  char letter = 0;
  for (char c = 'a'; c <= 'z' && letter == 0; ++c) {
    if (equation.find(c) == std::string::npos) letter = c;
  }
  if (letter == 0) return false;
  std::string widened;
  std::size_t start = 0;
  std::vector<Patch::Ref> refs;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const std::size_t comma = operands.find(',', start);
    if (i != 0) widened += ',';
    if (node.in(i).batched) widened += letter;
    widened += operands.substr(start, comma == std::string::npos ? comma : comma - start);
    start = comma == std::string::npos ? operands.size() : comma + 1;
    refs.push_back(node.in(i).ref);
  }
  node.emit(std::move(refs), {{"equation", widened + "->" + letter + result}});
  return true;
}

// Operators whose first input has a batch axis: the iterations become part of it.
bool merged_batch(BatchNode& node) {
  if (!node.only_batched(0) || node.outputs.size() != 1 || node.rank(0) < 2) return false;
  if (node.node.op_type == "BatchNormalization") {
    const auto training = get_int(node.node, "training_mode", 0);
    if (!training || *training != 0) return false;
  }
  Batcher& b = node.batcher;
  std::vector<Patch::Ref> refs;
  for (const Lane* lane : node.inputs) refs.push_back(lane != nullptr ? lane->ref : Patch::Ref::none());
  const Dim& images = node.in(0).shape[0];
  if (images.is(1)) {
    refs[0] = b.squeeze(refs[0], {1});
    node.outputs[0].ref = b.unsqueeze(b.op(node.node.op_type, std::move(refs), node.node.attributes), {1});
    return true;
  }
  const auto in = known_dims(node.in(0).shape);
  const auto out = known_dims(node.outputs[0].shape);
  if (!in || !out || std::ranges::count(*in, 0) != 0 || std::ranges::count(*out, 0) != 0) return false;
  Ints merged = *in;
  merged[0] = -1;
  refs[0] = b.op("Reshape", {refs[0], b.ints(merged)});
  Ints split = *out;
  split.insert(split.begin(), -1);
  const auto made = b.op(node.node.op_type, std::move(refs), node.node.attributes);
  node.outputs[0].ref = b.op("Reshape", {made, b.ints(split)});
  return true;
}

constexpr std::string_view kWithBatch[] = {"AveragePool",
                                           "BatchNormalization",
                                           "Conv",
                                           "ConvTranspose",
                                           "DepthToSpace",
                                           "GlobalAveragePool",
                                           "GlobalLpPool",
                                           "GlobalMaxPool",
                                           "GroupNormalization",
                                           "InstanceNormalization",
                                           "LRN",
                                           "LpPool",
                                           "MaxPool",
                                           "SpaceToDepth"};

}  // namespace

BatchHandler product_batch_handler(std::string_view op_type) {
  if (op_type == "MatMul") return matmul;
  if (op_type == "Gemm") return gemm;
  if (op_type == "Einsum") return einsum;
  return std::ranges::find(kWithBatch, op_type) != std::end(kWithBatch) ? merged_batch : nullptr;
}

}  // namespace cycloid
