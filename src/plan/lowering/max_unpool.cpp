#include <algorithm>

#include "base/error.h"
#include "kernels/gather/gather.h"
#include "ops/nn/window.h"
#include "plan/lowering/vision.h"

namespace cycloid {
namespace {

using kernels::Unpooling;

// Indices count over the whole result, but pooling takes each plane's elements from that plane. So planes are made side by
// side, each says whether that was so, and the step after them makes all of it once more where it was not.
struct UnpoolPlaces {
  Place x, indices, y, strays;  // strays: of each plane 1 where an index leads out of it
};

class PlanesStep final : public Step {
 public:
  PlanesStep(Unpooling at, UnpoolPlaces places) : at_(at), places_(std::move(places)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    auto* strays = context.at<std::uint8_t>(places_.strays);
    for (std::int64_t p = begin; p < end; ++p)
      strays[p] =
          !kernels::unpool(at_, context.at<const void>(places_.x), context.at<const std::int64_t>(places_.indices),
                           context.at<void>(places_.y), p, p + 1);
  }

 private:
  Unpooling at_;
  UnpoolPlaces places_;
};

class StraysStep final : public Step {
 public:
  StraysStep(Unpooling at, UnpoolPlaces places) : at_(at), places_(std::move(places)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const auto* strays = context.at<const std::uint8_t>(places_.strays);
    if (begin == end || std::find(strays, strays + at_.planes, 1) == strays + at_.planes) return;
    const auto outside =
        kernels::unpool_all(at_, context.at<const void>(places_.x), context.at<const std::int64_t>(places_.indices),
                            context.at<void>(places_.y));
    if (outside) context.run->fail(invalid_argument("index {} is outside of what was pooled", *outside));
  }

 private:
  Unpooling at_;
  UnpoolPlaces places_;
};

// Sizes and strides of a plane of what was pooled, within one of y.
Declined unpooling_of(const Node& node, const Dims& x, const Dims& y, Unpooling& at) {
  const auto window = WindowAttributes::parse(node);
  if (!window) return window.error().message();
  const std::size_t rank = x.size() - 2;
  if (Status status = window->check_rank(rank); !status) return status.error().message();
  if (window->kernel_shape.size() != rank || y.size() != x.size() || x[0] != y[0] || x[1] != y[1])
    return "an output_shape of other planes";
  at.rank = static_cast<int>(rank);
  at.planes = x[0] * x[1];
  at.per_plane = at.plane = at.y_plane = 1;
  for (std::size_t i = rank; i-- > 0;) {
    at.size[i] =
        (x[i + 2] - 1) * window->stride(i) + window->kernel_shape[i] - window->pad_begin(i) - window->pad_end(i);
    if (at.size[i] <= 0 || at.size[i] > y[i + 2]) return "an output_shape that is too small";
    at.stride[i] = at.y_plane;
    at.padded = at.padded || at.size[i] != y[i + 2];
    at.per_plane *= x[i + 2];
    at.plane *= at.size[i];
    at.y_plane *= y[i + 2];
  }
  return {};
}

}  // namespace

Declined lower_max_unpool(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  for (const ValueId value : {node.inputs[0], node.inputs[1], node.outputs[0]}) {
    if (!lowering.has_elements(value)) return "no elements, or an output_shape that is computed in the run";
  }
  const Dims x = *lowering.dims(node.inputs[0]), y = *lowering.dims(node.outputs[0]);
  const std::size_t bytes = size_of(lowering.dtype(node.inputs[0]));
  if (x.size() < 3 || x.size() > kernels::kMaxIndexedRank || *lowering.dims(node.inputs[1]) != x)
    return "a rank that the kernel has not, or indices of another shape";
  Unpooling at{.element_bytes = static_cast<std::int64_t>(bytes)};
  if (Declined reason = unpooling_of(node, x, y, at); !reason.empty()) return reason;
  const UnpoolPlaces places{.x = lowering.read(node.inputs[0], Layout::kRowMajor),
                            .indices = lowering.read(node.inputs[1], Layout::kRowMajor),
                            .y = lowering.define(node.outputs[0], Layout::kRowMajor),
                            .strays = lowering.temporary(DType::kUInt8, {at.planes})};
  Lowering::Draft planes{
      .nodes = {id}, .kernel = "gather", .reads = {places.x, places.indices}, .writes = {places.y, places.strays}};
  planes.units = at.planes;
  planes.cost_ns = static_cast<double>(places.y.bytes()) / 16 + static_cast<double>(places.x.count());
  lowering.add(std::make_unique<PlanesStep>(at, places), std::move(planes));
  Lowering::Draft strays{.nodes = {id},
                         .op = "MaxUnpool's strays",
                         .kernel = "gather",
                         .reads = {places.x, places.indices, places.strays},
                         .writes = {places.y}};
  strays.cost_ns = 0.1 * static_cast<double>(at.planes);
  lowering.add(std::make_unique<StraysStep>(at, places), std::move(strays));
  return {};
}

}  // namespace cycloid
