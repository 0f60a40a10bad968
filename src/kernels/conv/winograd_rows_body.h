// Bodies of winograd_rows.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/conv/winograd_rows.h"
#include "kernels/conv/winograd_store_body.h"
#include "kernels/igemm/igemm.h"
#include "kernels/simd_accumulate.h"

namespace cycloid::kernels {
namespace {

constexpr int kRowPoints = static_cast<int>(kWinogradRowPoints);

// Or g++ loads x again for each use, where loads are what takes the time.
CYCLOID_INLINE void hold([[maybe_unused]] Vec& x) {
#if defined(__AVX512F__)
  __asm__("" : "+v"(x.v));
#elif defined(__AVX2__)
  __asm__("" : "+x"(x.v));
#endif
}

// Coefficient k of the product of (u - p^2) over the pairs of the set of n but `skip` (-1: none).
constexpr float pairs_product(int n, int skip, int at) {
  double c[5] = {1};
  for (int i = 0; i < winograd_pairs(n); ++i) {
    if (i == skip) continue;
    const double square = winograd_pair(n, i) * winograd_pair(n, i);
    for (int k = 4; k >= 0; --k) c[k] = (k > 0 ? c[k - 1] : 0) - square * c[k];
  }
  return static_cast<float>(c[at]);
}

// The sum of coefficient k times x[first + 2 k].
template <int n, int kSkip, int kFirst, int kSize>
CYCLOID_INLINE Vec pairs_sum(const Vec (&x)[kSize]) {
  constexpr int kCount = static_cast<int>(winograd_pairs(n)) + (kSkip < 0 ? 1 : 0);
  Vec sum = x[kFirst + 2 * (kCount - 1)];  // the leading coefficient is 1
#pragma GCC unroll 4
  for (int k = kCount - 2; k >= 0; --k) sum = fma(set1(pairs_product(n, kSkip, k)), x[kFirst + 2 * k], sum);
  return sum;
}

// Row i of B^T is the product of (x - p) over the other finite points p. For +-p these are (x +- p) x times what the other pairs
// make, and share that.
template <int n, int kPair, int kSize>
CYCLOID_INLINE void winograd_pair_1d(const Vec (&x)[kSize], Vec& plus, Vec& minus) {
  constexpr float kPoint = static_cast<float>(winograd_pair(n, kPair));
  const Vec odd = pairs_sum<n, kPair, 1>(x), even = pairs_sum<n, kPair, 2>(x);
  plus = fma(set1(kPoint), odd, even);
  minus = fma(set1(-kPoint), odd, even);
}

template <int n>
CYCLOID_INLINE void winograd_in_1d(const Vec (&x)[n], Vec (&y)[n]) {
  if constexpr (n % 2 != 0) {
    Vec e[n - 1];  // the factor that is not a pair's, (x - 2)
#pragma GCC unroll 8
    for (int k = 0; k + 1 < n; ++k) e[k] = fma(set1(-static_cast<float>(kWinogradSingle)), x[k], x[k + 1]);
    y[0] = pairs_sum<n, -1, 0>(e);
    winograd_pair_1d<n, 0>(e, y[1], y[2]);
    winograd_pair_1d<n, 1>(e, y[3], y[4]);
    y[5] = pairs_sum<n, -1, 1>(x);
    y[6] = pairs_sum<n, -1, 1>(e);
  } else {
    y[0] = pairs_sum<n, -1, 0>(x);
    winograd_pair_1d<n, 0>(x, y[1], y[2]);
    winograd_pair_1d<n, 1>(x, y[3], y[4]);
    if constexpr (n == 8) winograd_pair_1d<n, 2>(x, y[5], y[6]);
    y[n - 1] = pairs_sum<n, -1, 1>(x);
  }
}

constexpr float power(double x, int n) {
  double y = 1;
  for (int i = 0; i < n; ++i) y *= x;
  return static_cast<float>(y);
}

// One dimension of A^T: y[k] = sum over finite points of p^k x, and x of infinity in the last one.
template <int n, int m>
CYCLOID_INLINE void winograd_out_1d(const Vec (&x)[n], Vec (&y)[m]) {
  constexpr int kPairs = static_cast<int>(winograd_pairs(n));
  Vec even[kPairs], odd[kPairs];
#pragma GCC unroll 3
  for (int i = 0; i < kPairs; ++i) {
    even[i] = x[1 + 2 * i] + x[2 + 2 * i];
    odd[i] = x[1 + 2 * i] - x[2 + 2 * i];
  }
#pragma GCC unroll 6
  for (int k = 0; k < m; ++k) {
    Vec sum = k == 0 ? x[0] : k + 1 == m ? x[n - 1] : zero();
#pragma GCC unroll 3
    for (int i = 0; i < kPairs; ++i) {
      const float p = power(winograd_pair(n, i), k);
      const Vec term = k % 2 == 0 ? even[i] : odd[i];
      if (i == 0 && k != 0 && k + 1 != m) {
        sum = p == 1 ? term : set1(p) * term;
      } else {
        sum = p == 1 ? sum + term : fma(set1(p), term, sum);
      }
    }
    if constexpr (n % 2 != 0) sum = k == 0 ? sum + x[n - 2] : fma(set1(power(kWinogradSingle, k)), x[n - 2], sum);
    y[k] = sum;
  }
}

template <int n, bool kFull>
CYCLOID_INLINE void winograd_down_vector(const WinogradDown& t, int64_t at, Mask mask) {
  Vec x[n], y[n];
#pragma GCC unroll 8
  for (int i = 0; i < n; ++i) x[i] = load_part<kFull>(t.rows[i] + at, mask);
  winograd_in_1d<n>(x, y);
#pragma GCC unroll 8
  for (int i = 0; i < n; ++i) store_part<kFull>(t.out + i * t.row_stride + at, y[i], mask);
}

template <int n>
void winograd_down(const WinogradDown& from) {
  const WinogradDown t = from;  // of which the compiler knows that stores leave it alone
  int64_t at = 0;
  for (; at + kLanes <= t.count; at += kLanes) winograd_down_vector<n, true>(t, at, first(kLanes));
  if (at < t.count) winograd_down_vector<n, false>(t, at, first(t.count - at));
}

// One channel a line, two phases: pairs of neighbouring pixels, of which 8 lines by 8 positions at a time are transposed.
CYCLOID_INLINE void winograd_align_pairs(const WinogradAlign& t) {
  int64_t position = 0;
#if defined(__AVX512F__)
  for (; position + 8 <= t.positions; position += 8) {
    const float* from = t.lines + 2 * position;
    float* out = t.out + position * t.out_stride;
    for (int64_t line = 0; line < t.count; line += 8, from += 8 * t.line_stride, out += 16) {
      __m512d a[8], b[8];
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        a[i] = line + i < t.count ? _mm512_castps_pd(_mm512_loadu_ps(from + i * t.line_stride)) : _mm512_setzero_pd();
      }
#pragma GCC unroll 4
      for (int i = 0; i < 8; i += 2) {
        b[i] = _mm512_unpacklo_pd(a[i], a[i + 1]);      // of positions 0, 2, 4, 6: lines i and i + 1
        b[i + 1] = _mm512_unpackhi_pd(a[i], a[i + 1]);  // of 1, 3, 5, 7
      }
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        const __m512d even = _mm512_shuffle_f64x2(b[i], b[i + 2], 0x88),
                      odd = _mm512_shuffle_f64x2(b[i], b[i + 2], 0xdd);
        const __m512d even4 = _mm512_shuffle_f64x2(b[i + 4], b[i + 6], 0x88),
                      odd4 = _mm512_shuffle_f64x2(b[i + 4], b[i + 6], 0xdd);
        // even: lines 0 1 of positions i, i + 4, lines 2 3 of the same; odd: of i + 2, i + 6
        a[i] = _mm512_shuffle_f64x2(even, even4, 0x88);
        a[i + 4] = _mm512_shuffle_f64x2(even, even4, 0xdd);
        a[i + 2] = _mm512_shuffle_f64x2(odd, odd4, 0x88);
        a[i + 6] = _mm512_shuffle_f64x2(odd, odd4, 0xdd);
      }
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) _mm512_storeu_ps(out + i * t.out_stride, _mm512_castpd_ps(a[i]));
    }
  }
