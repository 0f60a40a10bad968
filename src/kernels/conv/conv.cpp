#include "kernels/conv/conv.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/conv/conv_kernels.h"

namespace cycloid::kernels {
namespace {

// Why no kernel can take `p`, or empty.
std::string invalid(const ConvParams& p) {
  for (const int64_t size : {p.batch, p.in_h, p.in_w, p.in_c, p.out_h, p.out_w, p.out_c, p.kernel_h, p.kernel_w,
                             p.stride_h, p.stride_w, p.dilation_h, p.dilation_w, p.groups}) {
    if (size <= 0) return "a size, stride, dilation or group count is not positive";
  }
  if (p.pad_top < 0 || p.pad_left < 0) return "negative padding";
  if (p.in_c % p.groups != 0 || p.out_c % p.groups != 0) return "groups do not divide the channels";
  if (p.in_stride < p.in_c || p.out_stride < p.out_c || (p.has_residual && p.residual_stride < p.out_c)) {
    return "a pixel stride is smaller than the channels";
  }
  if (p.activation.kind == ActivationKind::kPRelu && p.activation.slope == nullptr) return "PRelu without slopes";
  return {};
}

ConvParams normal(ConvParams p) {
  if (p.in_stride == 0) p.in_stride = p.in_c;
  if (p.out_stride == 0) p.out_stride = p.out_c;
  if (p.residual_stride == 0) p.residual_stride = p.out_c;
  return p;
}

}  // namespace

std::string_view ConvPlan::name() const { return kernel == nullptr ? "none" : kernel->name; }

void ConvPlan::pack(const float* weights, const float* bias, void* packed) const {
  kernel->pack(*this, weights, bias, packed);
}

void ConvPlan::run(const ConvArgs& args, int64_t begin, int64_t end) const { kernel->run(*this, args, begin, end); }

std::span<const ConvKernel> conv_kernels() {
  static const ConvKernel kernels[] = {
#define CYCLOID_CONV(algorithm, isa, enumerator) \
  conv_##algorithm##_kernel("conv." #algorithm "." #isa, Isa::enumerator),
#include "kernels/conv/manifest.inc"
#undef CYCLOID_CONV
  };
  return kernels;
}

ConvSelection configure_conv(const ConvKernel& kernel, const ConvParams& params) {
  ConvPlan plan;
  plan.params = normal(params);
  plan.kernel = &kernel;
  if (std::string reason = invalid(plan.params); !reason.empty()) return reason;
  if (std::string reason = kernel.configure(kernel, plan); !reason.empty()) return reason;
  return plan;
}

double conv_cost_ns(const ConvPlan& plan) { return plan.kernel->cost(plan) / (kCostPerCycle * kCyclesPerNs); }

double conv_range_cost_ns(const ConvPlan& plan) { return plan.range_cost / (kCostPerCycle * kCyclesPerNs); }

std::vector<ConvCandidate> conv_candidates(const ConvParams& params, Isa isa) {
  std::vector<ConvCandidate> candidates;
  for (const ConvKernel& kernel : conv_kernels()) {
    if (kernel.isa == isa) candidates.push_back({&kernel, configure_conv(kernel, params)});
  }
  const auto cost = [](const ConvCandidate& c) {
    const ConvPlan* plan = std::get_if<ConvPlan>(&c.selection);
    return plan == nullptr ? __builtin_inf() : c.kernel->cost(*plan);
  };
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](const ConvCandidate& a, const ConvCandidate& b) { return cost(a) < cost(b); });
  return candidates;
}

ConvSelection select_conv(const ConvParams& params, Isa isa) {
  std::vector<ConvCandidate> candidates = conv_candidates(params, isa);
  CYCLOID_CHECK(!candidates.empty());
  return std::move(candidates.front().selection);
}

}  // namespace cycloid::kernels
