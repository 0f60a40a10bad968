#include "plan/tune/candidates.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>

#include "base/aligned.h"
#include "base/denormal.h"
#include "kernels/igemm/igemm_shape.h"

namespace cycloid {
namespace {

using kernels::Activation;
using kernels::ConvParams;
using kernels::ConvPlan;
using kernels::GemmParams;
using kernels::GemmPlan;

std::string candidate_name(std::string_view kernel, std::int64_t vectors) {
  return fmt::format("{}/{}", kernel, vectors);
}

// "conv.igemm.avx512/3" in its two parts.
std::optional<std::pair<std::string_view, int>> parse_name(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return {};
  int vectors = 0;
  const std::string_view digits = name.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), vectors);
  if (error != std::errc() || end != digits.data() + digits.size() || vectors < 0 ||
      vectors > kernels::kIgemmMaxVectors)
    return {};
  return std::pair(name.substr(0, slash), vectors);
}

// Widths beyond the columns compute in vain what a narrower tile does not.
bool sensible_width(int vectors, std::int64_t columns, Isa isa) {
  const kernels::IgemmKernels& igemm = kernels::igemm_kernels(isa);
  return igemm.panels[vectors - 1].max_rows > 0 && (vectors == 1 || (vectors - 1) * igemm.lanes < columns);
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::size_t as_size(std::int64_t count) { return static_cast<std::size_t>(std::max<std::int64_t>(count, 0)); }

// Memory of floats around 0, so that nothing overflows or becomes subnormal.
AlignedBuffer<float> some_floats(std::size_t count) {
  AlignedBuffer<float> buffer(count);
  std::uint32_t state = 12345;
  for (float& x : buffer) {
    state = state * 1664525u + 1013904223u;
    x = static_cast<float>(state >> 8) * 0x1p-23f - 1;
  }
  return buffer;
}

// Brings the caches into the state in which a step of a run finds them.
class Caches {
 public:
  explicit Caches(bool cold) : other_(cold ? static_cast<std::size_t>(2 * cpu_info().l2_bytes) / sizeof(float) : 0) {}
  void set(const AlignedBuffer<float>& in, const AlignedBuffer<float>& out) {
    if (other_.size() == 0) return;
    read(other_);
    // At most what fits beside each other.
    const std::size_t most = static_cast<std::size_t>(cpu_info().l2_bytes) / 3 / sizeof(float);
    read(out, most);
    read(in, most);
  }

 private:
  void read(const AlignedBuffer<float>& memory, std::size_t most = ~std::size_t{0}) {
    float sum = 0;
    for (std::size_t i = 0; i < std::min(memory.size(), most); i += kVectorAlignment / sizeof(float)) sum += memory[i];
    sink_ = sum;
  }

  AlignedBuffer<float> other_;
  volatile float sink_ = 0;
};

template <class Plan>
std::vector<Timing> time_plans(const std::vector<TuneCandidate<Plan>>& candidates, bool cold, double budget,
                               const AlignedBuffer<float>& in, AlignedBuffer<float>& out,
                               const std::function<void(const Plan&, float* packed)>& pack,
                               const std::function<void(const Plan&, void* packed, void* scratch)>& run) {
  const FlushDenormals flush;
  std::vector<AlignedBuffer<float>> packed;
  std::size_t scratch_bytes = 0;
  for (const TuneCandidate<Plan>& candidate : candidates) {
    packed.emplace_back(candidate.plan.packed_bytes / sizeof(float));
    pack(candidate.plan, packed.back().data());
    scratch_bytes = std::max(scratch_bytes, candidate.plan.scratch_bytes);
  }
  AlignedBuffer<char> scratch(scratch_bytes);
  std::vector<std::function<void()>> runs;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    runs.emplace_back([&, i] { run(candidates[i].plan, packed[i].data(), scratch.data()); });
  Caches caches(cold);
  return time_in_turns(runs, budget, {.now = steady_seconds, .before = [&] { caches.set(in, out); }});
}

std::string activation_key(const Activation& a) { return fmt::format("a{}", static_cast<int>(a.kind)); }

}  // namespace