#endif
  for (; position < t.positions; ++position) {
    const float* from = t.lines + 2 * position;
    float* out = t.out + position * t.out_stride;
    for (int64_t line = 0; line < t.count; ++line, from += t.line_stride, out += 2) __builtin_memcpy(out, from, 8);
  }
}

[[maybe_unused]] void winograd_align(const WinogradAlign& t) {
  if (t.run == 1 && t.phases == 2) return winograd_align_pairs(t);
  for (int64_t p = 0; p < t.positions; ++p) {
    const float* from = t.lines + p * t.phases * t.run;
    float* out = t.out + p * t.out_stride;
    for (int64_t line = 0; line < t.count; ++line, from += t.line_stride, out += t.run * t.phases) {
      for (int64_t phase = 0; phase < t.phases; ++phase) {
        for (int64_t c = 0; c < t.run; ++c) out[c * t.phases + phase] = from[phase * t.run + c];
      }
    }
  }
}

[[maybe_unused]] void winograd_across(const WinogradAcross& t) {
  for (int64_t tile = 0; tile < t.tiles; ++tile) {
    for (int64_t block = 0; block < t.blocks; ++block) {
      const float* in = t.in + tile * t.in_tile + block * kLanes;
      float* v = t.v + tile * t.v_tile + block * kRowPoints * kLanes;
      Vec x[kRowPoints], y[kRowPoints];
#pragma GCC unroll 8
      for (int j = 0; j < kRowPoints; ++j) x[j] = load(in + j * t.position_stride);
      winograd_in_1d<kRowPoints>(x, y);
#pragma GCC unroll 8
      for (int j = 0; j < kRowPoints; ++j) store(v + j * kLanes, y[j]);
    }
  }
}

