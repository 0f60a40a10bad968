#include "plan/lowering/elements.h"

#include <algorithm>

#include "base/error.h"
#include "ops/dtype_set.h"
#include "ops/op.h"
#include "plan/half.h"
#include "plan/lowering/loops.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

using kernels::ElementArgs;
using kernels::ElementFn;
using kernels::ElementKind;
using kernels::Elements1;
using kernels::Elements2;

class ElementsStep final : public Step {
 public:
  ElementsStep(ElementFn fn, std::vector<ElementLoop> loops, std::vector<Place> operands, Place y)
      : fn_(fn), walk_(std::move(loops)), operands_(std::move(operands)), y_(std::move(y)) {}

  std::int64_t units() const { return walk_.units(); }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    walk_.for_each(begin, end, [&](const std::array<std::int64_t, 4>& at, std::int64_t rows, std::int64_t columns) {
      ElementArgs args{.y_stride = walk_.row_loop().step[3], .rows = rows, .columns = columns};
      const auto address = [&](const Place& place, std::size_t k) {
        return context.at<std::byte>(place) + at[k] * static_cast<std::int64_t>(size_of(place.dtype));
      };
      for (std::size_t k = 0; k < operands_.size(); ++k) {
        args.in[k] = address(operands_[k], k);
        args.stride[k] = walk_.row_loop().step[k];
        args.step[k] = walk_.column_loop().step[k];
      }
      args.y = address(y_, 3);
      fn_(args);
    });
  }

 private:
  ElementFn fn_;
  LoopWalk walk_;
  std::vector<Place> operands_;
  Place y_;
};

struct Operation {
  std::string_view op;
  Elements2 kind;
  bool swapped = false;  // of b and a
};
constexpr Operation kOperations[] = {
    {"Add", Elements2::kAdd},
    {"And", Elements2::kAnd},
    {"BitShift", Elements2::kShiftLeft},
    {"BitwiseAnd", Elements2::kBitAnd},
    {"BitwiseOr", Elements2::kBitOr},
    {"BitwiseXor", Elements2::kBitXor},
    {"Div", Elements2::kDiv},
    {"Equal", Elements2::kEqual},
    {"Greater", Elements2::kLess, true},
    {"GreaterOrEqual", Elements2::kLessEqual, true},
    {"Less", Elements2::kLess},
    {"LessOrEqual", Elements2::kLessEqual},
    {"Max", Elements2::kMax},
    {"Min", Elements2::kMin},
    {"Mod", Elements2::kMod},
    {"Mul", Elements2::kMul},
    {"Or", Elements2::kOr},
    {"Pow", Elements2::kPow},
    {"Sub", Elements2::kSub},
    {"Sum", Elements2::kAdd},
    {"Xor", Elements2::kXor},
};

// What is the same for integers with a sign and without one.
bool is_of_bits(std::string_view op) {
  static constexpr std::string_view kOps[] = {"Add",        "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr",
                                              "BitwiseXor", "Equal",    "Mul",        "Sub",        "Sum"};
  return std::ranges::find(kOps, op) != std::end(kOps);
}

// The type that kernels take for it in such an operation.
std::optional<ElementKind> kind_for(std::string_view op, DType dtype) {
  if (is_of_bits(op)) {
    if (dtype == DType::kUInt32) return ElementKind::kInt32;
    if (dtype == DType::kUInt64) return ElementKind::kInt64;
    if (dtype == DType::kInt8) return ElementKind::kUInt8;
    if (dtype == DType::kInt16) return ElementKind::kUInt16;
  }
  return element_kind(dtype);
}

std::string no_kernel(const Lowering& lowering, ValueId id) {
  return fmt::format("no kernel for {}", to_string(lowering.dtype(id)));
}

}  // namespace

LoopWalk::LoopWalk(std::vector<ElementLoop> joined) {
  const auto pop = [&] {
    ElementLoop loop;
    if (joined.empty()) return loop;
    loop = joined.back();
    joined.pop_back();
    return loop;
  };
  columns_ = pop();
  rows_ = pop();
  outer_ = std::move(joined);
  constexpr std::int64_t kElements = 4096;
  split_columns_ = rows_.size == 1 && outer_.empty();
  each_ = split_columns_ ? kElements : std::max<std::int64_t>(1, kElements / columns_.size);
  blocks_ = ((split_columns_ ? columns_ : rows_).size + each_ - 1) / each_;
  units_ = blocks_;
  for (const ElementLoop& loop : outer_) units_ *= loop.size;
}

