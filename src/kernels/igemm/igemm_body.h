// Bodies of the tiles in igemm.h, for the instruction set of the including translation unit.
#pragma once

#include "kernels/igemm/igemm.h"
#include "kernels/post_body.h"
#include "kernels/simd.h"
#include "kernels/simd_accumulate.h"

namespace cycloid::kernels {
namespace {

template <int kRows, int kVectors>
CYCLOID_INLINE void igemm_start(const IgemmTile& t, Mask last, Vec (&acc)[kRows][kVectors]) {
  if (t.accumulate) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const float* p = t.c + r * t.c_stride + v * kLanes;
        acc[r][v] = v + 1 < kVectors ? load(p) : load(p, last);
      }
    }
    return;
  }
  Vec bias[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    const int64_t at = v * kLanes;
    bias[v] = t.bias == nullptr ? zero() : v + 1 < kVectors ? load(t.bias + at) : load(t.bias + at, last);
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) acc[r][v] = bias[v];
  }
}

template <int kRows, int kVectors>
CYCLOID_INLINE void igemm_add_residual(const IgemmTile& t, Mask last, Vec (&acc)[kRows][kVectors]) {
  const int64_t residual_stride = t.residual_stride;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const float* p = t.residual + r * residual_stride + v * kLanes;
      acc[r][v] = acc[r][v] + (v + 1 < kVectors ? load(p) : load(p, last));
    }
  }
}

template <int kRows, int kVectors>
CYCLOID_INLINE void igemm_clip(const Activation& a, Vec (&acc)[kRows][kVectors]) {
  const Vec lo = set1(a.lo);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) acc[r][v] = max(lo, acc[r][v]);
  }
  if (a.hi < __builtin_inff()) {  // Relu has no upper bound
    const Vec hi = set1(a.hi);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[r][v] = min(hi, acc[r][v]);
    }
  }
}

template <int kRows, int kVectors>
CYCLOID_INLINE void igemm_leak(const IgemmTile& t, Mask last, Vec (&acc)[kRows][kVectors]) {
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    const int64_t at = v * kLanes;
    const Vec slope = t.slope == nullptr ? set1(t.activation->alpha)
                      : v + 1 < kVectors ? load(t.slope + at)
                                         : load(t.slope + at, last);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) acc[r][v] = leak(acc[r][v], slope);
  }
}

template <int kRows, int kVectors>
CYCLOID_INLINE void igemm_activate(const IgemmTile& t, Mask last, Vec (&acc)[kRows][kVectors]) {
  if (t.activation->kind == ActivationKind::kClip) {
    igemm_clip(*t.activation, acc);
  } else if (t.activation->kind == ActivationKind::kHardSwish) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[r][v] = hard_swish(acc[r][v]);
    }
  } else {
    igemm_leak(t, last, acc);
  }
  if (t.activation->scaled) {
    const Vec scale = set1(t.activation->scale), shift = set1(t.activation->shift);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[r][v] = fma(acc[r][v], scale, shift);
    }
  }
}

template <int kRows, int kVectors>
CYCLOID_INLINE void igemm_finish(const IgemmTile& t, Mask last, Vec (&acc)[kRows][kVectors]) {
  // What the tile says, read once: the compiler cannot know that the stores leave it alone.
  float* const c = t.c;
  const int64_t c_stride = t.c_stride, columns = t.columns;
  if (t.residual != nullptr && !t.residual_last) igemm_add_residual(t, last, acc);
  if (t.activation != nullptr) igemm_activate(t, last, acc);
  if (t.residual != nullptr && t.residual_last) igemm_add_residual(t, last, acc);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    float* p = c + r * c_stride;
#pragma GCC unroll 4
    for (int v = 0; v + 1 < kVectors; ++v) store(p + v * kLanes, acc[r][v]);
  }
  constexpr int64_t kLast = (kVectors - 1) * kLanes;
  if (columns == kVectors * kLanes) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) store(c + r * c_stride + kLast, acc[r][kVectors - 1]);
  } else {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) store(c + r * c_stride + kLast, acc[r][kVectors - 1], last);
  }
}