// One channel at the first kPoints points. As in igemm_body.h, no lambdas: g++ keeps in memory what one captures.
template <int kPoints, int kTiles, int kVectors>
CYCLOID_INLINE void winograd_step(const float*& v, int64_t v_tile, const float*& weights,
                                  Vec (&acc)[kRowPoints][kTiles][kVectors]) {
#pragma GCC unroll 8
  for (int j = 0; j < kPoints; ++j) {
    Vec w[kVectors];
#pragma GCC unroll 2
    for (int i = 0; i < kVectors; ++i) {
      w[i] = load(weights + (j * kVectors + i) * kLanes);
      hold(w[i]);
    }
#pragma GCC unroll 4
    for (int tile = 0; tile < kTiles; ++tile) {
      const Vec x = set1(v[tile * v_tile + j * kLanes]);
#pragma GCC unroll 2
      for (int i = 0; i < kVectors; ++i) accumulate(acc[j][tile][i], x, w[i]);
    }
  }
  weights += kPoints * kVectors * kLanes;
  ++v;
  __asm__("" : "+r"(v), "+r"(weights));  // or g++ mixes one step with the next
}

// Two, of which the second lacks the last point.
template <int kTiles, int kVectors>
CYCLOID_INLINE void winograd_step_pair(const float*& v, int64_t v_tile, const float*& weights,
                                       Vec (&acc)[kRowPoints][kTiles][kVectors]) {
  winograd_step<kRowPoints>(v, v_tile, weights, acc);
  winograd_step<kRowPoints - 1>(v, v_tile, weights, acc);
}