std::array<std::int64_t, 4> LoopWalk::outer_offsets(std::int64_t outer) const {
  std::array<std::int64_t, 4> at = {};
  for (std::size_t d = outer_.size(); d-- > 0;) {
    const std::int64_t i = outer % outer_[d].size;
    outer /= outer_[d].size;
    for (std::size_t k = 0; k < at.size(); ++k) at[k] += i * outer_[d].step[k];
  }
  return at;
}

std::optional<ElementKind> element_kind(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return ElementKind::kFloat32;
    case DType::kFloat64: return ElementKind::kFloat64;
    case DType::kInt32: return ElementKind::kInt32;
    case DType::kInt64: return ElementKind::kInt64;
    case DType::kInt8: return ElementKind::kInt8;
    case DType::kUInt8: return ElementKind::kUInt8;
    case DType::kBool: return ElementKind::kBool;
    case DType::kInt16: return ElementKind::kInt16;
    case DType::kUInt16: return ElementKind::kUInt16;
    case DType::kUInt32: return ElementKind::kUInt32;
    case DType::kUInt64: return ElementKind::kUInt64;
    default: return {};
  }
}

std::vector<ElementLoop> broadcast_loops(std::span<const Dims* const> operands, const Dims& result) {
  std::vector<ElementLoop> loops(result.size());
  const auto set = [&](const Dims& dims, std::size_t k) {
    std::int64_t stride = 1;
    for (std::size_t i = dims.size(); i-- > 0;) {
      if (dims[i] != 1) loops[result.size() - dims.size() + i].step[k] = stride;
      stride *= dims[i];
    }
  };
  for (std::size_t k = 0; k < operands.size(); ++k) set(*operands[k], k);
  set(result, 3);
  for (std::size_t i = 0; i < result.size(); ++i) loops[i].size = result[i];
  return loops;
}

Declined add_elements(Lowering& lowering, ElementFn fn, std::string_view name, const std::vector<ElementLoop>& loops,
                      std::span<const ValueId> operands, ValueId y, std::vector<NodeId> nodes, const Tensor* last) {
  std::vector<ElementLoop> joined = join_loops(loops);
  if (joined.size() > LoopWalk::kMostOuter + 2) return "a broadcast of many dimensions";
  Lowering::Draft draft;
  for (const ValueId operand : operands) draft.reads.push_back(lowering.read(operand, Layout::kRowMajor));
  if (last != nullptr) draft.reads.push_back(lowering.constant_place(*last));
  const Place to = lowering.define(y, Layout::kRowMajor);
  auto step = std::make_unique<ElementsStep>(fn, std::move(joined), draft.reads, to);
  draft.nodes = std::move(nodes);
  draft.kernel = name;
  draft.writes = {to};
  draft.units = step->units();
  draft.flops = static_cast<double>(to.count());
  draft.speed = 0.1;
  lowering.add(std::move(step), std::move(draft));
  return {};
}

std::vector<ElementLoop> tile_loops(const Dims& from, const Dims& to) {
  std::vector<ElementLoop> loops(2 * from.size());
  std::int64_t x_stride = 1, y_stride = 1;
  for (std::size_t i = from.size(); i-- > 0;) {
    loops[2 * i + 1] = {from[i], {x_stride, 0, 0, y_stride}};
    loops[2 * i] = {to[i] / from[i], {0, 0, 0, y_stride * from[i]}};
    x_stride *= from[i];
    y_stride *= to[i];
  }
  return loops;
}

std::optional<MadeStep> make_copy(const Place& from, const std::vector<ElementLoop>& loops, const Place& to, Isa isa) {
  const ElementFn fn = kernels::copy_kernel(static_cast<std::int64_t>(size_of(from.dtype)), isa);
  std::vector<ElementLoop> joined = join_loops(loops);
  if (fn == nullptr || joined.size() > LoopWalk::kMostOuter + 2) return {};
  auto step = std::make_unique<ElementsStep>(fn, std::move(joined), std::vector{from}, to);
  const std::int64_t units = step->units();
  return MadeStep{std::move(step), units};
}

