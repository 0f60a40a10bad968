// GridSample: an image sampled at positions that a grid gives, in [-1, 1] along each axis.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/vision/list.h"

namespace cycloid {
namespace {

constexpr DTypeSet kTypes = kNumbers | kBools;
constexpr std::size_t kMostAxes = 4;  // a cubic sample reads 4 to the power of the axes elements

enum class Mode { kNearest, kLinear, kCubic };
enum class Padding { kZeros, kBorder, kReflection };

struct GridSampleAttributes {
  Mode mode = Mode::kLinear;
  Padding padding = Padding::kZeros;
  bool align_corners = false;

  static Result<GridSampleAttributes> parse(const Node& node) {
    GridSampleAttributes a;
    CYCLOID_ASSIGN(const std::string mode, get_string(node, "mode", "linear"));
    CYCLOID_ASSIGN(const std::string padding, get_string(node, "padding_mode", "zeros"));
    CYCLOID_ASSIGN(const std::int64_t align, get_int(node, "align_corners", 0));
    if (mode == "nearest") {
      a.mode = Mode::kNearest;
    } else if (mode == "cubic") {
      a.mode = Mode::kCubic;
    } else if (mode != "linear") {
      return invalid_model("mode '{}' is none of linear, nearest and cubic", mode);
    }
    if (padding == "border") {
      a.padding = Padding::kBorder;
    } else if (padding == "reflection") {
      a.padding = Padding::kReflection;
    } else if (padding != "zeros") {
      return invalid_model("padding_mode '{}' is none of zeros, border and reflection", padding);
    }
    a.align_corners = align != 0;
    return a;
  }
};

// X (N, C, d...) and a grid (N, e..., r), where r counts the d...: (N, C, e...).
Result<Shape> output_shape(const Shape& x, const Shape& grid) {
  if (x.size() < 3 || grid.size() != x.size())
    return invalid_argument("X {} and the grid {} must have one rank of 3 or more", to_string(x), to_string(grid));
  if (x.size() - 2 > kMostAxes) return unsupported("samples over {} axes", x.size() - 2);
  CYCLOID_TRY(check_equal(x[0], grid[0], "the batches of X and of the grid"));
  CYCLOID_TRY(check_equal(grid.back(), static_cast<std::int64_t>(x.size() - 2), "the grid's coordinates and X's axes"));
  Shape y{known_of(x[0], grid[0]), x[1]};
  y.insert(y.end(), grid.begin() + 1, grid.end() - 1);
  return y;
}

Status infer(InferContext& context) {
  CYCLOID_TRY(GridSampleAttributes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kTypes));
  CYCLOID_ASSIGN(const ValueType grid, input_type(context, 1, kFloats));
  ValueType y = ValueType::tensor(x.dtype);
  if (x.shape && grid.shape) {
    CYCLOID_ASSIGN(y.shape, output_shape(*x.shape, *grid.shape));
  }
  context.set_output(0, std::move(y));
  return {};
}

// A coordinate of [-1, 1] as one of elements. In the grid's own precision, so that ties round as elsewhere.
template <class T>
double denormalized(T n, std::int64_t size, bool align_corners) {
  const auto length = static_cast<T>(size);
  return static_cast<double>(align_corners ? (n + 1) / 2 * (length - 1) : ((n + 1) * length - 1) / 2);
}

// `x` mirrored at both ends of [low, high] until it lies within.
double reflected(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double distance = std::abs(x - low);
  const double rest = std::fmod(distance, range);
  return std::fmod(std::floor(distance / range), 2) == 0 ? low + rest : high - rest;
}

// The elements along one axis that a sample reads, with their weights; index -1: a zero.
struct Taps {
  std::int64_t index[4] = {};
  double weight[4] = {};
  int count = 0;
};

class Axis {
 public:
  Axis(const GridSampleAttributes& a, std::int64_t size) : a_(a), size_(size) {
    low_ = a.align_corners ? 0 : -0.5;
    high_ = static_cast<double>(size) - (a.align_corners ? 1 : 0.5);
  }

  Taps taps(double x) const {
    if (a_.mode == Mode::kNearest) x = std::nearbyint(x);
    const auto size = static_cast<double>(size_);
    if (x < low_ || x > high_) {
      if (a_.padding == Padding::kBorder) x = std::clamp(x, 0.0, size - 1);
      if (a_.padding == Padding::kReflection) x = reflected(x, low_, high_);
    }
    if (std::isnan(x)) x = -3;
    x = std::clamp(x, -3.0, size + 2);  // farther out all positions are alike
    Taps taps;
    const double floor = std::floor(x);
    const auto first = static_cast<std::int64_t>(floor);
    const double t = x - floor;
    switch (a_.mode) {
      case Mode::kNearest: add(taps, first, 1); break;  // x is whole
      case Mode::kLinear:
        add(taps, first, 1 - t);
        add(taps, first + 1, t);
        break;
      case Mode::kCubic:
        add(taps, first - 1, outer(t + 1));
        add(taps, first, inner(t));
        add(taps, first + 1, inner(1 - t));
        add(taps, first + 2, outer(2 - t));
        break;
    }
    return taps;
  }

