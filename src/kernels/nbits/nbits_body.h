// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/nbits/bodies.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

constexpr int kParts = kNbitsColumns / kLanes;

// The codes of the columns of one byte row, as floats; of 4 bits those in the low and in the high half.
struct Codes {
  Vec low[kParts], high[kParts];
};

template <int kBits>
CYCLOID_INLINE Codes load_codes(const uint8_t* p) {
  Codes codes;
#pragma GCC unroll 4
  for (int v = 0; v < kParts; ++v) {
#if defined(__AVX512F__)
    const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    if constexpr (kBits == 8) {
      codes.low[v] = {_mm512_cvtepi32_ps(bytes)};
    } else {
      codes.low[v] = {_mm512_cvtepi32_ps(_mm512_and_si512(bytes, _mm512_set1_epi32(15)))};
      codes.high[v] = {_mm512_cvtepi32_ps(_mm512_srli_epi32(bytes, 4))};
    }
#elif defined(__AVX2__)
    const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + v * kLanes)));
    if constexpr (kBits == 8) {
      codes.low[v] = {_mm256_cvtepi32_ps(bytes)};
    } else {
      codes.low[v] = {_mm256_cvtepi32_ps(_mm256_and_si256(bytes, _mm256_set1_epi32(15)))};
      codes.high[v] = {_mm256_cvtepi32_ps(_mm256_srli_epi32(bytes, 4))};
    }
#else
    for (int i = 0; i < kLanes; ++i) {
      const uint8_t byte = p[v * kLanes + i];
      codes.low[v].v[i] = static_cast<float>(kBits == 8 ? byte : byte & 15);
      codes.high[v].v[i] = static_cast<float>(byte >> 4);
    }
#endif
  }
  return codes;
}

// The sums of codes times elements over one block; even and odd rows have sums of their own, to hide the latency of adding.
template <int kRows, int kBits>
CYCLOID_INLINE void add_block(const NbitsRowsArgs& t, int64_t begin, int64_t end, Vec (&even)[kRows][kParts],
                              Vec (&odd)[kRows][kParts]) {
  const uint8_t* codes = t.panel.codes + begin * kBits / 8 * kNbitsColumns;
  int64_t k = begin;
  for (; k + 2 <= end; k += 2) {
    Codes pair = load_codes<kBits>(codes);
    codes += kNbitsColumns;
    if constexpr (kBits == 8) {
      const Codes next = load_codes<kBits>(codes);
#pragma GCC unroll 4
      for (int v = 0; v < kParts; ++v) pair.high[v] = next.low[v];
      codes += kNbitsColumns;
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const Vec first_element = set1(t.a[r * t.a_step + k]), second_element = set1(t.a[r * t.a_step + k + 1]);
#pragma GCC unroll 4
      for (int v = 0; v < kParts; ++v) {
        even[r][v] = fma(first_element, pair.low[v], even[r][v]);
        odd[r][v] = fma(second_element, pair.high[v], odd[r][v]);
      }
    }
  }
  if (k < end) {
    const Codes last = load_codes<kBits>(codes);
    for (int r = 0; r < kRows; ++r) {
      const Vec element = set1(t.a[r * t.a_step + k]);
      for (int v = 0; v < kParts; ++v) even[r][v] = fma(element, last.low[v], even[r][v]);
    }
  }
}

template <int kRows, int kBits>
void rows_of(const NbitsRowsArgs& t) {
  Vec sum[kRows][kParts];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kParts; ++v) sum[r][v] = zero();
  }
  const float *scales = t.panel.scales, *offsets = t.panel.offsets;
  int64_t b = 0;
  for (int64_t begin = 0; begin < t.depth; begin += t.panel.block, ++b) {
    const int64_t end = min_of(begin + t.panel.block, t.depth);
    Vec even[kRows][kParts], odd[kRows][kParts];
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kParts; ++v) even[r][v] = odd[r][v] = zero();
    }
    add_block<kRows, kBits>(t, begin, end, even, odd);
#pragma GCC unroll 4
    for (int v = 0; v < kParts; ++v) {
      const Vec scale = load(scales + v * kLanes), offset = load(offsets + v * kLanes);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const Vec centred = (even[r][v] + odd[r][v]) - offset * set1(t.sums[r * t.sums_step + b]);
        sum[r][v] = fma(centred, scale, sum[r][v]);
      }
    }
    scales += kNbitsColumns;
    offsets += kNbitsColumns;
  }
  for (int v = 0; v < kParts && v * kLanes < t.columns; ++v) {
    const Mask m = first(min_of(kLanes, t.columns - v * kLanes));
    const Vec bias = t.bias == nullptr ? zero() : load(t.bias + v * kLanes, m);
    for (int r = 0; r < kRows; ++r) store(t.y + r * t.y_step + v * kLanes, sum[r][v] + bias, m);
  }
}

void rows(const NbitsRowsArgs& t) {
  const bool four = t.panel.bits == 4;
  switch (t.rows) {
    case 1: return four ? rows_of<1, 4>(t) : rows_of<1, 8>(t);
    case 2: return four ? rows_of<2, 4>(t) : rows_of<2, 8>(t);
    case 3: return four ? rows_of<3, 4>(t) : rows_of<3, 8>(t);
    default: return four ? rows_of<4, 4>(t) : rows_of<4, 8>(t);
  }
}

template <int kBits>
void unpack_bits(const NbitsUnpackArgs& t) {
  const uint8_t* codes = t.panel.codes + t.begin * kBits / 8 * kNbitsColumns;
  float* to = t.to;
  for (int64_t k = t.begin; k < t.end;) {
    const int64_t b = k / t.panel.block, end = min_of((b + 1) * t.panel.block, t.end);
    Vec scale[kParts], shift[kParts];
    for (int v = 0; v < kParts; ++v) {
      scale[v] = load(t.panel.scales + b * kNbitsColumns + v * kLanes);
      shift[v] = load(t.panel.offsets + b * kNbitsColumns + v * kLanes);
    }
    for (; k < end; k += 8 / kBits) {
      const Codes pair = load_codes<kBits>(codes);
      codes += kNbitsColumns;
      for (int v = 0; v < kParts; ++v) store(to + v * kLanes, (pair.low[v] - shift[v]) * scale[v]);
      to += t.to_step;
      if constexpr (kBits == 4) {
        if (k + 1 < end) {
          for (int v = 0; v < kParts; ++v) store(to + v * kLanes, (pair.high[v] - shift[v]) * scale[v]);
          to += t.to_step;
        }
      }
    }
    k = end;
  }
}

void unpack(const NbitsUnpackArgs& t) { t.panel.bits == 4 ? unpack_bits<4>(t) : unpack_bits<8>(t); }

constexpr NbitsBodies kNbitsBodies = {rows, unpack};

}  // namespace
}  // namespace cycloid::kernels
