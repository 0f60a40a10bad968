// RoiAlign: regions of interest cut out of feature maps, pooled to one size.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/vision/list.h"

namespace cycloid {
namespace {

struct RoiAlignAttributes {
  bool half_pixel = true;
  bool max = false;  // pool by maximum, not average
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t sampling_ratio = 0;  // samples along a bin's side; 0: one an element
  double scale = 1;                 // of the boxes' coordinates

  static Result<RoiAlignAttributes> parse(const Node& node) {
    RoiAlignAttributes a;
    CYCLOID_ASSIGN(const std::string mode, get_string(node, "mode", "avg"));
    CYCLOID_ASSIGN(const std::string transform, get_string(node, "coordinate_transformation_mode", "half_pixel"));
    CYCLOID_ASSIGN(a.height, get_int(node, "output_height", 1));
    CYCLOID_ASSIGN(a.width, get_int(node, "output_width", 1));
    CYCLOID_ASSIGN(a.sampling_ratio, get_int(node, "sampling_ratio", 0));
    CYCLOID_ASSIGN(const float scale, get_float(node, "spatial_scale", 1));
    if (mode != "avg" && mode != "max") return invalid_model("mode '{}' is neither avg nor max", mode);
    if (transform != "half_pixel" && transform != "output_half_pixel")
      return invalid_model("coordinate_transformation_mode '{}' is not known", transform);
    constexpr std::int64_t kMost = 1 << 20;
    if (a.height < 1 || a.width < 1 || a.height > kMost || a.width > kMost)
      return invalid_model("an output of {} x {}", a.height, a.width);
    if (a.sampling_ratio < 0 || a.sampling_ratio > kMost)
      return invalid_model("sampling_ratio {} is out of range", a.sampling_ratio);
    a.max = mode == "max";
    a.half_pixel = transform == "half_pixel";
    a.scale = static_cast<double>(scale);
    return a;
  }
};

// X (N, C, H, W), boxes (R, 4), batch indices (R).
Status check_shapes(const Shape& x, const Shape& rois, const Shape& batches) {
  if (x.size() != 4 || rois.size() != 2 || batches.size() != 1) {
    return invalid_argument("X {}, rois {} and batch_indices {} must have ranks 4, 2 and 1", to_string(x),
                            to_string(rois), to_string(batches));
  }
  CYCLOID_TRY(check_equal(rois[1], 4, "the last size of rois"));
  return check_equal(rois[0], batches[0], "the number of rois and of batch_indices");
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const RoiAlignAttributes a, RoiAlignAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType rois, input_type(context, 1, kFloats));
  CYCLOID_ASSIGN(const ValueType batches, input_type(context, 2, kInt64Type));
  CYCLOID_TRY(check_same_dtype(x, rois, "X and rois"));
  if (x.shape && rois.shape && batches.shape) CYCLOID_TRY(check_shapes(*x.shape, *rois.shape, *batches.shape));
  Dim count = Dim::unknown();
  if (rois.shape && !rois.shape->empty()) count = (*rois.shape)[0];
  if (batches.shape && !batches.shape->empty() && !count.is_known()) count = (*batches.shape)[0];
  Dim channels = x.shape && x.shape->size() > 1 ? (*x.shape)[1] : Dim::unknown();
  context.set_output(0, ValueType::tensor(x.dtype, Shape{count, channels, a.height, a.width}));
  return {};
}

// The samples of a box along one axis: where they start, how far apart they are, and how many a bin has.
struct Side {
  double start = 0;
  double step = 0;
  std::int64_t samples = 0;

  static Result<Side> make(const RoiAlignAttributes& a, double low, double high, std::int64_t bins) {
    const double shift = a.half_pixel ? 0.5 : 0;
    Side side;
    side.start = low * a.scale - shift;
    double length = high * a.scale - shift - side.start;
    if (!a.half_pixel) length = std::max(length, 1.0);
    const double bin = length / static_cast<double>(bins);
    constexpr double kMostSamples = 4096;  // of a bin's side: a box of that many elements is no region of a feature map
    if (!std::isfinite(side.start) || !std::isfinite(bin) || (a.sampling_ratio == 0 && bin > kMostSamples))
      return invalid_argument("a region from {} to {}", low, high);
    // A box whose ends are exchanged has none.
    side.samples = a.sampling_ratio > 0 ? a.sampling_ratio : static_cast<std::int64_t>(std::ceil(std::max(bin, 0.0)));
    side.step = side.samples > 0 ? bin / static_cast<double>(side.samples) : 0;
    return side;
  }
  double at(std::int64_t i) const { return start + (static_cast<double>(i) + 0.5) * step; }
};

// The two elements that a sample between them reads, and their weights; 0 and 0 outside.
struct Pair {
  std::int64_t index[2] = {0, 0};
  double weight[2] = {0, 0};