 private:
  // Keys' cubic convolution with a = -0.75, for distances below 1 and from 1 to 2.
  static double inner(double t) { return (1.25 * t - 2.25) * t * t + 1; }
  static double outer(double t) { return ((-0.75 * t + 3.75) * t - 6) * t + 3; }

  void add(Taps& taps, std::int64_t i, double weight) const {
    if (i < 0 || i >= size_) {
      switch (a_.padding) {
        case Padding::kZeros: i = -1; break;
        case Padding::kBorder: i = std::clamp<std::int64_t>(i, 0, size_ - 1); break;
        case Padding::kReflection:
          i = std::clamp<std::int64_t>(static_cast<std::int64_t>(reflected(static_cast<double>(i), low_, high_)), 0,
                                       size_ - 1);
          break;
      }
    }
    taps.index[taps.count] = i;
    taps.weight[taps.count++] = weight;
  }

  const GridSampleAttributes& a_;
  std::int64_t size_;
  double low_ = 0;
  double high_ = 0;
};

// One element that a sample reads, at an offset within the image.
struct Read {
  std::int64_t offset = 0;
  double weight = 1;
};

std::vector<Read> reads_at(const std::vector<Axis>& axes, const Dims& x, const std::vector<double>& position) {
  std::vector<Read> reads(1);
  std::vector<Read> next;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const Taps taps = axes[i].taps(position[i]);
    next.clear();
    for (const Read& read : reads) {
      for (int t = 0; t < taps.count; ++t) {
        if (taps.index[t] >= 0) next.push_back({read.offset * x[2 + i] + taps.index[t], read.weight * taps.weight[t]});
      }
    }
    std::swap(reads, next);
  }
  return reads;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const GridSampleAttributes a, GridSampleAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kTypes));
  CYCLOID_ASSIGN(const Tensor* grid, tensor_input(context, 1, kFloats));
  CYCLOID_ASSIGN(const Shape y_shape, output_shape(to_shape(x->dims()), to_shape(grid->dims())));
  CYCLOID_ASSIGN(const Dims y_dims, concrete(y_shape));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, y_dims));
  const std::size_t rank = x->rank() - 2;
  std::vector<Axis> axes;
  std::int64_t image = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    if (x->dim(2 + i) < 1 && *element_count(y_dims) > 0) return invalid_argument("an image without elements");
    image *= x->dim(2 + i);
    axes.emplace_back(a, x->dim(2 + i));
  }
  CYCLOID_ASSIGN(const std::vector<double> values, doubles(*x));
  CYCLOID_ASSIGN(const std::vector<double> coordinates, doubles(*grid));
  std::vector<double> y(static_cast<std::size_t>(*element_count(y_dims)));
  const std::int64_t channels = x->dim(1);
  const std::int64_t images = x->dim(0) * channels;
  const std::int64_t positions = images == 0 ? 0 : static_cast<std::int64_t>(y.size()) / images;
  std::vector<double> position(rank);
  for (std::int64_t at = 0; at < (channels == 0 ? 0 : x->dim(0) * positions); ++at) {
    for (std::size_t i = 0; i < rank; ++i) {  // the grid names the last axis first
      const double n = coordinates[static_cast<std::size_t>(at) * rank + rank - 1 - i];
      position[i] = grid->dtype() == DType::kFloat64
                        ? denormalized(n, x->dim(2 + i), a.align_corners)
                        : denormalized(static_cast<float>(n), x->dim(2 + i), a.align_corners);
    }
    const std::vector<Read> reads = reads_at(axes, x->dims(), position);
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t which = at / positions * channels + c;
      double sum = 0;
      for (const Read& read : reads) sum += read.weight * values[static_cast<std::size_t>(which * image + read.offset)];
      y[static_cast<std::size_t>(which * positions + at % positions)] = sum;
    }
  }
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, x->dtype(), y_dims, y));
  return outputs(std::move(result));
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const GridSampleAttributes a, GridSampleAttributes::parse(node));
  const Shape* x = input_shape(graph, node, 0);
  if (x == nullptr || a.mode == Mode::kNearest) return cost_with_flops(graph, node, 0);
  std::int64_t reads = 1;
  for (std::size_t i = 2; i < std::min(x->size(), kMostAxes + 2); ++i) reads *= a.mode == Mode::kCubic ? 4 : 2;
  return cost_per_output(graph, node, 2 * reads);
}

}  // namespace

const Op kGridSample = {.domain = "",
                        .name = "GridSample",
                        .since = 20,
                        .min_inputs = 2,
                        .max_inputs = 2,
                        .infer = infer,
                        .evaluate = evaluate,
                        .cost = cost};

}  // namespace cycloid
