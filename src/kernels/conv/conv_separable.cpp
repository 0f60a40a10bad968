#include "kernels/conv/conv_separable.h"

#include <algorithm>

#include "base/aligned.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kFloat = sizeof(float);

// Pixels of a unit, at least: a panel of weights that comes from L2 then serves so many rows of the product that it is not
// waited for (a vector of it for 28 multiply-adds).
constexpr int64_t kUnitPixels = 56;

std::string why_not(const ConvParams& d, const ConvParams& p) {
  if (d.groups != d.in_c || d.out_c != d.in_c) return "the first convolution is not depthwise";
  if (d.has_residual) return "a residual is added in between";
  if (p.kernel_h != 1 || p.kernel_w != 1 || p.stride_h != 1 || p.stride_w != 1 || p.groups != 1 || p.pad_top != 0 ||
      p.pad_left != 0)
    return "the second convolution is not pointwise";
  if (p.batch != d.batch || p.in_h != d.out_h || p.in_w != d.out_w || p.in_c != d.out_c || p.out_h != p.in_h ||
      p.out_w != p.in_w)
    return "the second convolution is of something else";
  return {};
}

// Rows of a unit: an even number, as the depthwise kernel makes two at a time where the stride is 1.
int64_t unit_rows(const ConvParams& d, int64_t stride) {
  const int64_t row_bytes = d.out_w * stride * kFloat;
  const int64_t rows = std::max((kUnitPixels + d.out_w - 1) / d.out_w, cpu_info().l1d_bytes / 2 / row_bytes);
  return std::min(d.out_h, (rows + 1) / 2 * 2);
}

// The pointwise convolution of `rows` rows.
ConvParams rows_of(ConvParams p, int64_t rows, int64_t in_stride) {
  p.out_far = p.batch * p.out_h * p.out_w * std::max(p.out_c, p.out_stride) * kFloat > cpu_info().l2_bytes;
  p.batch = 1;
  p.in_h = p.out_h = rows;
  p.in_stride = in_stride;
  p.threads = 1;
  p.weights_far = false;  // from the second unit on
  return p;
}

// The best on vectors: tiles of bfloat16 take more rows at a time than are there.
ConvSelection select_on_vectors(const ConvParams& p, Isa isa) {
  for (ConvCandidate& candidate : conv_candidates(p, isa)) {
    const auto* plan = std::get_if<ConvPlan>(&candidate.selection);
    if (plan == nullptr || plan->parts == 0) return std::move(candidate.selection);
  }
  return "no kernel";
}

}  // namespace

