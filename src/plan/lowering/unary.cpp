// Element-wise functions of one tensor.
#include <algorithm>

#include "kernels/elementwise/elementwise.h"
#include "plan/lowering/activation.h"
#include "plan/lowering/elements.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/rows.h"

namespace cycloid {
namespace {

using kernels::UnaryArgs;
using kernels::UnaryFn;
using kernels::UnaryKind;

class UnaryStep final : public Step {
 public:
  UnaryStep(UnaryFn fn, kernels::Activation activation, Place in, Place out, RowUnits units)
      : fn_(fn), activation_(activation), in_(std::move(in)), out_(std::move(out)), units_(units) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const RowRange range = units_.range(begin, end);
    UnaryArgs args{.x = context.at<const float>(in_) + range.row * units_.strides[0] + range.column,
                   .x_stride = units_.strides[0],
                   .y = context.at<float>(out_) + range.row * units_.strides[1] + range.column,
                   .y_stride = units_.strides[1],
                   .rows = range.rows,
                   .columns = range.columns,
                   .activation = activation_};
    if (args.activation.slope != nullptr) args.activation.slope += range.column;
    fn_(args);
  }

 private:
  UnaryFn fn_;
  kernels::Activation activation_;
  Place in_, out_;
  RowUnits units_;
};

std::optional<UnaryKind> unary_kind(std::string_view op) {
  static constexpr struct {
    std::string_view op;
    UnaryKind kind;
  } kKinds[] = {{"Abs", UnaryKind::kAbs},
                {"Acos", UnaryKind::kAcos},
                {"Acosh", UnaryKind::kAcosh},
                {"Asin", UnaryKind::kAsin},
                {"Asinh", UnaryKind::kAsinh},
                {"Atan", UnaryKind::kAtan},
                {"Atanh", UnaryKind::kAtanh},
                {"Cosh", UnaryKind::kCosh},
                {"Sinh", UnaryKind::kSinh},
                {"Tan", UnaryKind::kTan},
                {"Ceil", UnaryKind::kCeil},
                {"Cos", UnaryKind::kCos},
                {"Sin", UnaryKind::kSin},
                {"Erf", UnaryKind::kErf},
                {"Exp", UnaryKind::kExp},
                {"Floor", UnaryKind::kFloor},
                {"Log", UnaryKind::kLog},
                {"Neg", UnaryKind::kNeg},
                {"Reciprocal", UnaryKind::kReciprocal},
                {"Round", UnaryKind::kRound},
                {"Sign", UnaryKind::kSign},
                {"Sqrt", UnaryKind::kSqrt},
                {"Softplus", UnaryKind::kSoftplus},
                {"Softsign", UnaryKind::kSoftsign}};
  for (const auto& line : kKinds) {
    if (line.op == op) return line.kind;
  }
  return {};
}

// One step from x to `output`. A slope per column needs rows of channels.
void add_unary(Lowering& lowering, UnaryFn fn, const kernels::Activation& activation, std::string kernel, ValueId x,
               ValueId output, Layout layout, std::vector<NodeId> nodes) {
  const Place from = lowering.read(x, layout);
  const Place to = lowering.define(output, layout);
  const RowUnits units = activation.slope != nullptr ? channel_rows(from, to) : element_rows(from, to);
  Lowering::Draft draft;
  draft.nodes = std::move(nodes);
  draft.kernel = std::move(kernel);
  draft.reads = {from};
  draft.writes = {to};
  draft.units = units.units;
  draft.flops = static_cast<double>(to.count());
  draft.speed = 0.1;
  lowering.add(std::make_unique<UnaryStep>(fn, activation, from, to, units), std::move(draft));
}

}  // namespace

Declined lower_unary(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  if (!lowering.is_float(x) && node.op_type == "Clip") return lower_typed_clip(lowering, id);
  if (!lowering.is_float(x)) return lower_elements1(lowering, id);
  const Isa isa = lowering.options().isa;
  if (const std::optional<UnaryKind> kind = unary_kind(node.op_type)) {
    add_unary(lowering, kernels::unary_kernel(*kind, isa), {},
              std::string(kernels::unary_kernels()[static_cast<std::size_t>(*kind)].name), x, node.outputs[0],
              lowering.layout_of(x), {id});
    return {};
  }
  const std::optional<kernels::Activation> activation = activation_of(lowering, node, 1);
  if (!activation) return "parameters that are computed in the run";
  add_unary(lowering, kernels::activation_kernel(activation->kind, isa), *activation, "elementwise.activation", x,
            node.outputs[0], lowering.layout_of(x), {id});
  return {};
}

Declined lower_pow(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  const Tensor* exponent = lowering.constant(node.inputs[1]);
  if (!lowering.is_float(x) || exponent == nullptr || exponent->element_count() != 1 ||
      *lowering.dims(x) != *lowering.dims(y))
    return lower_elements(lowering, id);
  double power = 0;
  const bool known = dispatch<float, double, std::int64_t, std::int32_t>(
      exponent->dtype(), [&]<class T>(T) { power = static_cast<double>(exponent->data<T>()[0]); });
  if (known && power == 1) {
    lowering.alias(y, lowering.read(x));
    return {};
  }
  if (!known || power != 2) return lower_elements(lowering, id);
  add_unary(lowering, kernels::unary_kernel(UnaryKind::kSquare, lowering.options().isa), {}, "elementwise.square", x, y,
            lowering.layout_of(x), {id});
  return {};
}

Declined lower_prelu(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  const Dims* dims = lowering.dims(x);
  const Layout layout = lowering.layout_of(x);
  const bool channels_are_columns = layout == Layout::kChannelsLast || (dims != nullptr && dims->size() == 2);
  if (lowering.is_float(x) && channels_are_columns) {
    if (const auto activation = activation_of(lowering, node, 1)) {
      add_unary(lowering, kernels::activation_kernel(activation->kind, lowering.options().isa), *activation,
                "elementwise.activation", x, node.outputs[0], layout, {id});
      return {};
    }
  }
  return lower_binary(lowering, id);
}

}  // namespace cycloid
