// DeformConv: the image sampled where offsets say, a block of positions at a time, and the products of the samples with the
// weights. Samples of a block stay in L2; all of them, as im2col would make them, are kernel elements times the image.
#include <algorithm>
#include <cstring>

#include "kernels/gemm/gemm.h"
#include "kernels/resample/resample.h"
#include "ops/nn/conv.h"
#include "plan/lowering/vision.h"

namespace cycloid {
namespace {

using kernels::GemmPlan;

// Channels of the input that share offsets and a group of filters.
struct Segment {
  std::int64_t channel = 0, channels = 0;
  std::int64_t to = 0,
               to_step = 0;  // where their samples lie in those of a position, and how far apart kernel elements are
};

struct DeformShape {
  Dims x, y;
  Window window;
  std::int64_t groups = 1, offset_groups = 1;
  std::vector<std::vector<Segment>> segments;  // of each offset group

  std::int64_t elements() const { return window.kernel[0] * window.kernel[1]; }
  std::int64_t taps() const { return x[1] * elements(); }  // of all groups
  std::int64_t positions() const { return y[0] * y[2] * y[3]; }

  void find_segments() {
    const std::int64_t each = x[1] / groups, shared = x[1] / offset_groups;
    for (std::int64_t o = 0; o < offset_groups; ++o) {
      std::vector<Segment>& list = segments.emplace_back();
      for (std::int64_t c = o * shared; c < (o + 1) * shared;) {
        const std::int64_t end = std::min((c / each + 1) * each, (o + 1) * shared);
        list.push_back({c, end - c, c / each * each * elements() + c % each, each});
        c = end;
      }
    }
  }
};

// Where a kernel element of a position reads: up to four pixels between which the sample lies; those outside are zeros.
struct Sample {
  std::array<std::int64_t, 4> pixel;
  std::array<float, 4> weight;
  std::int64_t count = 0;

  Sample(double row, double column, double scale, std::int64_t height, std::int64_t width) {
    if (!(row > -1 && column > -1 && row < static_cast<double>(height) && column < static_cast<double>(width))) return;
    const std::int64_t top = static_cast<std::int64_t>(row + 1) - 1, left = static_cast<std::int64_t>(column + 1) - 1;
    const double down = row - static_cast<double>(top), across = column - static_cast<double>(left);
    const auto add = [&](std::int64_t r, std::int64_t c, double w) {
      if (r < 0 || c < 0 || r >= height || c >= width) return;
      pixel[static_cast<std::size_t>(count)] = r * width + c;
      weight[static_cast<std::size_t>(count++)] = static_cast<float>(scale * w);
    };
    add(top, left, (1 - down) * (1 - across));
    add(top, left + 1, (1 - down) * across);
    add(top + 1, left, down * (1 - across));
    add(top + 1, left + 1, down * across);
  }
};

struct DeformPlaces {
  Place x, offset, y;
  std::optional<Place> bias, mask;
};

// A unit is a block of positions.
class DeformConvStep final : public Step {
 public:
  DeformConvStep(DeformShape shape, GemmPlan plan, kernels::BlendFn blend, DeformPlaces places, const std::byte* packed)
      : shape_(std::move(shape)), plan_(std::move(plan)), blend_(blend), places_(std::move(places)), packed_(packed) {}

  std::int64_t rows() const { return plan_.params.m; }
  std::int64_t units() const { return (shape_.positions() + rows() - 1) / rows(); }
  std::size_t scratch_bytes() const { return samples_bytes() + tail_bytes() + plan_.scratch_bytes; }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    auto* samples = reinterpret_cast<float*>(context.scratch);
    auto* tail = reinterpret_cast<float*>(context.scratch + samples_bytes());
    const std::int64_t m = shape_.y[1], stride = places_.y.pixel_stride;
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t first = unit * rows(), count = std::min(rows(), shape_.positions() - first);
      sample(context, first, count, samples);
      float* y = context.at<float>(places_.y) + first * stride;
      if (count == rows()) {
        multiply(context, samples, y);
        continue;
      }
      // The products are of whole blocks: what they say of rows that are not there is left behind.
      std::fill(samples + count * shape_.taps(), samples + rows() * shape_.taps(), 0.0F);
      multiply(context, samples, tail);
      for (std::int64_t p = 0; p < count; ++p) std::copy_n(tail + p * stride, m, y + p * stride);
    }
  }

 private:
  static std::size_t aligned(std::int64_t floats) {
    return (static_cast<std::size_t>(floats) * sizeof(float) + 63) / 64 * 64;
  }
  std::size_t samples_bytes() const { return aligned(rows() * shape_.taps()); }
  std::size_t tail_bytes() const { return aligned(rows() * places_.y.pixel_stride); }