std::vector<ConvTuneCandidate> conv_tune_candidates(const ConvParams& params, Isa isa) {
  std::vector<ConvTuneCandidate> candidates;
  const auto add = [&](const kernels::ConvCandidate& found) {
    const ConvPlan* plan = std::get_if<ConvPlan>(&found.selection);
    if (plan == nullptr) return;
    const std::string name = candidate_name(plan->name(), plan->params.panel_vectors);
    // A width that is the kernel's own choice is there already.
    for (const ConvTuneCandidate& other : candidates) {
      if (other.plan.kernel == plan->kernel && other.plan.vectors == plan->vectors) return;
    }
    candidates.push_back({name, *plan});
  };
  for (const kernels::ConvCandidate& found : kernels::conv_candidates(params, isa)) add(found);
  for (int vectors = 1; vectors <= kernels::kIgemmMaxVectors; ++vectors) {
    if (!sensible_width(vectors, params.out_c / params.groups, isa)) continue;
    ConvParams wide = params;
    wide.panel_vectors = vectors;
    for (const kernels::ConvCandidate& found : kernels::conv_candidates(wide, isa)) add(found);
  }
  return candidates;
}

std::vector<GemmTuneCandidate> gemm_tune_candidates(const GemmParams& params, Isa isa) {
  std::vector<GemmTuneCandidate> candidates;
  for (int vectors = 0; vectors <= kernels::kIgemmMaxVectors; ++vectors) {
    if (vectors > 0 && !sensible_width(vectors, params.n, isa)) continue;
    GemmParams wide = params;
    wide.panel_vectors = vectors;
    const kernels::GemmSelection selection = kernels::select_gemm(wide, isa);
    const GemmPlan* plan = std::get_if<GemmPlan>(&selection);
    if (plan == nullptr) continue;
    const auto same = [&](const GemmTuneCandidate& other) { return other.plan.vectors == plan->vectors; };
    if (std::ranges::any_of(candidates, same)) continue;
    candidates.push_back({candidate_name(plan->name, vectors), *plan});
  }
  return candidates;
}

std::optional<ConvPlan> conv_tune_candidate(const std::string& name, const ConvParams& params, Isa isa) {
  const auto parsed = parse_name(name);
  if (!parsed) return {};
  ConvParams wide = params;
  wide.panel_vectors = parsed->second;
  for (const kernels::ConvKernel& kernel : kernels::conv_kernels()) {
    if (kernel.name != parsed->first || kernel.isa != isa) continue;
    kernels::ConvSelection selection = kernels::configure_conv(kernel, wide);
    if (ConvPlan* plan = std::get_if<ConvPlan>(&selection)) return *plan;
  }
  return {};
}

std::optional<GemmPlan> gemm_tune_candidate(const std::string& name, const GemmParams& params, Isa isa) {
  const auto parsed = parse_name(name);
  if (!parsed) return {};
  GemmParams wide = params;
  wide.panel_vectors = parsed->second;
  kernels::GemmSelection selection = kernels::select_gemm(wide, isa);
  GemmPlan* plan = std::get_if<GemmPlan>(&selection);
  if (plan == nullptr || plan->name != parsed->first) return {};
  return *plan;
}

std::string tune_key(const ConvParams& p, Isa isa, bool cold) {
  return fmt::format(
      "conv {} n{} in{}x{}x{}{} out{}x{}x{} k{}x{} s{}x{} d{}x{} p{}x{} g{} is{} os{} r{}{} {} t{}{}{}{}",
      to_string(isa), p.batch, p.in_h, p.in_w, p.in_c, p.channels_first ? "cf" : "", p.out_h, p.out_w, p.out_c,
      p.kernel_h, p.kernel_w, p.stride_h, p.stride_w, p.dilation_h, p.dilation_w, p.pad_top, p.pad_left, p.groups,
      p.in_stride, p.out_stride, p.has_residual ? p.residual_stride : -1, p.residual_last ? "l" : "",
      activation_key(p.activation), p.threads, p.strict ? " strict" : "", p.subnormals ? " subnormals" : "",
      cold ? " cold" : "");
}

