// QLinearGlobalAveragePool and QLinearSoftmax of com.microsoft.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "plan/lowering/lowerings.h"
#include "plan/lowering/quantized.h"

namespace cycloid {
namespace {

// Input i and the one after it: a scale and a zero point.
struct Quantization {
  float scale = 1;
  std::int32_t zero = 0;

  static std::optional<Quantization> of(const Lowering& lowering, const Node& node, std::size_t i) {
    const auto scale = constant_number(lowering, node, i, 1), zero = constant_number(lowering, node, i + 1, 0);
    if (!scale || !zero) return {};
    return Quantization{static_cast<float>(*scale), static_cast<std::int32_t>(*zero)};
  }
};

// The byte of a value whose zero point was added; NaN is the zero point.
template <class T>
T saturated(float real, std::int32_t zero) {
  if (std::isnan(real)) return static_cast<T>(zero);
  constexpr std::int32_t kLow = std::is_signed_v<T> ? -128 : 0, kHigh = kLow + 255;
  const float bounded = std::clamp(real, -1024.0F, 1024.0F);  // beyond every byte, and exact as an integer
  return static_cast<T>(std::clamp(static_cast<std::int32_t>(std::lrintf(bounded)) + zero, kLow, kHigh));
}

// y[n][c] = the mean of x over `pixels`; a unit is some channels of an image.
class QpoolStep final : public Step {
 public:
  static constexpr std::int64_t kChannels = 64;
  QpoolStep(Place x, Place y, std::int64_t images, std::int64_t channels, std::int64_t pixels, bool last,
            Quantization from, Quantization to)
      : x_(std::move(x)),
        y_(std::move(y)),
        images_(images),
        channels_(channels),
        pixels_(pixels),
        last_(last),
        zero_(from.zero),
        to_(to) {
    // As ONNX Runtime computes it: one factor in float32.
    factor_ = from.scale / (to.scale * static_cast<float>(pixels));
    pixel_step_ = last ? (x_.layout == Layout::kChannelsLast ? x_.pixel_stride : channels) : 1;
  }
  std::int64_t units() const { return images_ * ((channels_ + kChannels - 1) / kChannels); }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    x_.dtype == DType::kInt8 ? run_as<std::int8_t>(context, begin, end) : run_as<std::uint8_t>(context, begin, end);
  }

 private:
  template <class T>
  void run_as(const StepContext& context, std::int64_t begin, std::int64_t end) const {
    const std::int64_t parts = (channels_ + kChannels - 1) / kChannels;
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t n = unit / parts, first = unit % parts * kChannels;
      const std::int64_t count = std::min(kChannels, channels_ - first);
      std::array<std::int64_t, kChannels> sums{};
      const T* x = context.at<const T>(x_);
      last_ ? add_pixels(x + n * pixels_ * pixel_step_ + first, count, sums)
            : add_rows(x + (n * channels_ + first) * pixels_, count, sums);
      T* y = context.at<T>(y_) + n * channels_ + first;
      for (std::int64_t c = 0; c < count; ++c) {
        const std::int64_t sum = sums[static_cast<std::size_t>(c)] - pixels_ * zero_;
        y[c] = saturated<T>(static_cast<float>(sum) * factor_, to_.zero);
      }
    }
  }

  // A few pixels at a time in 16 bits, which 128 bytes do not fill.
  template <class T>
  void add_pixels(const T* x, std::int64_t count, std::array<std::int64_t, kChannels>& sums) const {
    constexpr std::int64_t kAtOnce = 128;
    for (std::int64_t p = 0; p < pixels_; p += kAtOnce) {
      std::array<std::int16_t, kChannels> some{};
      for (std::int64_t i = p; i < std::min(p + kAtOnce, pixels_); ++i) {
        const T* pixel = x + i * pixel_step_;
        if (count == kChannels) {
          for (std::int64_t c = 0; c < kChannels; ++c)
            some[static_cast<std::size_t>(c)] = static_cast<std::int16_t>(some[static_cast<std::size_t>(c)] + pixel[c]);
        } else {
          for (std::int64_t c = 0; c < count; ++c)
            some[static_cast<std::size_t>(c)] = static_cast<std::int16_t>(some[static_cast<std::size_t>(c)] + pixel[c]);
        }
      }
      for (std::size_t c = 0; c < some.size(); ++c) sums[c] += some[c];
    }
  }

  template <class T>
  void add_rows(const T* x, std::int64_t count, std::array<std::int64_t, kChannels>& sums) const {
    constexpr std::int64_t kAtOnce = std::int64_t{1} << 20;  // int32 holds as many bytes
    for (std::int64_t c = 0; c < count; ++c, x += pixels_) {
      for (std::int64_t p = 0; p < pixels_; p += kAtOnce) {
        std::int32_t some = 0;
        for (std::int64_t i = p; i < std::min(p + kAtOnce, pixels_); ++i) some += x[i];
        sums[static_cast<std::size_t>(c)] += some;
      }
    }
  }

  Place x_, y_;
  std::int64_t images_, channels_, pixels_;
  bool last_;
  std::int32_t zero_;
  Quantization to_;
  float factor_ = 1;
  std::int64_t pixel_step_ = 1;
};