  void sample(const StepContext& context, std::int64_t first, std::int64_t count, float* to) const {
    const std::int64_t each = shape_.y[2] * shape_.y[3], elements = shape_.elements();
    for (std::int64_t p = 0; p < count;) {
      // Positions of one image.
      const std::int64_t n = (first + p) / each, at = (first + p) % each, run = std::min(count - p, each - at);
      for (std::int64_t o = 0; o < shape_.offset_groups; ++o) {
        for (std::int64_t k = 0; k < elements; ++k) sample_element(context, n, o, k, at, run, to + p * shape_.taps());
      }
      p += run;
    }
  }

  // Of positions [at, at + run) of image n, kernel element k of offset group o.
  void sample_element(const StepContext& context, std::int64_t n, std::int64_t o, std::int64_t k, std::int64_t at,
                      std::int64_t run, float* to) const {
    const Window& w = shape_.window;
    const std::int64_t each = shape_.y[2] * shape_.y[3], height = shape_.x[2], width = shape_.x[3];
    const std::int64_t field = (n * shape_.offset_groups + o) * shape_.elements() + k;
    const float* down = context.at<const float>(places_.offset) + 2 * field * each;
    const float* mask = places_.mask ? context.at<const float>(*places_.mask) + field * each : nullptr;
    const float* image = context.at<const float>(places_.x) + n * height * width * places_.x.pixel_stride;
    const std::int64_t top = k / w.kernel[1] * w.dilations[0] - w.pads_begin[0],
                       left = k % w.kernel[1] * w.dilations[1] - w.pads_begin[1];
    for (std::int64_t p = at; p < at + run; ++p, to += shape_.taps()) {
      const auto row = static_cast<double>(p / shape_.y[3] * w.strides[0] + top),
                 column = static_cast<double>(p % shape_.y[3] * w.strides[1] + left);
      const Sample s(row + static_cast<double>(down[p]), column + static_cast<double>(down[each + p]),
                     mask != nullptr ? static_cast<double>(mask[p]) : 1.0, height, width);
      for (const Segment& segment : shape_.segments[static_cast<std::size_t>(o)]) {
        float* out = to + segment.to + k * segment.to_step;
        if (s.count == 0) {
          std::fill_n(out, segment.channels, 0.0F);
          continue;
        }
        std::array<const float*, 4> pixels;
        for (std::size_t i = 0; i < static_cast<std::size_t>(s.count); ++i)
          pixels[i] = image + s.pixel[i] * places_.x.pixel_stride + segment.channel;
        blend_({pixels.data(), s.weight.data(), s.count, segment.channels, out});
      }
    }
  }

  void multiply(const StepContext& context, const float* samples, float* y) const {
    const std::int64_t taps = shape_.taps() / shape_.groups, filters = shape_.y[1] / shape_.groups;
    for (std::int64_t g = 0; g < shape_.groups; ++g) {
      const kernels::GemmArgs args{
          .a = samples + g * taps,
          .bias = places_.bias ? context.at<const float>(*places_.bias) + g * filters : nullptr,
          .packed = packed_ + static_cast<std::size_t>(g) * packed_stride(plan_),
          .c = y + g * filters,
          .scratch = context.scratch + samples_bytes() + tail_bytes()};
      plan_.run(args, 0, plan_.units);
    }
  }

 public:
  static std::size_t packed_stride(const GemmPlan& plan) { return (plan.packed_bytes + 63) / 64 * 64; }

 private:
  DeformShape shape_;
  GemmPlan plan_;
  kernels::BlendFn blend_;
  DeformPlaces places_;
  const std::byte* packed_;
};

// The products of a block. A is of whole positions, of which a group's product takes its part.
GemmPlan plan_products(const Lowering& lowering, const DeformShape& shape, std::int64_t c_stride, bool has_bias) {
  // 512 KB of samples: a quarter of an L2 of 2 MB, or half of one of 1 MB. At least four register tiles of rows, so that
  // packed weights are used four times from L2; at most so many that small images give several threads work.
  constexpr std::int64_t kFloats = 131072, kFewest = 24, kMost = 96;
  kernels::GemmParams params;
  params.m = std::min(std::clamp(kFloats / shape.taps(), kFewest, kMost), shape.positions());
  params.n = shape.y[1] / shape.groups;
  params.k = shape.taps() / shape.groups;
  params.b_transposed = true;
  params.b_constant = true;
  params.a_stride = shape.taps();
  params.c_stride = c_stride;
  params.has_bias = has_bias;
  auto selection = kernels::select_gemm(params, lowering.options().isa);
  CYCLOID_CHECK(std::holds_alternative<GemmPlan>(selection));
  return std::get<GemmPlan>(std::move(selection));
}