  Pair(double x, std::int64_t size) {
    if (x < -1 || x > static_cast<double>(size)) return;
    x = std::clamp(x, 0.0, static_cast<double>(size - 1));
    index[0] = static_cast<std::int64_t>(x);
    index[1] = std::min(index[0] + 1, size - 1);
    weight[1] = x - static_cast<double>(index[0]);
    weight[0] = 1 - weight[1];
  }
};

double pool_bin(const RoiAlignAttributes& a, const double* image, std::int64_t width, const std::vector<Pair>& rows,
                const std::vector<Pair>& columns) {
  double result = 0;
  bool first = true;
  for (const Pair& row : rows) {
    for (const Pair& column : columns) {
      for (int i = 0; i < 4; ++i) {
        const double value =
            row.weight[i / 2] * column.weight[i % 2] * image[row.index[i / 2] * width + column.index[i % 2]];
        if (!a.max) {
          result += value;
        } else if (first || value > result) {  // the standard's maximum is over the weighted elements, not the samples
          result = value;
        }
        first = false;
      }
    }
  }
  return a.max ? result : result / static_cast<double>(std::max<std::size_t>(rows.size() * columns.size(), 1));
}

std::vector<Pair> pairs_of(const Side& side, std::int64_t bin, std::int64_t size) {
  std::vector<Pair> pairs;
  for (std::int64_t i = 0; i < side.samples; ++i) pairs.emplace_back(side.at(bin * side.samples + i), size);
  return pairs;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const RoiAlignAttributes a, RoiAlignAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* rois, tensor_input(context, 1, kFloats));
  CYCLOID_ASSIGN(const Tensor* batch_tensor, tensor_input(context, 2, kInt64Type));
  CYCLOID_TRY(check_shapes(to_shape(x->dims()), to_shape(rois->dims()), to_shape(batch_tensor->dims())));
  const Dims dims{rois->dim(0), x->dim(1), a.height, a.width};
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, dims));
  const std::int64_t height = x->dim(2);
  const std::int64_t width = x->dim(3);
  if ((height < 1 || width < 1) && rois->dim(0) > 0) return invalid_argument("X has no elements");
  CYCLOID_ASSIGN(const std::vector<double> values, doubles(*x));
  CYCLOID_ASSIGN(const std::vector<double> boxes, doubles(*rois));
  const std::vector<std::int64_t> batches = to_int64s(*batch_tensor);
  std::vector<double> y;
  y.reserve(static_cast<std::size_t>(*element_count(dims)));
  for (std::size_t r = 0; r < batches.size(); ++r) {
    if (batches[r] < 0 || batches[r] >= x->dim(0))
      return invalid_argument("batch index {} is outside a batch of {}", batches[r], x->dim(0));
    const double* box = boxes.data() + 4 * r;
    CYCLOID_ASSIGN(const Side columns, Side::make(a, box[0], box[2], a.width));
    CYCLOID_ASSIGN(const Side rows, Side::make(a, box[1], box[3], a.height));
    for (std::int64_t c = 0; c < x->dim(1); ++c) {
      const double* image = values.data() + (batches[r] * x->dim(1) + c) * height * width;
      for (std::int64_t i = 0; i < a.height; ++i) {
        CYCLOID_TRY(check_stop());
        const std::vector<Pair> row_pairs = pairs_of(rows, i, height);
        for (std::int64_t j = 0; j < a.width; ++j)
          y.push_back(pool_bin(a, image, width, row_pairs, pairs_of(columns, j, width)));
      }
    }
  }
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, x->dtype(), dims, y));
  return outputs(std::move(result));
}

}  // namespace

const Op kRoiAlign = {.domain = "",
                      .name = "RoiAlign",
                      .since = 16,
                      .min_inputs = 3,
                      .max_inputs = 3,
                      .infer = infer,
                      .evaluate = evaluate};

}  // namespace cycloid
