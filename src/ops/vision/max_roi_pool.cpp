// MaxRoiPool: regions of interest cut out of feature maps along whole elements, pooled to one size by maximum.
#include "ops/vision/max_roi_pool.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/vision/list.h"

namespace cycloid {

Result<RoiPool> RoiPool::parse(const Node& node) {
  RoiPool a;
  CYCLOID_ASSIGN(a.size, get_ints(node, "pooled_shape"));
  constexpr std::int64_t kMost = 1 << 20;
  if (a.size.size() != 2 || a.size[0] < 1 || a.size[1] < 1 || a.size[0] > kMost || a.size[1] > kMost)
    return invalid_model("pooled_shape must be a height and a width, but is {}", to_string(a.size));
  CYCLOID_ASSIGN(const float scale, get_float(node, "spatial_scale", 1));
  a.scale = static_cast<double>(scale);
  return a;
}

Result<RoiPool::Region> RoiPool::region(std::array<double, 5> box, std::int64_t batch) const {
  if (!(box[0] >= 0 && box[0] < static_cast<double>(batch)))
    return invalid_argument("batch index {} is outside a batch of {}", box[0], batch);
  Region region{.image = static_cast<std::int64_t>(box[0])};
  for (std::size_t i = 0; i < 4; ++i) {
    const double place = std::round(box[i + 1] * scale);
    constexpr double kMost = 1e9;
    if (!(std::abs(place) <= kMost)) return invalid_argument("a region with a corner at {}", box[i + 1]);
    region.corner[i] = static_cast<std::int64_t>(place);
  }
  return region;
}

RoiPool::Bin::Bin(std::int64_t first, std::int64_t last, std::int64_t i, std::int64_t bins, std::int64_t length) {
  const double each = static_cast<double>(std::max<std::int64_t>(last - first + 1, 1)) / static_cast<double>(bins);
  begin = static_cast<std::int64_t>(std::floor(static_cast<double>(i) * each)) + first;
  end = static_cast<std::int64_t>(std::ceil(static_cast<double>(i + 1) * each)) + first;
  begin = std::clamp<std::int64_t>(begin, 0, length);
  end = std::clamp<std::int64_t>(end, 0, length);
}

namespace {

using Bin = RoiPool::Bin;

// X (N, C, H, W), rois (R, 5).
Status check_shapes(const Shape& x, const Shape& rois) {
  if (x.size() != 4 || rois.size() != 2)
    return invalid_argument("X {} and rois {} must have ranks 4 and 2", to_string(x), to_string(rois));
  return check_equal(rois[1], 5, "the last size of rois");
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const RoiPool a, RoiPool::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType rois, input_type(context, 1, kFloats));
  CYCLOID_TRY(check_same_dtype(x, rois, "X and rois"));
  if (x.shape && rois.shape) CYCLOID_TRY(check_shapes(*x.shape, *rois.shape));
  const Dim count = rois.shape && !rois.shape->empty() ? (*rois.shape)[0] : Dim::unknown();
  const Dim channels = x.shape && x.shape->size() > 1 ? (*x.shape)[1] : Dim::unknown();
  context.set_output(0, ValueType::tensor(x.dtype, Shape{count, channels, a.size[0], a.size[1]}));
  return {};
}

// The greatest element; 0 of none.
double most_of(const double* image, std::int64_t width, const Bin& rows, const Bin& columns) {
  if (rows.begin >= rows.end || columns.begin >= columns.end) return 0;
  double most = image[rows.begin * width + columns.begin];
  for (std::int64_t r = rows.begin; r < rows.end; ++r) {
    for (std::int64_t c = columns.begin; c < columns.end; ++c) most = std::max(most, image[r * width + c]);
  }
  return most;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const RoiPool a, RoiPool::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* rois, tensor_input(context, 1, kFloats));
  CYCLOID_TRY(check_shapes(to_shape(x->dims()), to_shape(rois->dims())));
  const Dims dims{rois->dim(0), x->dim(1), a.size[0], a.size[1]};
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, dims));
  CYCLOID_ASSIGN(const std::vector<double> values, doubles(*x));
  CYCLOID_ASSIGN(const std::vector<double> boxes, doubles(*rois));
  std::vector<double> y;
  y.reserve(static_cast<std::size_t>(*element_count(dims)));
  for (std::size_t r = 0; r < static_cast<std::size_t>(rois->dim(0)); ++r) {
    const double* box = boxes.data() + 5 * r;
    CYCLOID_ASSIGN(const RoiPool::Region region, a.region({box[0], box[1], box[2], box[3], box[4]}, x->dim(0)));
    const auto [left, top, right, bottom] = region.corner;
    for (std::int64_t c = 0; c < x->dim(1); ++c) {
      CYCLOID_TRY(check_stop());
      const std::int64_t image = region.image * x->dim(1) + c;
      const double* from = values.data() + image * x->dim(2) * x->dim(3);
      for (std::int64_t i = 0; i < a.size[0]; ++i) {
        const Bin rows(top, bottom, i, a.size[0], x->dim(2));
        for (std::int64_t j = 0; j < a.size[1]; ++j)
          y.push_back(most_of(from, x->dim(3), rows, Bin(left, right, j, a.size[1], x->dim(3))));
      }
    }
  }
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, x->dtype(), dims, y));
  return outputs(std::move(result));
}

}  // namespace

const Op kMaxRoiPool = {.domain = "",
                        .name = "MaxRoiPool",
                        .since = 1,
                        .min_inputs = 2,
                        .max_inputs = 2,
                        .infer = infer,
                        .evaluate = evaluate};

}  // namespace cycloid