// Weights (M, C / groups, kh, kw) as the samples lie: of each filter first the channels of the first kernel element.
const std::byte* pack_weights(Lowering& lowering, const DeformShape& shape, const GemmPlan& plan,
                              const float* weights) {
  const std::int64_t elements = shape.elements(), each = shape.x[1] / shape.groups, taps = each * elements;
  std::vector<float> ordered(static_cast<std::size_t>(shape.y[1] * taps));
  for (std::int64_t m = 0; m < shape.y[1]; ++m) {
    for (std::int64_t c = 0; c < each; ++c) {
      for (std::int64_t k = 0; k < elements; ++k)
        ordered[static_cast<std::size_t>(m * taps + k * each + c)] = weights[(m * each + c) * elements + k];
    }
  }
  BufferId buffer;
  const std::size_t stride = DeformConvStep::packed_stride(plan);
  std::byte* memory = lowering.constant_memory(stride * static_cast<std::size_t>(shape.groups), buffer);
  for (std::int64_t g = 0; g < shape.groups; ++g)
    plan.pack(ordered.data() + g * plan.params.n * taps, memory + static_cast<std::size_t>(g) * stride);
  return memory;
}

}  // namespace

Declined lower_deform_conv(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const auto input = [&](std::size_t i) { return i < node.inputs.size() ? node.inputs[i] : ValueId{}; };
  for (const std::size_t i : {0, 1, 2, 3, 4}) {
    if (input(i).valid() && (!lowering.is_float(input(i)) || !lowering.has_elements(input(i))))
      return "an input that is empty or not of float32";
  }
  const Tensor* weights = lowering.constant(input(1));
  if (weights == nullptr) return "weights that are computed in the run";
  if (!lowering.has_elements(node.outputs[0])) return "no positions";
  const auto attributes = ConvAttributes::parse(node);
  const Result<std::int64_t> offset_groups = get_int(node, "offset_group", 1);
  if (!attributes || !offset_groups) return "an attribute of another type";
  DeformShape shape{.x = *lowering.dims(input(0)), .y = *lowering.dims(node.outputs[0])};
  auto window = attributes->resolve(shape.x, weights->dims());
  if (!window) return window.error().message();
  shape.window = *std::move(window);
  shape.groups = attributes->group;
  shape.offset_groups = *offset_groups;
  const auto field = [&](std::int64_t each) {
    return Dims{shape.y[0], shape.offset_groups * shape.elements() * each, shape.y[2], shape.y[3]};
  };
  if (*lowering.dims(input(2)) != field(2) || (input(4).valid() && *lowering.dims(input(4)) != field(1)) ||
      (input(3).valid() && *lowering.dims(input(3)) != Dims{shape.y[1]}))
    return "an offset, mask or bias of another shape";
  shape.find_segments();
  DeformPlaces places{.x = lowering.read(input(0), Layout::kChannelsLast),
                      .offset = lowering.read(input(2), Layout::kRowMajor),
                      .y = lowering.define(node.outputs[0], Layout::kChannelsLast),
                      .bias = {},
                      .mask = {}};
  Lowering::Draft draft{.nodes = {id}, .reads = {places.x, places.offset}, .writes = {places.y}};
  for (const auto& [i, place] : {std::pair{3, &places.bias}, std::pair{4, &places.mask}}) {
    const ValueId id_of = input(static_cast<std::size_t>(i));
    if (!id_of.valid()) continue;
    *place = lowering.read(id_of, Layout::kRowMajor);
    draft.reads.push_back(**place);
  }
  const GemmPlan plan = plan_products(lowering, shape, places.y.pixel_stride, places.bias.has_value());
  const std::byte* packed = pack_weights(lowering, shape, plan, weights->data<float>().data());
  draft.kernel = "deform." + std::string(plan.name);
  draft.flops = 2.0 * static_cast<double>(shape.positions() * shape.y[1] * (shape.taps() / shape.groups));
  draft.arithmetic = draft.flops + 8.0 * static_cast<double>(shape.positions() * shape.taps());
  draft.bytes = static_cast<double>(weights->byte_count());
  draft.speed = 0.3;
  auto step = std::make_unique<DeformConvStep>(std::move(shape), plan, kernels::blend_kernel(lowering.options().isa),
                                               std::move(places), packed);
  draft.units = step->units();
  draft.scratch_bytes = step->scratch_bytes();
  lowering.add(std::move(step), std::move(draft));
  return {};
}

}  // namespace cycloid
