// What qgemm.cpp, qgemm_pack.cpp and qgemm_rows.cpp share.
//
// Packed memory, per group: panels of columns, each [steps][width][4 bytes], width a multiple of the lanes; then for each
// column (in whole vectors) the sum of its packed elements and its zero point (see pack_column()), and a flag: whether any of
// these zero points is not 0.
#pragma once

#include "base/aligned.h"
#include "kernels/qgemm/qgemm.h"

namespace cycloid::kernels::qgemm {

inline int64_t whole_columns(const QgemmPlan& plan) {
  return (plan.params.n + plan.kernels->lanes - 1) / plan.kernels->lanes * plan.kernels->lanes;
}
inline int64_t panel_columns(const QgemmPlan& plan) { return plan.vectors * plan.kernels->lanes; }
inline int64_t row_bytes(const QgemmPlan& plan) { return 4 * plan.steps; }
inline int64_t groups(const QgemmPlan& plan) { return plan.params.window ? plan.params.window->groups : 1; }

// Where the parts of a group's packed memory begin, in bytes.
struct PackedParts {
  explicit PackedParts(const QgemmPlan& plan)
      : sums(row_bytes(plan) * whole_columns(plan)),
        zeros(sums + 4 * whole_columns(plan)),
        flag(zeros + 4 * whole_columns(plan)) {}
  int64_t sums, zeros, flag;
};

// The zero point of A as the kernel sees it: signed bytes are unsigned ones 128 higher in the bytes form, and the words form
// has it taken away already.
inline int32_t seen_zero(const QgemmPlan& plan, int32_t a_zero) {
  if (plan.kernels->words) return 0;
  return plan.params.a_signed && (!plan.kernels->amx || plan.depthwise) ? a_zero + 128 : a_zero;
}

// Elements of B: element kk of column j, both of one group.
struct Bsource {
  const void* data;
  int64_t k_stride, n_stride;
  // A convolution's: kk = tap * channels + channel. Otherwise taps is 1.
  int64_t taps, channels;
  bool is_signed;

  int32_t at(int64_t kk, int64_t j) const {
    const int64_t i = (taps == 1 ? kk * k_stride : kk % channels * taps + kk / channels) + j * n_stride;
    return is_signed ? static_cast<int32_t>(static_cast<const int8_t*>(data)[i]) : static_cast<const uint8_t*>(data)[i];
  }
};
Bsource source_of(const QgemmPlan& plan, const void* b, int64_t group);

// Packs columns [first, first + width) of one group, padded with zeros; writes the sums and zero points of these columns.
void pack_panel(const QgemmPlan& plan, const Bsource& b, int64_t first, int64_t width, std::span<const int32_t> b_zeros,
                char* to, int32_t* sums, int32_t* zeros);

// Rows [first, first + count) of A of one group, in the kernel's form, each row_bytes() long.
void fill_rows(const QgemmPlan& plan, const uint8_t* a, int32_t a_zero, int64_t group, int64_t first, int64_t count,
               char* to);

// Work units of a depthwise convolution are rows of the output.
void configure_depthwise(QgemmPlan& plan);
void pack_depthwise(const QgemmPlan& plan, const void* b, std::span<const int32_t> b_zeros, void* packed);
void run_depthwise(const QgemmPlan& plan, const QgemmArgs& args, int64_t begin, int64_t end);

// scale[j] * factor for `count` columns, zeros up to whole vectors.
void fill_scales(const QgemmArgs& args, int64_t first, int64_t count, int64_t whole, float* to);

}  // namespace cycloid::kernels::qgemm
