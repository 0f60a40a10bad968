// DTypeSet: the element types an operator takes, as the standard's type constraints list them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "cycloid/dtype.h"

namespace cycloid {

class DTypeSet {
 public:
  constexpr DTypeSet() = default;
  constexpr DTypeSet(std::initializer_list<DType> dtypes) {
    for (const DType dtype : dtypes) bits_ |= bit(dtype);
  }

  constexpr bool contains(DType dtype) const { return (bits_ & bit(dtype)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  friend constexpr DTypeSet operator|(DTypeSet a, DTypeSet b) { return DTypeSet(a.bits_ | b.bits_); }
  friend constexpr DTypeSet operator-(DTypeSet a, DTypeSet b) { return DTypeSet(a.bits_ & ~b.bits_); }
  friend constexpr bool operator==(DTypeSet, DTypeSet) = default;

 private:
  constexpr explicit DTypeSet(std::uint64_t bits) : bits_(bits) {}
  static constexpr std::uint64_t bit(DType dtype) { return std::uint64_t{1} << static_cast<int>(dtype); }
  std::uint64_t bits_ = 0;
};

// float16, bfloat16, float32, float64: the standard's "float" types that arithmetic takes.
inline constexpr DTypeSet kFloats{DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64};
inline constexpr DTypeSet kSignedInts{DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64};
inline constexpr DTypeSet kUnsignedInts{DType::kUInt8, DType::kUInt16, DType::kUInt32, DType::kUInt64};
inline constexpr DTypeSet kInts = kSignedInts | kUnsignedInts;
inline constexpr DTypeSet kNumbers = kFloats | kInts;
inline constexpr DTypeSet kBools{DType::kBool};
inline constexpr DTypeSet kStrings{DType::kString};
inline constexpr DTypeSet kComplexes{DType::kComplex64, DType::kComplex128};
inline constexpr DTypeSet kFloat8s{DType::kFloat8E4M3FN, DType::kFloat8E4M3FNUZ, DType::kFloat8E5M2,
                                   DType::kFloat8E5M2FNUZ};
// What the first versions of the tensor operators take: numbers, bool, strings and complex numbers.
inline constexpr DTypeSet kClassic = kNumbers | kBools | kStrings | kComplexes;
// Every type a tensor can have.
inline constexpr DTypeSet kAllDTypes =
    kClassic | kFloat8s |
    DTypeSet{DType::kUInt4, DType::kInt4, DType::kFloat4E2M1, DType::kFloat8E8M0, DType::kUInt2, DType::kInt2};

// "float16, float32 or float64"
std::string to_string(DTypeSet dtypes);

}  // namespace cycloid