namespace {

// a * b + c of float64, where the sum is the product's only user and has its dims: whether it was added.
bool lower_affine(Lowering& lowering, NodeId id) {
  const Node& product = lowering.graph().node(id);
  const ValueId made = product.outputs[0];
  const NodeId user = lowering.only_user(made);
  if (!user.valid()) return false;
  const Node& sum = lowering.graph().node(user);
  if (!sum.domain.empty() || sum.op_type != "Add") return false;
  const ValueId c = sum.inputs[0] == made ? sum.inputs[1] : sum.inputs[0];
  const Dims *of_c = lowering.dims(c), *result = lowering.dims(sum.outputs[0]);
  if (c == made || of_c == nullptr || result == nullptr || *result != *lowering.dims(made) || !lowering.available(c))
    return false;
  const ValueId operands[] = {product.inputs[0], product.inputs[1], c};
  const Dims* const dims[] = {lowering.dims(operands[0]), lowering.dims(operands[1]), of_c};
  return add_elements(lowering, kernels::affine_kernel_of_doubles(lowering.options().isa), "elements.affine",
                      broadcast_loops(dims, *result), operands, sum.outputs[0], {id, user})
      .empty();
}

}  // namespace

Declined lower_elements(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  if (node.inputs.size() != 2) return "other than two operands";
  const auto* const operation = std::ranges::find(kOperations, node.op_type, &Operation::op);
  if (operation == std::end(kOperations)) return no_kernel(lowering, node.inputs[0]);
  ValueId operands[] = {node.inputs[0], node.inputs[1]};
  if (lowering.dtype(operands[0]) != lowering.dtype(operands[1])) return "operands of different types";
  const Result<std::int64_t> fmod = get_int(node, "fmod", 0);
  if (!fmod) return fmod.error().message();
  Elements2 function = *fmod != 0 ? Elements2::kFmod : operation->kind;
  if (node.op_type == "BitShift") {
    const Result<std::string> direction = get_string(node, "direction", "");
    if (!direction || !kUnsignedInts.contains(lowering.dtype(operands[0]))) return no_kernel(lowering, operands[0]);
    if (*direction == "RIGHT") function = Elements2::kShiftRight;
  }
  const auto kind = kind_for(node.op_type, lowering.dtype(operands[0]));
  const ElementFn fn = kind ? kernels::elements2_kernel(function, *kind, lowering.options().isa) : ElementFn{nullptr};
  if (fn == nullptr) return no_kernel(lowering, operands[0]);
  if (operation->swapped) std::swap(operands[0], operands[1]);
  if (function == Elements2::kMul && kind == ElementKind::kFloat64 && lower_affine(lowering, id)) return {};
  const Dims* const dims[] = {lowering.dims(operands[0]), lowering.dims(operands[1])};
  return add_elements(lowering, fn, kernels::name_of(function), broadcast_loops(dims, *lowering.dims(node.outputs[0])),
                      operands, node.outputs[0], {id});
}

Declined lower_elements1(Lowering& lowering, NodeId id) {
  static constexpr struct {
    std::string_view op;
    Elements1 kind;
  } kLines[] = {{"Abs", Elements1::kAbs},
                {"Acos", Elements1::kAcos},
                {"Acosh", Elements1::kAcosh},
                {"Asin", Elements1::kAsin},
                {"Asinh", Elements1::kAsinh},
                {"Atan", Elements1::kAtan},
                {"Atanh", Elements1::kAtanh},
                {"BitwiseNot", Elements1::kBitNot},
                {"Ceil", Elements1::kCeil},
                {"Cos", Elements1::kCos},
                {"Cosh", Elements1::kCosh},
                {"Erf", Elements1::kErf},
                {"Exp", Elements1::kExp},
                {"Floor", Elements1::kFloor},
                {"IsNaN", Elements1::kIsNaN},
                {"Log", Elements1::kLog},
                {"Neg", Elements1::kNeg},
                {"Not", Elements1::kNot},
                {"Reciprocal", Elements1::kReciprocal},
                {"Round", Elements1::kRound},
                {"Sigmoid", Elements1::kSigmoid},
                {"Sign", Elements1::kSign},
                {"Sin", Elements1::kSin},
                {"Sinh", Elements1::kSinh},
                {"Sqrt", Elements1::kSqrt},
                {"Tan", Elements1::kTan},
                {"Tanh", Elements1::kTanh}};
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  const auto* const line = std::ranges::find(kLines, node.op_type, [](const auto& l) { return l.op; });
  auto kind = kind_for(node.op_type, lowering.dtype(x));
  Elements1 function = line == std::end(kLines) ? Elements1::kNot : line->kind;
  if (function == Elements1::kSign && is_half(lowering.dtype(x))) {
    kind = ElementKind::kUInt16;  // their bits
    function = lowering.dtype(x) == DType::kFloat16 ? Elements1::kSignFloat16 : Elements1::kSignBFloat16;
  }
  const ElementFn fn =
      line == std::end(kLines) || !kind ? nullptr : kernels::elements1_kernel(function, *kind, lowering.options().isa);
  if (fn == nullptr) return no_kernel(lowering, x);
  const Dims* const dims[] = {lowering.dims(x)};
  return add_elements(lowering, fn, kernels::name_of(function), broadcast_loops(dims, *lowering.dims(node.outputs[0])),
                      {{x}}, node.outputs[0], {id});
}

