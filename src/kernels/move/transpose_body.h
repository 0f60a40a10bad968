// Body of transpose_bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/move/transpose_bodies.h"
#include "kernels/simd.h"
#include "kernels/vectors16.h"

namespace cycloid::kernels {
namespace {

// Floats. Row i of v becomes column i: pairs of rows are interleaved, then pairs of pairs, then the 128-bit parts change places.
#if defined(__AVX512F__)

CYCLOID_INLINE void transpose_square(__m512 (&v)[16]) {
  __m512 t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
  }
  const auto low = [](__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  };
  const auto high = [](__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  };
  // v[4 * g + j]: of rows 4 * g to 4 * g + 3, the columns j, 4 + j, 8 + j and 12 + j.
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    v[i] = low(t[i], t[i + 2]);
    v[i + 1] = high(t[i], t[i + 2]);
    v[i + 2] = low(t[i + 1], t[i + 3]);
    v[i + 3] = high(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 even_a = _mm512_shuffle_f32x4(v[j], v[4 + j], 0x88),
                 odd_a = _mm512_shuffle_f32x4(v[j], v[4 + j], 0xdd);
    const __m512 even_b = _mm512_shuffle_f32x4(v[8 + j], v[12 + j], 0x88),
                 odd_b = _mm512_shuffle_f32x4(v[8 + j], v[12 + j], 0xdd);
    t[j] = _mm512_shuffle_f32x4(even_a, even_b, 0x88);
    t[8 + j] = _mm512_shuffle_f32x4(even_a, even_b, 0xdd);
    t[4 + j] = _mm512_shuffle_f32x4(odd_a, odd_b, 0x88);
    t[12 + j] = _mm512_shuffle_f32x4(odd_a, odd_b, 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) v[i] = t[i];
}

#elif defined(__AVX2__)

CYCLOID_INLINE void transpose_square(__m256 (&v)[8]) {
  __m256 t[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    v[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    v[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    v[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    v[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    t[j] = _mm256_permute2f128_ps(v[j], v[4 + j], 0x20);
    t[4 + j] = _mm256_permute2f128_ps(v[j], v[4 + j], 0x31);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) v[i] = t[i];
}

#else

CYCLOID_INLINE void transpose_square(Float4 (&v)[4]) {
  const Float4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
  const Float4 c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5), d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

#endif

// What a block is made of: kSide rows of as many elements, each row a register.
struct Floats {
  using Element = float;
  using Row = decltype(Vec::v);
  static constexpr int kSide = kLanes;
  static CYCLOID_INLINE Row get(const float* p) { return load(p).v; }
  static CYCLOID_INLINE void put(float* p, Row v) { store(p, {v}); }
#if defined(__AVX512F__)
  static CYCLOID_INLINE Row get(const float* p, int64_t n) { return load(p, first(n)).v; }
  static CYCLOID_INLINE void put(float* p, Row v, int64_t n) { store(p, {v}, first(n)); }
#endif
  static CYCLOID_INLINE void transpose(Row (&v)[kSide]) { transpose_square(v); }
};

// Rows of 16 bytes. Interleaving the two halves of the rows moves each bit of an element's place up by one: after as many
// times as a row's number has bits, row and column have changed places.
template <class Vector, class T>
struct Rows16 {
  using Element = T;
  using Row = Vector;
  static constexpr int kSide = 16 / static_cast<int>(sizeof(T));
  static CYCLOID_INLINE Row get(const T* p) {
    Row v;
    __builtin_memcpy(&v, p, sizeof(v));
    return v;
  }
  static CYCLOID_INLINE void put(T* p, Row v) { __builtin_memcpy(p, &v, sizeof(v)); }
  static CYCLOID_INLINE void transpose(Row (&v)[kSide]) {
#pragma GCC unroll 4
    for (int bit = 1; bit < kSide; bit *= 2) {
      Row t[kSide];
#pragma GCC unroll 8
      for (int i = 0; i < kSide / 2; ++i) {
        t[2 * i] = low(v[i], v[i + kSide / 2]);
        t[2 * i + 1] = high(v[i], v[i + kSide / 2]);
      }
#pragma GCC unroll 16
      for (int i = 0; i < kSide; ++i) v[i] = t[i];
    }
  }
};

#if defined(__AVX512F__)

struct Bytes : Rows16<Bytes16, uint8_t> {
  using Rows16::get, Rows16::put;
  static CYCLOID_INLINE __mmask16 mask(int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }
  static CYCLOID_INLINE Row get(const uint8_t* p, int64_t n) {
    return reinterpret_cast<Row>(_mm_maskz_loadu_epi8(mask(n), p));
  }
  static CYCLOID_INLINE void put(uint8_t* p, Row v, int64_t n) {
    _mm_mask_storeu_epi8(p, mask(n), reinterpret_cast<__m128i>(v));
  }
};
struct Pairs : Rows16<Pairs8, uint16_t> {
  using Rows16::get, Rows16::put;
  static CYCLOID_INLINE __mmask8 mask(int64_t n) { return static_cast<__mmask8>((1u << n) - 1); }
  static CYCLOID_INLINE Row get(const uint16_t* p, int64_t n) {
    return reinterpret_cast<Row>(_mm_maskz_loadu_epi16(mask(n), p));
  }
  static CYCLOID_INLINE void put(uint16_t* p, Row v, int64_t n) {
    _mm_mask_storeu_epi16(p, mask(n), reinterpret_cast<__m128i>(v));
  }
};
struct Longs : Rows16<Longs2, uint64_t> {
  using Rows16::get, Rows16::put;
  static CYCLOID_INLINE __mmask8 mask(int64_t n) { return static_cast<__mmask8>((1u << n) - 1); }
  static CYCLOID_INLINE Row get(const uint64_t* p, int64_t n) {
    return reinterpret_cast<Row>(_mm_maskz_loadu_epi64(mask(n), p));
  }
  static CYCLOID_INLINE void put(uint64_t* p, Row v, int64_t n) {
    _mm_mask_storeu_epi64(p, mask(n), reinterpret_cast<__m128i>(v));
  }
};

// A block that is cut: `rows` and `columns` up to its side.
template <class Block>
CYCLOID_INLINE void transpose_part(const typename Block::Element* in, int64_t in_stride, typename Block::Element* out,
                                   int64_t out_stride, int64_t rows, int64_t columns) {
  typename Block::Row v[Block::kSide];
#pragma GCC unroll 16
  for (int i = 0; i < Block::kSide; ++i)
    v[i] = i < columns ? Block::get(in + i * in_stride, rows) : typename Block::Row{};
  Block::transpose(v);
#pragma GCC unroll 16
  for (int i = 0; i < Block::kSide; ++i) {
    if (i < rows) Block::put(out + i * out_stride, v[i], columns);
  }
}

#else

struct Bytes : Rows16<Bytes16, uint8_t> {};
struct Pairs : Rows16<Pairs8, uint16_t> {};
struct Longs : Rows16<Longs2, uint64_t> {};

template <class Block>
CYCLOID_INLINE void transpose_part(const typename Block::Element* in, int64_t in_stride, typename Block::Element* out,
                                   int64_t out_stride, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) out[r * out_stride + c] = in[c * in_stride + r];
  }
}

#endif

template <class Block>
CYCLOID_INLINE void transpose_whole(const typename Block::Element* in, int64_t in_stride, typename Block::Element* out,
                                    int64_t out_stride) {
  typename Block::Row v[Block::kSide];
#pragma GCC unroll 16
  for (int i = 0; i < Block::kSide; ++i) v[i] = Block::get(in + i * in_stride);
  Block::transpose(v);
#pragma GCC unroll 16
  for (int i = 0; i < Block::kSide; ++i) Block::put(out + i * out_stride, v[i]);
}

template <class Block>
CYCLOID_INLINE void transpose_matrix(const typename Block::Element* in, typename Block::Element* out,
                                     const TransposeArgs& t) {
  constexpr int kSide = Block::kSide;
  // Rows innermost: they lie side by side in the input, so whole cache lines of it are used up before the next ones. The
  // last block of many begins early enough to be whole: some elements are written twice.
  for (int64_t c = 0; c < t.columns; c += kSide) {
    const int64_t columns = min_of(t.columns, kSide), c0 = min_of(c, t.columns - columns);
    for (int64_t r = 0; r < t.rows; r += kSide) {
      const int64_t rows = min_of(t.rows, kSide), r0 = min_of(r, t.rows - rows);
      const auto* from = in + c0 * t.in_stride + r0;
      auto* to = out + r0 * t.out_stride + c0;
      if (rows == kSide && columns == kSide)
        transpose_whole<Block>(from, t.in_stride, to, t.out_stride);
      else
        transpose_part<Block>(from, t.in_stride, to, t.out_stride, rows, columns);
    }
  }
}

// kWays rows from elements that lie in turns, as SpaceToDepth takes pixels apart: loads that are used whole.
template <class T, int kWays>
CYCLOID_INLINE void separate(const T* __restrict in, T* __restrict out, const TransposeArgs& t) {
  for (int64_t c = 0; c < t.columns; ++c) {
#pragma GCC unroll 4
    for (int r = 0; r < kWays; ++r) out[r * t.out_stride + c] = in[c * kWays + r];
  }
}

// The way back: the elements of kWays rows of the input in turns.
template <class T, int kWays>
CYCLOID_INLINE void interleave(const T* __restrict in, T* __restrict out, const TransposeArgs& t) {
  for (int64_t r = 0; r < t.rows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kWays; ++c) out[r * kWays + c] = in[c * t.in_stride + r];
  }
}

template <class T, void (*kMove)(const T*, T*, const TransposeArgs&)>
void each_block(const TransposeArgs& t) {
  const T* in = static_cast<const T*>(t.in);
  T* out = static_cast<T*>(t.out);
  for (int64_t i = 0; i < t.blocks; ++i) kMove(in + i * t.in_block, out + i * t.out_block, t);
}

template <class Block>
void transpose_blocks(const TransposeArgs& t) {
  using T = typename Block::Element;
  if (t.rows == t.in_stride) {
    if (t.rows == 2) return each_block<T, separate<T, 2>>(t);
    if (t.rows == 4) return each_block<T, separate<T, 4>>(t);
  }
  if (t.columns == t.out_stride) {
    if (t.columns == 2) return each_block<T, interleave<T, 2>>(t);
    if (t.columns == 4) return each_block<T, interleave<T, 4>>(t);
  }
  each_block<T, transpose_matrix<Block>>(t);
}

}  // namespace
}  // namespace cycloid::kernels
