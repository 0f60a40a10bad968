// Vectors of 16 bytes of any element, which every instruction set here has, and their halves interleaved. For bodies only.
#pragma once

#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

typedef uint8_t Bytes16 __attribute__((vector_size(16)));
typedef uint16_t Pairs8 __attribute__((vector_size(16)));
typedef uint32_t Words4 __attribute__((vector_size(16)));
typedef uint64_t Longs2 __attribute__((vector_size(16)));

// Elements of a and b in turns: of their first halves, or of their second ones.
CYCLOID_INLINE Bytes16 low(Bytes16 a, Bytes16 b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
CYCLOID_INLINE Bytes16 high(Bytes16 a, Bytes16 b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
CYCLOID_INLINE Pairs8 low(Pairs8 a, Pairs8 b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
CYCLOID_INLINE Pairs8 high(Pairs8 a, Pairs8 b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
CYCLOID_INLINE Words4 low(Words4 a, Words4 b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
CYCLOID_INLINE Words4 high(Words4 a, Words4 b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
CYCLOID_INLINE Longs2 low(Longs2 a, Longs2 b) { return __builtin_shufflevector(a, b, 0, 2); }
CYCLOID_INLINE Longs2 high(Longs2 a, Longs2 b) { return __builtin_shufflevector(a, b, 1, 3); }

template <class T>
struct Vector16Of;
template <>
struct Vector16Of<uint8_t> {
  using type = Bytes16;
};
template <>
struct Vector16Of<uint16_t> {
  using type = Pairs8;
};
template <>
struct Vector16Of<uint32_t> {
  using type = Words4;
};
template <>
struct Vector16Of<uint64_t> {
  using type = Longs2;
};

}  // namespace
}  // namespace cycloid::kernels