// The softmax of `lanes` lanes; a unit is a lane. Exponentials come from a table by how far a byte is below its lane's
// greatest.
class QsoftmaxStep final : public Step {
 public:
  QsoftmaxStep(Place x, Place y, std::int64_t length, std::int64_t inner, float x_scale, Quantization to)
      : x_(std::move(x)), y_(std::move(y)), length_(length), inner_(inner), to_(to) {
    for (std::size_t d = 0; d < 256; ++d)
      exponentials_[d] = std::exp(-static_cast<double>(d) * static_cast<double>(x_scale));
  }
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    x_.dtype == DType::kInt8 ? run_as<std::int8_t>(context, begin, end) : run_as<std::uint8_t>(context, begin, end);
  }

 private:
  // To the nearest integer, ties to even, for |x| < 2^31: the sum's last bits are the integer.
  static std::int32_t nearest(double x) {
    constexpr double kShift = 6755399441055744.0;  // 1.5 * 2^52
    return static_cast<std::int32_t>(std::bit_cast<std::uint64_t>(x + kShift));
  }

  template <class T>
  void run_as(const StepContext& context, std::int64_t begin, std::int64_t end) const {
    constexpr std::int32_t kLow = std::is_signed_v<T> ? -128 : 0, kHigh = kLow + 255;
    for (std::int64_t lane = begin; lane < end; ++lane) {
      const std::int64_t start = lane / inner_ * length_ * inner_ + lane % inner_;
      const T* x = context.at<const T>(x_) + start;
      T* y = context.at<T>(y_) + start;
      T most = x[0];
      for (std::int64_t i = 1; i < length_; ++i) most = std::max(most, x[i * inner_]);
      const double* const table = exponentials_.data();
      double sums[4] = {};
      std::int64_t i = 0;
      for (; i + 4 <= length_; i += 4) {
        for (std::int64_t k = 0; k < 4; ++k) sums[k] += table[most - x[(i + k) * inner_]];
      }
      for (; i < length_; ++i) sums[0] += table[most - x[i * inner_]];
      const double factor = 1 / ((sums[0] + sums[1]) + (sums[2] + sums[3])) / static_cast<double>(to_.scale);
      for (i = 0; i < length_; ++i) {
        const double real = std::min(table[most - x[i * inner_]] * factor, 1024.0);
        y[i * inner_] = static_cast<T>(std::clamp(nearest(real) + to_.zero, kLow, kHigh));
      }
    }
  }

  Place x_, y_;
  std::int64_t length_, inner_;
  Quantization to_;
  std::array<double, 256> exponentials_{};
};

}  // namespace

Declined lower_qlinear_global_pool(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<std::int64_t> last = get_int(node, "channels_last", 0);
  const auto from = Quantization::of(lowering, node, 1), to = Quantization::of(lowering, node, 3);
  if (!last) return "an attribute of another type";
  if (!is_byte(lowering.dtype(node.inputs[0]))) return "only 8-bit integers are native";
  if (!from || !to) return "scales or zero points that are computed in the run";
  const Dims dims = *lowering.dims(node.inputs[0]);
  if (dims.size() < 2 || !lowering.has_elements(node.inputs[0])) return "an input without pixels";
  const std::int64_t channels = *last != 0 ? dims.back() : dims[1];
  const std::int64_t pixels = *element_count(dims) / (dims[0] * channels);
  const Layout layout = *last != 0 ? Layout::kRowMajor : lowering.layout_of(node.inputs[0]);
  const Place x = lowering.read(node.inputs[0], layout), y = lowering.define(node.outputs[0], Layout::kRowMajor);
  auto step = std::make_unique<QpoolStep>(x, y, dims[0], channels, pixels,
                                          *last != 0 || layout == Layout::kChannelsLast, *from, *to);
  Lowering::Draft draft{.nodes = {id}, .kernel = "qlinear.pool", .reads = {x}, .writes = {y}};
  draft.units = step->units();
  draft.flops = static_cast<double>(x.count());
  draft.speed = 0.1;
  lowering.add(std::move(step), std::move(draft));
  return {};
}

Declined lower_qlinear_softmax(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<std::int64_t> opset = get_int(node, "opset", 0), given = get_int(node, "axis", -1);
  const auto from = Quantization::of(lowering, node, 1), to = Quantization::of(lowering, node, 3);
  if (!opset || !given) return "an attribute of another type";
  if (!is_byte(lowering.dtype(node.inputs[0]))) return "only 8-bit integers are native";
  if (!from || !to) return "scales or zero points that are computed in the run";
  if (!std::isfinite(from->scale) || !std::isfinite(to->scale) || from->scale < 0 || to->scale <= 0)
    return "a scale that is no positive number";
  const Dims dims = *lowering.dims(node.inputs[0]);
  const auto rank = static_cast<std::int64_t>(dims.size());
  const std::int64_t axis = *given < 0 ? *given + rank : *given;
  if (axis < 0 || axis >= rank || !lowering.has_elements(node.inputs[0])) return "an axis beyond the rank";
  std::int64_t outer = 1, inner = 1;
  for (std::int64_t i = 0; i < axis; ++i) outer *= dims[static_cast<std::size_t>(i)];
  for (std::int64_t i = axis + 1; i < rank; ++i) inner *= dims[static_cast<std::size_t>(i)];
  std::int64_t length = dims[static_cast<std::size_t>(axis)];
  if (*opset < 13) {
    length *= inner;
    inner = 1;
  }
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor);
  const Place y = lowering.define(node.outputs[0], Layout::kRowMajor);
  Lowering::Draft draft{.nodes = {id}, .kernel = "qlinear.softmax", .reads = {x}, .writes = {y}};
  draft.units = outer * inner;
  draft.cost_ns = static_cast<double>(x.count()) + 300 * static_cast<double>(draft.units);
  lowering.add(std::make_unique<QsoftmaxStep>(x, y, length, inner, from->scale, *to), std::move(draft));
  return {};
}

}  // namespace cycloid
