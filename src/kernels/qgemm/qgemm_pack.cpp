#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "kernels/qgemm/qgemm_internal.h"

namespace cycloid::kernels {
namespace qgemm {
namespace {

// What is taken from the elements of a column. In the words form, its zero point. In the bytes form B' is B where it is signed
// and B - 128 where not; the zero point is taken away too where all elements stay bytes. Otherwise the sums are corrected
// by what is left of it when they are finished.
int32_t taken_from(const QgemmPlan& plan, const Bsource& b, int64_t j, int32_t zero) {
  const int32_t shift = b.is_signed ? 0 : 128;
  if (plan.kernels->words || zero == shift) return zero;
  // A B of the run is not looked through twice.
  if (!plan.params.b_constant) return shift;
  for (int64_t kk = 0; kk < plan.params.k; ++kk) {
    const int32_t x = b.at(kk, j) - zero;
    if (x < -128 || x > 127) return shift;
  }
  return zero;
}

// The same for rows of B as they lie, a whole vector of steps at a time; for a B of the run, with one zero point.
void pack_rows(const QgemmPlan& plan, const Bsource& b, int64_t first, int64_t width, int32_t zero, char* to,
               int32_t* sums, int32_t* zeros) {
  const QgemmParams& p = plan.params;
  const bool words = plan.kernels->words;
  const int64_t per_step = words ? 2 : 4, columns = std::min(width, p.n - first);
  // Bytes: unsigned ones less 128, as a flipped sign; rows that are not there become 0.
  QinterleaveRow row{.rows = {},
                     .is_signed = words == p.b_signed,
                     .zero = words        ? zero
                             : p.b_signed ? 0
                                          : 128,
                     .channels = columns,
                     .to = to};
  const auto* data = static_cast<const uint8_t*>(b.data) + first;
  for (int64_t step = 0; step < plan.steps; ++step, row.to += 4 * width) {
    for (int64_t i = 0; i < per_step; ++i) {
      const int64_t kk = step * per_step + i;
      row.rows[i] = kk < p.k ? data + kk * b.k_stride : nullptr;
    }
    plan.kernels->interleave(row);
  }
  std::fill(zeros, zeros + width, words ? 0 : zero - (p.b_signed ? 0 : 128));
  plan.kernels->column_sums(to, plan.steps, width, sums);
}

}  // namespace

Bsource source_of(const QgemmPlan& plan, const void* b, int64_t group) {
  const QgemmParams& p = plan.params;
  Bsource source{.data = b, .k_stride = p.b_stride, .n_stride = 1, .taps = 1, .channels = p.k, .is_signed = p.b_signed};
  if (p.b_transposed) source.k_stride = 1, source.n_stride = p.b_stride;
  if (p.window) {
    source.taps = p.window->kernel_h * p.window->kernel_w;
    source.channels = p.k / source.taps;
    source.k_stride = 1;
    source.n_stride = p.k;
    source.data = static_cast<const uint8_t*>(b) + group * p.n * p.k;
  }
  return source;
}

void pack_panel(const QgemmPlan& plan, const Bsource& b, int64_t first, int64_t width, std::span<const int32_t> b_zeros,
                char* to, int32_t* sums, int32_t* zeros) {
  const QgemmParams& p = plan.params;
  const int64_t columns = std::min(width, p.n - first);
  if (!p.b_constant && b.n_stride == 1 && b_zeros.size() == 1)
    return pack_rows(plan, b, first, width, b_zeros[0], to, sums, zeros);
  int32_t taken[64];
  CYCLOID_CHECK(width <= 64);
  std::memset(to, 0, static_cast<size_t>(row_bytes(plan) * width));
  std::fill(sums, sums + width, 0);
  std::fill(zeros, zeros + width, 0);
  for (int64_t j = 0; j < columns; ++j) {
    const int32_t zero = b_zeros.empty() ? 0 : b_zeros[b_zeros.size() == 1 ? 0 : static_cast<size_t>(first + j)];
    taken[j] = taken_from(plan, b, first + j, zero);
    zeros[j] = zero - taken[j];
  }
  // The order of memory of B: along k where it is transposed, along the columns where not.
  const bool down = b.k_stride == 1 && b.n_stride != 1;
  const auto put = [&](int64_t kk, int64_t j) {
    const int32_t x = b.at(kk, first + j) - taken[j];
    if (plan.kernels->words) {
      const auto word = static_cast<int16_t>(x);
      std::memcpy(to + (kk / 2 * width + j) * 4 + kk % 2 * 2, &word, 2);
    } else {
      sums[j] += x;  // far from the bounds: |x| <= 128, and k is bounded by kMaxDepth
      to[(kk / 4 * width + j) * 4 + kk % 4] = static_cast<char>(x);
    }
  };
  if (down) {
    for (int64_t j = 0; j < columns; ++j) {
      for (int64_t kk = 0; kk < p.k; ++kk) put(kk, j);
    }
  } else {
    for (int64_t kk = 0; kk < p.k; ++kk) {
      for (int64_t j = 0; j < columns; ++j) put(kk, j);
    }
  }
}

}  // namespace qgemm

void QgemmPlan::pack(const void* b, std::span<const int32_t> b_zeros, void* packed) const {
  CYCLOID_CHECK(params.b_constant);
  if (depthwise) return qgemm::pack_depthwise(*this, b, b_zeros, packed);
  const qgemm::PackedParts parts(*this);
  const int64_t full = qgemm::panel_columns(*this), whole = qgemm::whole_columns(*this);
  for (int64_t g = 0; g < qgemm::groups(*this); ++g) {
    char* to = static_cast<char*>(packed) + g * group_bytes;
    auto* sums = reinterpret_cast<int32_t*>(to + parts.sums);
    auto* zeros = reinterpret_cast<int32_t*>(to + parts.zeros);
    const qgemm::Bsource source = qgemm::source_of(*this, b, g);
    std::span<const int32_t> of_group = b_zeros;
    if (b_zeros.size() > 1)
      of_group = b_zeros.subspan(static_cast<size_t>(g * params.n), static_cast<size_t>(params.n));
    // One zero point of n columns where n is 1 is that column's.
    for (int64_t first = 0; first < whole; first += full) {
      qgemm::pack_panel(*this, source, first, std::min(full, whole - first), of_group,
                        to + qgemm::row_bytes(*this) * first, sums + first, zeros + first);
    }
    const int32_t flag = std::any_of(zeros, zeros + whole, [](int32_t z) { return z != 0; }) ? 1 : 0;
    std::memcpy(to + parts.flag, &flag, sizeof(flag));
  }
}

}  // namespace cycloid::kernels
