#include "kernels/amx_tiles.h"
#include "kernels/qgemm/qtile_body.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kRows = 32;

// 64 bytes of k at a time: 4 loads for 4 products, which take as long.
template <bool kSigned, int kVectors>
CYCLOID_INLINE void amx_sum(const Qtile& t) {
  // A stride of 0 repeats the row.
  _tile_loadd(0, t.start, 0);
  _tile_loadd(2, t.start, 0);
  if constexpr (kVectors == 2) {
    _tile_loadd(1, t.start + 16, 0);
    _tile_loadd(3, t.start + 16, 0);
  }
  const char* a = t.a;
  const char* b = t.b;
  for (int64_t s = 0; s < t.steps; s += 16, a += 64, b += 16 * 64 * kVectors) {
    _tile_loadd(4, a, t.a_stride);
    _tile_loadd(5, a + 16 * t.a_stride, t.a_stride);
    _tile_loadd(6, b, 64 * kVectors);
    if constexpr (kSigned) {
      _tile_dpbssd(0, 4, 6);
      _tile_dpbssd(2, 5, 6);
    } else {
      _tile_dpbusd(0, 4, 6);
      _tile_dpbusd(2, 5, 6);
    }
    if constexpr (kVectors == 2) {
      _tile_loadd(7, b + 64, 64 * kVectors);
      if constexpr (kSigned) {
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(3, 5, 7);
      } else {
        _tile_dpbusd(1, 4, 7);
        _tile_dpbusd(3, 5, 7);
      }
    }
  }
}

template <int kVectors>
void amx_tile(const Qtile& t) {
  if (t.a_signed) {
    amx_sum<true, kVectors>(t);
  } else {
    amx_sum<false, kVectors>(t);
  }
  constexpr int64_t kWidth = 16 * kVectors;
  const bool whole = t.rows == kRows && t.columns == kWidth;
  alignas(64) int32_t part[kRows * kWidth];
  int32_t* to = whole ? t.c : part;
  const int64_t stride = whole ? t.c_stride : kWidth;
  _tile_stored(0, to, 4 * stride);
  _tile_stored(2, to + 16 * stride, 4 * stride);
  if constexpr (kVectors == 2) {
    _tile_stored(1, to + 16, 4 * stride);
    _tile_stored(3, to + 16 * stride + 16, 4 * stride);
  }
  if (whole) return;
  for (int64_t r = 0; r < t.rows; ++r) {
    for (int64_t j = 0; j < t.columns; j += 16)
      istore(t.c + r * t.c_stride + j, iload(part + r * kWidth + j), min_of(16, t.columns - j));
  }
}

template <int kVectors>
struct AmxByRows {
  static constexpr QtileFn one = amx_tile<kVectors>;
  static constexpr QtileFn table[kRows] = {one, one, one, one, one, one, one, one, one, one, one,
                                           one, one, one, one, one, one, one, one, one, one, one,
                                           one, one, one, one, one, one, one, one, one, one};
};

constexpr QtileKernels amx_table() {
  QtileKernels table =
      qtile_table({1, kRows, AmxByRows<1>::table}, {2, kRows, AmxByRows<2>::table}, {3, 0, nullptr}, {4, 0, nullptr});
  table.step_multiple = 16;
  table.amx = true;
  table.enter = enter_tiles;
  table.leave = leave_tiles;
  return table;
}

}  // namespace

const QtileKernels qtile_kernels_avx512amx = amx_table();

}  // namespace cycloid::kernels
