// Cast between float32 and float16 or bfloat16.
#include "kernels/half/half.h"
#include "plan/half.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/rows.h"

namespace cycloid {
namespace {

template <class From, class To>
class ConvertStep final : public Step {
 public:
  using Fn = void (*)(const From*, To*, std::int64_t);
  ConvertStep(Fn fn, Place in, Place out, RowUnits units)
      : fn_(fn), in_(std::move(in)), out_(std::move(out)), units_(units) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const RowRange range = units_.range(begin, end);
    for (std::int64_t r = range.row; r < range.row + range.rows; ++r) {
      fn_(context.at<const From>(in_) + r * units_.strides[0] + range.column,
          context.at<To>(out_) + r * units_.strides[1] + range.column, range.columns);
    }
  }

 private:
  Fn fn_;
  Place in_, out_;
  RowUnits units_;
};

}  // namespace

Declined lower_cast_half(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  const DType from = lowering.dtype(x), to = lowering.dtype(y);
  const bool widens = is_half(from) && to == DType::kFloat32;
  if (!widens && !(from == DType::kFloat32 && is_half(to))) return "a cast between types that no kernel has";
  const Place in = lowering.read(x), out = lowering.define(y, in.layout);
  const RowUnits units = element_rows(in, out);
  const kernels::HalfBodies& kernels = kernels::half_kernels(lowering.options().isa);
  Lowering::Draft draft{.nodes = {id}, .kernel = widens ? "half.widen" : "half.narrow", .reads = {in}, .writes = {out}};
  draft.units = units.units;
  if (widens) {
    const auto fn = from == DType::kFloat16 ? kernels.widen_float16 : kernels.widen_bfloat16;
    lowering.add(std::make_unique<ConvertStep<std::uint16_t, float>>(fn, in, out, units), std::move(draft));
  } else {
    const auto fn = to == DType::kFloat16 ? kernels.narrow_float16 : kernels.narrow_bfloat16;
    lowering.add(std::make_unique<ConvertStep<float, std::uint16_t>>(fn, in, out, units), std::move(draft));
  }
  return {};
}

}  // namespace cycloid