// Rows of B fetched ahead: as many as take the ~330 cycles to a busy L3 at two multiply-adds a cycle (where a cycle does one
// of 512 bits, twice the time). It matters where weights do not stay in L2 between runs, as in Winograd's, which are 4 times as
// many.
constexpr int64_t fetch_ahead(int rows, int vectors) {
  const int64_t steps = 330 * 2 / (rows * vectors);
  return steps < 48 ? steps : 48;
}

// One step of the sum: row `b` of B, and an element of each row of A. Of kGroup rows one has a pointer, the others follow it
// `stride` floats apart. No lambdas here: g++ keeps in memory what one captures.
template <int kGroup, bool kAhead, int kRows, int kVectors, int kPointers>
CYCLOID_INLINE void igemm_step(const float* const (&a)[kPointers], int64_t stride, int64_t at, const float* b,
                               int64_t ahead, Vec (&acc)[kRows][kVectors]) {
  Vec bv[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) bv[v] = load(b + v * kLanes);
  if constexpr (kAhead) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) __builtin_prefetch(b + ahead + v * kLanes);
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    const Vec x = set1(a[r / kGroup][r % kGroup * stride + at]);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) accumulate(acc[r][v], x, bv[v]);
  }
}

// Rows of A that lie row_stride apart, one tap, dense. A pointer serves three rows (x86 addresses base, base + i and
// base + 2 i), so all stay in registers, which a pointer per row does not.
// kNext: lines of IgemmTile::next for every two steps.
template <int kNext, int kRows, int kVectors>
CYCLOID_INLINE void igemm_sum_strided(const IgemmTile& t, Vec (&acc)[kRows][kVectors]) {
  constexpr int64_t kWidth = kVectors * kLanes;
  constexpr int kPointers = (kRows + 2) / 3;
  constexpr int64_t kAhead = fetch_ahead(kRows, kVectors) * kWidth;
  const int64_t stride = t.row_stride;
  const float* next = t.next;
  const float* b = t.b;
  const float* a[kPointers];
#pragma GCC unroll 8
  for (int i = 0; i < kPointers; ++i) a[i] = t.rows[0] + t.row_offset + 3 * i * stride;
  for (int64_t k = t.channels / 2; k > 0; --k, b += 2 * kWidth) {
    igemm_step<3, kNext == 0>(a, stride, 0, b, kAhead, acc);
    if constexpr (kNext == 2) __builtin_prefetch(next + kIgemmLine);
    igemm_step<3, kNext == 0>(a, stride, 1, b + kWidth, kAhead, acc);
    if constexpr (kNext > 0) {
      __builtin_prefetch(next);
      next += kNext * kIgemmLine;
    }
#pragma GCC unroll 8
    for (int i = 0; i < kPointers; ++i) {
      a[i] += 2;
      __asm__("" : "+r"(a[i]));  // or the compiler makes one more pointer of each
    }
  }
  if (t.channels % 2 != 0) igemm_step<3, kNext == 0>(a, stride, 0, b, kAhead, acc);
}

// Rows of A that lie row_stride apart, and elements of them at the offsets given.
template <int kRows, int kVectors>
CYCLOID_INLINE void igemm_sum_offsets(const IgemmTile& t, Vec (&acc)[kRows][kVectors]) {
  constexpr int64_t kWidth = kVectors * kLanes;
  constexpr int kPointers = (kRows + 2) / 3;
  const int64_t stride = t.row_stride, three = 3 * stride;
  const int32_t* const end = t.offsets + t.channels;
  const float* const first_row = t.rows[0] + t.row_offset;
  const float* b = t.b;
  for (const int32_t* offset = t.offsets; offset != end; ++offset, b += kWidth) {
    const float* a[kPointers];
    a[0] = first_row + *offset;
#pragma GCC unroll 8
    for (int i = 1; i < kPointers; ++i) a[i] = a[i - 1] + three;
    igemm_step<3, false>(a, stride, 0, b, 0, acc);
  }
}

