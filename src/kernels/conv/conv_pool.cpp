#include "kernels/conv/conv_pool.h"

#include <algorithm>

#include "base/aligned.h"

namespace cycloid::kernels {
namespace {

int64_t row_floats(const ConvPlan& conv) { return conv.params.out_w * conv.params.out_stride; }

}  // namespace

ConvPoolSelection configure_conv_pool(const ConvPlan& conv, const PoolParams& pool) {
  const ConvParams& c = conv.params;
  if (conv.kernel->run_rows == nullptr) return "the convolution's kernel makes no single rows";
  if (c.has_residual) return "a residual is added in between";
  if (pool.planes) return "the pooling is of planes";
  if (pool.dilation_h != 1) return "the pooling is dilated";
  if (pool.batch != c.batch || pool.in_h != c.out_h || pool.in_w != c.out_w || pool.channels != c.out_c ||
      c.out_stride != c.out_c)
    return "the pooling is of something else";
  const PoolSelection selection = select_pool(pool, conv.kernel->isa);
  if (const std::string* reason = std::get_if<std::string>(&selection)) return *reason;
  ConvPoolPlan plan{.conv = conv, .pool = std::get<PoolPlan>(selection)};
  const auto ring = static_cast<size_t>(pool.kernel_h * row_floats(conv)) * sizeof(float);
  if (ring > static_cast<size_t>(cpu_info().l2_bytes) / 4) return "the rows of a window do not stay in L2";
  plan.units = pool.batch * pool.out_h;
  if (plan.units < 4 * c.threads && c.threads > 1) return "too few rows for all threads";
  plan.conv_scratch = align_up(conv.scratch_bytes);
  plan.scratch_bytes = plan.conv_scratch + align_up(ring);
  plan.range_share =
      std::max(0.0, static_cast<double>(pool.kernel_h - pool.stride_h) / static_cast<double>(pool.stride_h));
  return plan;
}

void ConvPoolPlan::run(const ConvArgs& args, int64_t begin, int64_t end) const {
  const PoolParams& p = pool.params;
  float* const ring = reinterpret_cast<float*>(static_cast<char*>(args.scratch) + conv_scratch);
  int64_t image = -1, made = 0;  // rows of the image before `made` need not be computed
  for (int64_t unit = begin; unit < end; ++unit) {
    if (unit / p.out_h != image) {
      image = unit / p.out_h;
      made = 0;
    }
    const int64_t row = unit % p.out_h;
    const auto [first, last] = pool.rows_for(row);
    for (int64_t y = std::max(first, made); y < last;) {  // what lies side by side in the ring
      const int64_t at = y % p.kernel_h, y_end = std::min(last, y + p.kernel_h - at);
      conv.kernel->run_rows(conv, args, image, y, y_end, ring + at * row_floats(conv));
      y = y_end;
    }
    made = std::max(made, last);
    pool.run_row(ring, p.kernel_h, row, args.out + unit * p.out_w * p.out_stride);
  }
}

}  // namespace cycloid::kernels
