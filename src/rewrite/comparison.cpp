#include "rewrite/comparison.h"

#include <algorithm>
#include <cmath>

namespace cycloid {
namespace {

// Distance from 1 to the next value of the type.
double epsilon_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat64: return 0x1p-52;
    case DType::kFloat32: return 0x1p-23;
    case DType::kFloat16: return 0x1p-10;
    case DType::kBFloat16: return 0x1p-7;
    default: return 0;
  }
}

// The smallest subnormal: where values are as small as that, a rounding errs by half of it, not by a share of the value.
double least_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat64: return 0x1p-1074;
    case DType::kFloat32: return 0x1p-149;
    case DType::kFloat16: return 0x1p-24;
    case DType::kBFloat16: return 0x1p-133;
    default: return 0;
  }
}

template <class T>
Difference compare_floats(const Tensor& expected, const Tensor& actual, bool exact, double units, double of_one) {
  const auto a = expected.data<T>();
  const auto b = actual.data<T>();
  Difference difference;
  double scale = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = to_double(a[i]);
    const double y = to_double(b[i]);
    if (std::isfinite(x) && std::isfinite(y)) {
      scale = std::max(scale, std::abs(x));
      difference.max_abs = std::max(difference.max_abs, std::abs(x - y));
    } else if (!(std::isnan(x) && std::isnan(y)) && x != y) {
      difference.same = false;
    }
  }
  difference.max_rel = scale > 0 ? difference.max_abs / scale : difference.max_abs;
  if (sizeof(T) < sizeof(float)) units = std::min(units, 64.0);
  const double allowed = exact ? 0
                               : units * (epsilon_of(expected.dtype()) * scale + least_of(expected.dtype())) +
                                     of_one * epsilon_of(expected.dtype());
  difference.same = difference.same && difference.max_abs <= allowed;
  return difference;
}

Difference compare_tensors(const Tensor& expected, const Tensor& actual, bool exact, double units, double of_one) {
  if (expected.dtype() != actual.dtype() || expected.dims() != actual.dims()) return {.same = false};
  Difference difference;
  const bool floats = dispatch<float, double, Float16, BFloat16>(
      expected.dtype(), [&]<class T>(T) { difference = compare_floats<T>(expected, actual, exact, units, of_one); });
  if (!floats) difference.same = identical(expected, actual);
  return difference;
}

Difference worse(const Difference& a, const Difference& b) {
  return {std::max(a.max_abs, b.max_abs), std::max(a.max_rel, b.max_rel), a.same && b.same};
}

}  // namespace

Difference compare(const Datum& expected, const Datum& actual, bool exact, double units, double of_one) {
  if (expected.tensor() != nullptr && actual.tensor() != nullptr)
    return compare_tensors(*expected.tensor(), *actual.tensor(), exact, units, of_one);
  if (expected.sequence() != nullptr && actual.sequence() != nullptr) {
    const auto& a = expected.sequence()->items;
    const auto& b = actual.sequence()->items;
    Difference difference{.same = a.size() == b.size()};
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
      difference = worse(difference, compare(a[i], b[i], exact, units, of_one));
    return difference;
  }
  if (expected.map() != nullptr && actual.map() != nullptr) {
    return worse(compare_tensors(expected.map()->keys, actual.map()->keys, true, units, of_one),
                 compare_tensors(expected.map()->values, actual.map()->values, exact, units, of_one));
  }
  return {.same = expected.is_none() && actual.is_none()};
}

}  // namespace cycloid