Declined lower_thresholded_relu(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  const Result<float> alpha = get_float(node, "alpha", 1);
  if (!alpha) return alpha.error().message();
  const auto kind = element_kind(lowering.dtype(x));
  const ElementFn fn = kind ? kernels::elements2_kernel(Elements2::kThreshold, *kind, lowering.options().isa) : nullptr;
  if (fn == nullptr) return no_kernel(lowering, x);
  static const Dims kScalar;
  const Dims* const dims[] = {lowering.dims(x), &kScalar};
  const Tensor bound = *kind == ElementKind::kFloat32 ? Tensor::of<float>({}, {{*alpha}})
                                                      : Tensor::of<double>({}, {{static_cast<double>(*alpha)}});
  return add_elements(lowering, fn, kernels::name_of(Elements2::kThreshold),
                      broadcast_loops(dims, *lowering.dims(node.outputs[0])), {{x}}, node.outputs[0], {id}, &bound);
}

Declined lower_typed_clip(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  if (node.inputs.size() != 3) return "a bound that is absent";
  static const Dims kScalar;
  std::array<const Dims*, 3> dims = {lowering.dims(x)};
  for (const std::size_t i : {1, 2}) {
    const ValueId bound = node.inputs[i];
    if (!bound.valid() || lowering.dtype(bound) != lowering.dtype(x) || element_count(*lowering.dims(bound)) != 1)
      return "a bound that is no number of the type";
    dims[i] = &kScalar;  // whatever ones its dims are dressed with
  }
  const auto kind = element_kind(lowering.dtype(x));
  const ElementFn fn = kind ? kernels::clip_kernel(*kind, lowering.options().isa) : ElementFn{nullptr};
  if (fn == nullptr) return no_kernel(lowering, x);
  return add_elements(lowering, fn, "elements.clip", broadcast_loops(dims, *lowering.dims(node.outputs[0])),
                      node.inputs, node.outputs[0], {id});
}

Declined lower_cast(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  if (lowering.dtype(x) == lowering.dtype(y)) {
    lowering.alias(y, lowering.read(x));
    return {};
  }
  const auto from = element_kind(lowering.dtype(x)), to = element_kind(lowering.dtype(y));
  if (!from || !to) {
    if (Declined reason = lower_cast_half(lowering, id); reason.empty()) return {};
  }
  if (!from || !to)
    return fmt::format("no kernel from {} to {}", to_string(lowering.dtype(x)), to_string(lowering.dtype(y)));
  const Dims* const dims[] = {lowering.dims(x)};
  return add_elements(lowering, kernels::cast_kernel(*from, *to, lowering.options().isa), "elements.cast",
                      broadcast_loops(dims, *lowering.dims(y)), {{x}}, y, {id});
}

Declined lower_where(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId y = node.outputs[0];
  const ElementFn fn =
      kernels::select_kernel(static_cast<std::int64_t>(size_of(lowering.dtype(y))), lowering.options().isa);
  if (fn == nullptr) return no_kernel(lowering, y);
  const Dims* const dims[] = {lowering.dims(node.inputs[0]), lowering.dims(node.inputs[1]),
                              lowering.dims(node.inputs[2])};
  return add_elements(lowering, fn, "elements.select", broadcast_loops(dims, *lowering.dims(y)), node.inputs, y, {id});
}

Declined lower_expand(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  if (*lowering.dims(x) == *lowering.dims(y)) {
    lowering.alias(y, lowering.read(x));
    return {};
  }
  const ElementFn fn =
      kernels::copy_kernel(static_cast<std::int64_t>(size_of(lowering.dtype(y))), lowering.options().isa);
  if (fn == nullptr) return no_kernel(lowering, y);
  const Dims* const dims[] = {lowering.dims(x)};
  return add_elements(lowering, fn, "elements.copy", broadcast_loops(dims, *lowering.dims(y)), {{x}}, y, {id});
}

Declined lower_tile(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  const Dims from = *lowering.dims(x), to = *lowering.dims(y);
  const ElementFn fn =
      kernels::copy_kernel(static_cast<std::int64_t>(size_of(lowering.dtype(y))), lowering.options().isa);
  if (fn == nullptr) return no_kernel(lowering, y);
  return add_elements(lowering, fn, "elements.copy", tile_loops(from, to), {{x}}, y, {id});
}

}  // namespace cycloid