// kDense: k_stride is 1 and b_stride the panel's width, as nearly always. The loop then needs registers for the rows, b and
// one counter alone; with two more the compiler spills, and 10 rows of 2 vectors fell to 84 % of peak.
template <bool kDense, bool kAhead, bool kNext, int kRows, int kVectors>
CYCLOID_INLINE void igemm_sum(const IgemmTile& t, Vec (&acc)[kRows][kVectors]) {
  constexpr int64_t kWidth = kVectors * kLanes;
  const int64_t b_stride = kDense ? kWidth : t.b_stride, k_stride = kDense ? 1 : t.k_stride;
  const int64_t ahead = fetch_ahead(kRows, kVectors) * b_stride;
  const float* b = t.b;
  const float* next = t.next;
  const float* const* rows = t.rows;
  int64_t run = t.tap_run;
  for (int64_t tap = t.taps; tap > 0; --tap) {
    // Past the end: the counter goes from minus the channels up to 0.
    const float* a[kRows];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) a[r] = rows[r] + t.row_offset + t.channels * k_stride;
    rows += t.row_pointers;
    int64_t at = -t.channels * k_stride;
    if constexpr (kDense) {
      if (t.channels % 2 != 0) {
        igemm_step<1, kAhead>(a, 0, at, b, ahead, acc);
        b += kWidth;
        ++at;
      }
      for (; at != 0; at += 2, b += 2 * kWidth) {
        igemm_step<1, kAhead>(a, 0, at, b, ahead, acc);
        igemm_step<1, kAhead>(a, 0, at + 1, b + kWidth, ahead, acc);
        if constexpr (kNext) {
          __builtin_prefetch(next);
          next += kIgemmLine;
        }
        __asm__("" : "+r"(at));
      }
    } else {
      for (; at < 0; at += k_stride, b += b_stride) {
        igemm_step<1, kAhead>(a, 0, at, b, ahead, acc);
        // One shared offset: without this the compiler keeps one moving pointer per row, and spills them.
        __asm__("" : "+r"(at));
      }
    }
    if (--run == 0) {
      b += t.b_skip;
      run = t.tap_run;
    }
  }
}

template <int kRows, int kVectors>
void igemm_tile(const IgemmTile& t) {
  const Mask last = first(t.columns - (kVectors - 1) * kLanes);
  Vec acc[kRows][kVectors];
  igemm_start<kRows, kVectors>(t, last, acc);
  // The result's lines come for writing while the sums run.
  if (!t.c_near) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) __builtin_prefetch(t.c + r * t.c_stride + v * kLanes, 1);
    }
  }
  if (t.offsets != nullptr) {
    igemm_sum_offsets(t, acc);
  } else if (t.row_stride != 0) {
    if (t.next == nullptr) {
      igemm_sum_strided<0>(t, acc);
    } else if (t.next_twice) {
      igemm_sum_strided<2>(t, acc);
    } else {
      igemm_sum_strided<1>(t, acc);
    }
  } else if (t.k_stride != 1 || t.b_stride != kVectors * kLanes) {
    igemm_sum<false, true, false>(t, acc);
  } else if (t.next != nullptr) {
    igemm_sum<true, false, kRows <= kIgemmNextRows>(t, acc);
  } else {
    igemm_sum<true, true, false>(t, acc);
  }
  igemm_finish<kRows, kVectors>(t, last, acc);
}

template <int... kRow>
struct RowList {};
template <int kCount, int... kRow>
struct RowsUpTo : RowsUpTo<kCount - 1, kCount, kRow...> {};
template <int... kRow>
struct RowsUpTo<0, kRow...> {
  using List = RowList<kRow...>;
};

template <int kVectors, class Rows>
struct IgemmByRows;
template <int kVectors, int... kRow>
struct IgemmByRows<kVectors, RowList<kRow...>> {
  static constexpr IgemmFn table[] = {igemm_tile<kRow, kVectors>...};
};

template <int kVectors, int kMaxRows>
constexpr IgemmPanel igemm_panel(int best_rows) {
  return {kVectors, kMaxRows, best_rows, IgemmByRows<kVectors, typename RowsUpTo<kMaxRows>::List>::table};
}

}  // namespace
}  // namespace cycloid::kernels
