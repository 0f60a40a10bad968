// MaxRoiPool: the largest of the pixels of each bin, for all channels at once.
#include "ops/vision/max_roi_pool.h"

#include "plan/lowering/blending.h"
#include "plan/lowering/vision.h"

namespace cycloid {
namespace {

// A unit is a row of bins of one region.
class MaxRoiPoolStep final : public Step {
 public:
  MaxRoiPoolStep(kernels::BlendFn fn, RoiPool pool, Place x, Place rois, Place y)
      : fn_(fn), pool_(std::move(pool)), x_(std::move(x)), rois_(std::move(rois)), y_(std::move(y)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::int64_t height = pool_.size[0], width = pool_.size[1];
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const float* roi = context.at<const float>(rois_) + unit / height * 5;
      std::array<double, 5> box;
      std::copy_n(roi, 5, box.begin());
      const Result<RoiPool::Region> region = pool_.region(box, x_.dims[0]);
      if (!region) {
        context.run->fail(region.error());
        return;
      }
      const auto [left, top, right, bottom] = region->corner;
      const RoiPool::Bin rows(top, bottom, unit % height, height, x_.dims[2]);
      for (std::int64_t j = 0; j < width; ++j)
        pool_bin(context, region->image, rows, RoiPool::Bin(left, right, j, width, x_.dims[3]), unit * width + j);
    }
  }

 private:
  void pool_bin(const StepContext& context, std::int64_t image, const RoiPool::Bin& rows, const RoiPool::Bin& columns,
                std::int64_t to) const {
    const std::int64_t width = x_.dims[3], stride = x_.pixel_stride;
    const float* from = context.at<const float>(x_) + image * x_.dims[2] * width * stride;
    Blending blending(fn_, x_.channels(), context.at<float>(y_) + to * y_.pixel_stride);
    for (std::int64_t r = rows.begin; r < rows.end; ++r) {
      for (std::int64_t c = columns.begin; c < columns.end; ++c) blending.add(from + (r * width + c) * stride, 1);
    }
    blending.finish();
  }

  kernels::BlendFn fn_;
  RoiPool pool_;
  Place x_, rois_, y_;
};

}  // namespace

Declined lower_max_roi_pool(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  if (!lowering.is_float(node.inputs[0])) return "only float32 is native";
  if (!lowering.has_elements(node.inputs[0])) return "an input without pixels";
  auto pool = RoiPool::parse(node);
  if (!pool) return pool.error().message();
  const Dims x = *lowering.dims(node.inputs[0]), rois = *lowering.dims(node.inputs[1]);
  if (x.size() != 4 || rois.size() != 2 || rois[1] != 5) return "regions of anything but images";
  const Place from = lowering.read(node.inputs[0], Layout::kChannelsLast);
  const Place boxes = lowering.read(node.inputs[1], Layout::kRowMajor);
  const Place to = lowering.define(node.outputs[0], Layout::kChannelsLast);
  Lowering::Draft draft{.nodes = {id}, .kernel = "resample", .reads = {from, boxes}, .writes = {to}};
  draft.units = rois[0] * pool->size[0];
  // As if each region had a quarter of the image.
  draft.flops = static_cast<double>(from.count()) / static_cast<double>(4 * x[0]) * static_cast<double>(rois[0]);
  draft.speed = 0.1;
  lowering.add(std::make_unique<MaxRoiPoolStep>(kernels::largest_kernel(lowering.options().isa), *std::move(pool), from,
                                                boxes, to),
               std::move(draft));
  return {};
}

}  // namespace cycloid