template <int kTaps, int kTiles, int kVectors>
void winograd_products(const WinogradProducts& t) {
  constexpr int kSize = kRowPoints - kTaps + 1;
  constexpr int64_t kWidth = kVectors * kLanes;
  const int64_t v_tile = t.v_tile;
  float* z = t.z;
  for (int64_t tile = 0; tile < t.tiles; tile += kTiles) {
    Vec acc[kRowPoints][kTiles][kVectors];
#pragma GCC unroll 8
    for (int j = 0; j < kRowPoints; ++j) {
#pragma GCC unroll 4
      for (int i = 0; i < kTiles; ++i) {
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) acc[j][i][v] = zero();
      }
    }
    if (t.out != nullptr) {
      const float* out = t.out + tile * kSize * t.out_stride;
      for (int pixel = 0; pixel < kTiles * kSize; ++pixel, out += t.out_stride) {
#pragma GCC unroll 2
        for (int64_t c = 0; c < kWidth; c += kIgemmLine) __builtin_prefetch(out + c, 1);
      }
    }
    const float* weights = t.weights;
    const float* block = t.v + tile * v_tile;
    for (int64_t left = t.channels; left > 0; left -= kLanes, block += kRowPoints * kLanes) {
      const float* v = block;
      int64_t steps = min_of(left, kLanes);
      if (t.pairs) {
        for (; steps >= 6; steps -= 6) {  // the pairs of three channels: images have as many
#pragma GCC unroll 3
          for (int i = 0; i < 3; ++i) winograd_step_pair(v, v_tile, weights, acc);
        }
        for (; steps > 0; steps -= 2) winograd_step_pair(v, v_tile, weights, acc);
      } else {
        for (; steps > 0; --steps) winograd_step<kRowPoints>(v, v_tile, weights, acc);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kTiles; ++i, z += kSize * kWidth) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        Vec x[kRowPoints], y[kSize];
#pragma GCC unroll 8
        for (int j = 0; j < kRowPoints; ++j) x[j] = acc[j][i][v];
        winograd_out_1d<kRowPoints, kSize>(x, y);
#pragma GCC unroll 8
        for (int k = 0; k < kSize; ++k) store(z + k * kWidth + v * kLanes, y[k]);
      }
    }
  }
}

template <int kTaps, int n, bool kPlain, bool kFull>
CYCLOID_INLINE void winograd_rows_vector(const WinogradOutput& t, const float* products, int64_t pixel, int64_t c,
                                         Mask mask) {
  constexpr int kSize = n - kTaps + 1;
  Vec x[n], y[kSize];
#pragma GCC unroll 8
  for (int i = 0; i < n; ++i) {
    x[i] = load(products + i * t.row_stride + c);
    hold(x[i]);
  }
  winograd_out_1d<n, kSize>(x, y);
  const Vec bias = load(t.bias + c);
#pragma GCC unroll 8
  for (int row = 0; row < kSize; ++row) {
    if (row < t.rows) winograd_store<kPlain, kFull>(t, row, pixel, c, y[row] + bias, mask);
  }
}

template <int kTaps, int n, bool kPlain>
CYCLOID_INLINE void winograd_rows_pixels(const WinogradOutput& t) {
  for (int64_t pixel = 0; pixel < t.pixels; ++pixel) {
    const float* products = t.products + pixel * t.point_stride;
    int64_t c = 0;
    for (; c + kLanes <= t.columns; c += kLanes)
      winograd_rows_vector<kTaps, n, kPlain, true>(t, products, pixel, c, first(kLanes));
    if (c < t.columns) winograd_rows_vector<kTaps, n, kPlain, false>(t, products, pixel, c, first(t.columns - c));
  }
}

template <int kTaps, int n>
void winograd_rows_output(const WinogradOutput& from) {
  WinogradOutput t = from;  // of which the compiler knows that stores leave it alone
  if (t.residual == nullptr && t.activation == nullptr) {
    if (t.rows == n - kTaps + 1) {
      t.rows = n - kTaps + 1;
      winograd_rows_pixels<kTaps, n, true>(t);
    } else {
      winograd_rows_pixels<kTaps, n, true>(t);
    }
  } else {
    winograd_rows_pixels<kTaps, n, false>(t);
  }
}

// 7 points of 2 tiles by 2 vectors take 28 of 32 registers; of 16, 2 tiles by 1 vector take 14.
template <int kTaps>
constexpr void (*winograd_wide_products())(const WinogradProducts&) {
  if constexpr (kVectorRegisters == 32) return winograd_products<kTaps, 2, 2>;
  return nullptr;
}

constexpr WinogradRowsBodies make_winograd_rows_bodies() {
  constexpr bool kWide = kVectorRegisters == 32;
  constexpr int kNarrow = kWide ? 4 : 2;
  return {kLanes,
          kWide ? 2 : 1,
          {kNarrow, 2},
          winograd_align,
          winograd_across,
          {winograd_down<6>, winograd_down<8>},
          {{winograd_products<3, kNarrow, 1>, winograd_wide_products<3>()},
           {winograd_products<4, kNarrow, 1>, winograd_wide_products<4>()}},
          {{winograd_rows_output<3, 6>, nullptr}, {winograd_rows_output<4, 6>, winograd_rows_output<4, 8>}}};
}

}  // namespace
}  // namespace cycloid::kernels