std::string tune_key(const GemmParams& p, Isa isa, bool cold) {
  return fmt::format("gemm {} b{} m{} n{} k{} {}{}{} as{} bs{} cs{} at{} bt{} r{}{}{} {} t{}{}", to_string(isa),
                     p.batch, p.m, p.n, p.k, p.a_transposed ? "T" : "N", p.b_transposed ? "T" : "N",
                     p.b_constant ? "c" : "r", p.a_stride, p.b_stride, p.c_stride, p.a_step, p.b_step,
                     p.has_residual ? p.residual_stride : -1, p.residual_last ? "l" : "", p.has_bias ? "b" : "",
                     activation_key(p.activation), p.threads, cold ? " cold" : "");
}

std::vector<Timing> time_candidates(const std::vector<ConvTuneCandidate>& candidates, bool cold, double budget) {
  if (candidates.empty()) return {};
  const ConvParams& p = candidates.front().plan.params;  // strides of 0 are replaced
  const AlignedBuffer<float> in = some_floats(as_size(p.batch * p.in_h * p.in_w * p.in_stride));
  AlignedBuffer<float> out(as_size(p.batch * p.out_h * p.out_w * p.out_stride));
  const AlignedBuffer<float> residual =
      some_floats(p.has_residual ? as_size(p.batch * p.out_h * p.out_w * p.residual_stride) : 0);
  // What a kernel packs is not only weights: in a first layer's lie distances of inputs. So it packs itself.
  const AlignedBuffer<float> weights = some_floats(as_size(p.out_c * (p.in_c / p.groups) * p.kernel_h * p.kernel_w));
  const auto pack = [&](const ConvPlan& plan, float* packed) { plan.pack(weights.data(), nullptr, packed); };
  const auto run = [&](const ConvPlan& plan, void* packed, void* scratch) {
    plan.run({.in = in.data(),
              .residual = p.has_residual ? residual.data() : nullptr,
              .packed = packed,
              .out = out.data(),
              .scratch = scratch},
             0, plan.units);
  };
  return time_plans<ConvPlan>(candidates, cold, budget, in, out, pack, run);
}

std::vector<Timing> time_candidates(const std::vector<GemmTuneCandidate>& candidates, bool cold, double budget) {
  if (candidates.empty()) return {};
  const GemmParams& p = candidates.front().plan.params;
  const std::int64_t last = p.batch - 1;
  const AlignedBuffer<float> a = some_floats(as_size(last * p.a_step + (p.a_transposed ? p.k : p.m) * p.a_stride));
  const AlignedBuffer<float> b = some_floats(as_size(last * p.b_step + (p.b_transposed ? p.n : p.k) * p.b_stride));
  AlignedBuffer<float> c(as_size(last * p.c_step + p.m * p.c_stride));
  const AlignedBuffer<float> residual =
      some_floats(p.has_residual ? as_size(last * p.residual_step + p.m * p.residual_stride) : 0);
  const AlignedBuffer<float> bias = some_floats(p.has_bias ? as_size(p.n) : 0);
  const auto pack = [&](const GemmPlan& plan, float* packed) {
    if (p.b_constant) plan.pack(b.data(), packed);
  };
  const auto run = [&](const GemmPlan& plan, void* packed, void* scratch) {
    plan.run({.a = a.data(),
              .b = p.b_constant ? nullptr : b.data(),
              .bias = p.has_bias ? bias.data() : nullptr,
              .residual = p.has_residual ? residual.data() : nullptr,
              .packed = p.b_constant ? packed : nullptr,
              .c = c.data(),
              .scratch = scratch},
             0, plan.units);
  };
  return time_plans<GemmPlan>(candidates, cold, budget, a, c, pack, run);
}

}  // namespace cycloid
