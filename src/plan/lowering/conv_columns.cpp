// Convolutions that conv/ does not take: of float64, of three and more dimensions, with weights that are computed in the run. Columns of
// the window are made for a panel of positions and multiplied while they lie in the cache.
#include <algorithm>

#include "kernels/fold/unfold.h"
#include "kernels/product/product.h"
#include "ops/nn/conv.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

using kernels::ProductPlan;
using kernels::UnfoldParams;

struct ColumnsPlaces {
  Place x, weights, y;
  std::optional<Place> bias;
};

// A unit is a panel of positions of one group of an image.
class ConvColumnsStep final : public Step {
 public:
  ConvColumnsStep(UnfoldParams columns, ProductPlan product, std::int64_t groups, ColumnsPlaces places)
      : columns_(columns), product_(std::move(product)), groups_(groups), places_(std::move(places)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const kernels::ProductParams& p = product_.params;
    const std::int64_t bytes = product_.element_bytes();
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t panel = unit % product_.panels, part = unit / product_.panels, group = part % groups_;
      const std::int64_t first = panel * product_.panel;
      const std::byte* image =
          context.at<const std::byte>(places_.x) + part * columns_.channels * columns_.image() * bytes;
      kernels::unfold_panel(columns_, bytes, image, first, std::min(product_.panel, p.n - first), product_.panel,
                            context.scratch);
      const std::byte* bias = places_.bias ? context.at<const std::byte>(*places_.bias) + group * p.m * bytes : nullptr;
      product_.run_panel(context.at<const std::byte>(places_.weights) + group * p.m * p.k * bytes, context.scratch,
                         bias, context.at<std::byte>(places_.y) + part * p.m * p.n * bytes, panel);
    }
  }

 private:
  UnfoldParams columns_;
  ProductPlan product_;
  std::int64_t groups_;
  ColumnsPlaces places_;
};

}  // namespace

Declined lower_conv_columns(Lowering& lowering, NodeId id, const std::string& reason) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], w = node.inputs[1], b = node.inputs.size() > 2 ? node.inputs[2] : ValueId{};
  const DType type = lowering.dtype(x);
  if (type != DType::kFloat32 && type != DType::kFloat64) return reason;
  for (const ValueId v : {x, w, node.outputs[0]}) {
    if (!lowering.has_elements(v) || lowering.dtype(v) != type) return reason;
  }
  if (b.valid() && (!lowering.has_elements(b) || lowering.dtype(b) != type)) return reason;
  const Dims in = *lowering.dims(x), weights = *lowering.dims(w), out = *lowering.dims(node.outputs[0]);
  const auto attributes = ConvAttributes::parse(node);
  if (!attributes) return attributes.error().message();
  const auto window = attributes->resolve(in, weights);
  if (!window) return window.error().message();
  const std::size_t rank = in.size() - 2;
  if (rank > kernels::kMaxFoldRank) return "a rank that the kernel has not";
  const std::int64_t groups = attributes->group;
  UnfoldParams columns{.rank = static_cast<int>(rank), .axes = {}, .channels = in[1] / groups};
  for (std::size_t i = 0; i < rank; ++i)
    columns.axes[i] = {.image = in[i + 2],
                       .kernel = window->kernel[i],
                       .positions = window->output[i],
                       .stride = window->strides[i],
                       .dilation = window->dilations[i],
                       .pad = window->pads_begin[i]};
  const ProductPlan product = kernels::plan_product(
      {.type = type == DType::kFloat64 ? kernels::ProductType::kFloat64 : kernels::ProductType::kFloat32,
       .m = out[1] / groups,
       .n = columns.positions(),
       .k = columns.channels * columns.kernel(),
       .c_row = 1},
      lowering.options().isa);
  ColumnsPlaces places{
      .x = lowering.read(x, Layout::kRowMajor), .weights = lowering.read(w, Layout::kRowMajor), .y = {}, .bias = {}};
  if (b.valid()) places.bias = lowering.read(b, Layout::kRowMajor);
  places.y = lowering.define(node.outputs[0], Layout::kRowMajor);
  Lowering::Draft draft{.nodes = {id}, .reads = {places.x, places.weights}, .writes = {places.y}};
  if (places.bias) draft.reads.push_back(*places.bias);
  draft.kernel = "columns." + product.name;
  draft.units = in[0] * groups * product.panels;
  draft.scratch_bytes =
      static_cast<std::size_t>(product.params.k * product.panel * product.element_bytes() + 63) / 64 * 64;
  draft.flops = 2.0 * static_cast<double>(in[0] * out[1]) * static_cast<double>(product.params.n) *
                static_cast<double>(product.params.k);
  draft.speed = type == DType::kFloat64 ? 0.3 : 0.4;
  lowering.add(std::make_unique<ConvColumnsStep>(columns, product, groups, std::move(places)), std::move(draft));
  return {};
}

}  // namespace cycloid
