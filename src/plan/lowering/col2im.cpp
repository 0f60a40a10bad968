#include "kernels/fold/fold.h"
#include "ops/nn/window.h"
#include "plan/lowering/vision.h"

namespace cycloid {
namespace {

using kernels::FoldPlan;
using kernels::FoldType;

std::optional<FoldType> fold_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return FoldType::kFloat32;
    case DType::kFloat64: return FoldType::kFloat64;
    case DType::kInt8:
    case DType::kUInt8: return FoldType::kInt8;
    case DType::kInt16:
    case DType::kUInt16: return FoldType::kInt16;
    case DType::kInt32:
    case DType::kUInt32: return FoldType::kInt32;
    case DType::kInt64:
    case DType::kUInt64: return FoldType::kInt64;
    default: return {};
  }
}

// A unit is some rows of a plane.
class Col2ImStep final : public Step {
 public:
  Col2ImStep(FoldPlan plan, Place x, Place y) : plan_(plan), x_(std::move(x)), y_(std::move(y)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    plan_.run(context.at<const void>(x_), context.at<void>(y_), begin, end);
  }

 private:
  FoldPlan plan_;
  Place x_, y_;
};

}  // namespace

Declined lower_col2im(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const auto type = fold_type(lowering.dtype(node.inputs[0]));
  const Tensor* block = lowering.constant(node.inputs[2]);
  if (!type) return "no kernel for this type";
  if (block == nullptr) return "a block_shape that is computed in the run";
  if (!lowering.has_elements(node.inputs[0]) || !lowering.has_elements(node.outputs[0])) return "no elements";
  const Dims x = *lowering.dims(node.inputs[0]), y = *lowering.dims(node.outputs[0]);
  const Dims image(y.begin() + 2, y.end()), kernel = to_int64s(*block);
  if (kernel.size() != image.size() || kernel.empty() || kernel.size() > kernels::kMaxFoldRank)
    return "a rank that the kernel has not";
  const auto attributes = WindowAttributes::parse(node);
  if (!attributes) return attributes.error().message();
  if (Status status = check_sizes(kernel, 1, "block_shape"); !status) return status.error().message();
  if (Status status = attributes->check_rank(image.size()); !status) return status.error().message();
  const auto window = attributes->resolve(image, kernel);
  if (!window) return window.error().message();
  std::array<kernels::FoldAxis, kernels::kMaxFoldRank> axes;
  for (std::size_t i = 0; i < image.size(); ++i)
    axes[i] = {.image = image[i],
               .kernel = kernel[i],
               .positions = window->output[i],
               .stride = window->strides[i],
               .dilation = window->dilations[i],
               .pad = window->pads_begin[i]};
  const FoldPlan plan = kernels::plan_fold(axes.data(), static_cast<int>(image.size()), *type, lowering.options().isa);
  if (x.size() != 3 || x[1] != y[1] * plan.kernel || x[2] != plan.positions) return "columns that do not fit the image";
  const Place from = lowering.read(node.inputs[0], Layout::kRowMajor),
              to = lowering.define(node.outputs[0], Layout::kRowMajor);
  Lowering::Draft draft{.nodes = {id}, .kernel = "fold", .reads = {from}, .writes = {to}};
  draft.units = plan.units(y[0] * y[1]);
  draft.flops = static_cast<double>(from.count());
  draft.cost_ns = static_cast<double>(from.bytes()) / (axes[image.size() - 1].stride == 1 ? 16 : 6);
  lowering.add(std::make_unique<Col2ImStep>(plan, from, to), std::move(draft));
  return {};
}

}  // namespace cycloid