ConvSeparableSelection configure_conv_separable(const ConvParams& depthwise, const ConvParams& pointwise, Isa isa) {
  if (std::string reason = why_not(depthwise, pointwise); !reason.empty()) return reason;
  const int64_t threads = depthwise.threads;
  ConvParams d = depthwise;
  d.threads = 1;
  // Pixels at a multiple of 2 KiB would share few sets of L1.
  d.out_stride = d.out_c * kFloat % 2048 == 0 ? d.out_c + 16 : d.out_c;
  ConvSeparablePlan plan;
  const ConvSelection first = select_conv(d, isa);
  if (const std::string* reason = std::get_if<std::string>(&first)) return *reason;
  plan.depthwise = std::get<ConvPlan>(first);
  if (plan.depthwise.kernel->run_rows == nullptr) return "the depthwise kernel makes no single rows";

  // The first rows whose windows are not whole are made one at a time; pairs follow.
  const int64_t single = d.stride_h == 1 ? d.pad_top % 2 : 0;
  plan.rows = unit_rows(d, d.out_stride);
  plan.first_rows = std::min(d.out_h, plan.rows + single);
  plan.parts = 1 + (d.out_h - plan.first_rows + plan.rows - 1) / plan.rows;
  plan.units = d.batch * plan.parts;
  if (threads > 1 && plan.units < 4 * threads) return "too few rows";

  size_t scratch = plan.depthwise.scratch_bytes;
  ConvParams p = rows_of(pointwise, plan.first_rows, d.out_stride);
  const ConvPlan& large = plan.pointwise[0];
  for (const int part : {0, 1, 2}) {
    p.in_h = p.out_h =
        plan.end_row(part == 2 ? plan.parts - 1 : part) - plan.first_row(part == 2 ? plan.parts - 1 : part);
    if (p.in_h <= 0) p.in_h = p.out_h = plan.first_rows;  // there is none
    const ConvSelection second = select_on_vectors(p, isa);
    if (const std::string* reason = std::get_if<std::string>(&second)) return *reason;
    const ConvPlan& chosen = plan.pointwise[part] = std::get<ConvPlan>(second);
    scratch = std::max(scratch, chosen.scratch_bytes);
    if (chosen.fold == 1) p.panel_vectors = static_cast<int>(chosen.vectors);
    if (chosen.kernel != large.kernel || chosen.packed_bytes != large.packed_bytes || chosen.vectors != large.vectors ||
        chosen.fold != large.fold)
      return "units of different sizes pack weights differently";
  }
  plan.packed_bytes = align_up(plan.depthwise.packed_bytes) + large.packed_bytes;
  plan.scratch_bytes = align_up(static_cast<size_t>(plan.first_rows * d.out_w * d.out_stride * kFloat)) + scratch;
  plan.cost_ns = conv_cost_ns(plan.depthwise) + conv_cost_ns(large) * static_cast<double>(plan.units);
  return plan;
}

int64_t ConvSeparablePlan::first_row(int64_t part) const { return part == 0 ? 0 : first_rows + (part - 1) * rows; }

int64_t ConvSeparablePlan::end_row(int64_t part) const {
  return std::min(depthwise.params.out_h, first_rows + part * rows);
}

bool ConvSeparablePlan::pays(int64_t threads) const {
  const ConvParams& d = depthwise.params;
  const ConvParams& p = pointwise[0].params;
  const int64_t pixels = d.batch * d.out_h * d.out_w, between = pixels * d.out_c * kFloat;
  const int64_t all = between + (d.batch * d.in_h * d.in_w * d.in_c + pixels * p.out_c) * kFloat;
  return all > threads * cpu_info().l2_bytes && between > 8 * static_cast<int64_t>(pointwise[0].packed_bytes);
}

void ConvSeparablePlan::pack(const float* depthwise_weights, const float* depthwise_bias,
                             const float* pointwise_weights, const float* pointwise_bias, void* packed) const {
  depthwise.pack(depthwise_weights, depthwise_bias, packed);
  pointwise[0].pack(pointwise_weights, pointwise_bias, static_cast<char*>(packed) + align_up(depthwise.packed_bytes));
}

void ConvSeparablePlan::run(const ConvArgs& args, int64_t begin, int64_t end) const {
  const ConvParams& d = depthwise.params;
  const ConvParams& p = pointwise[0].params;
  float* const between = static_cast<float*>(args.scratch);
  const size_t between_bytes = align_up(static_cast<size_t>(first_rows * d.out_w * d.out_stride * kFloat));
  ConvArgs first_args = args;
  first_args.scratch = static_cast<char*>(args.scratch) + between_bytes;
  ConvArgs second{.in = between,
                  .packed = static_cast<const char*>(args.packed) + align_up(depthwise.packed_bytes),
                  .scratch = first_args.scratch};
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t image = unit / parts, part = unit % parts;
    const int64_t first = first_row(part), last = end_row(part);
    depthwise.kernel->run_rows(depthwise, first_args, image, first, last, between);
    const int64_t pixel = (image * d.out_h + first) * d.out_w;
    second.residual = p.has_residual ? args.residual + pixel * p.residual_stride : nullptr;
    second.out = args.out + pixel * p.out_stride;
    const ConvPlan& of_rows = pointwise[part == 0 ? 0 : part + 1 < parts ? 1 : 2];
    of_rows.run(second, 0, of_rows.units);
  }
}

}  // namespace cycloid::kernels
