#include "kernels/elements/elements.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/testing.h"
#include "tensor/float16.h"

namespace cycloid::kernels {
namespace {

using testing::pick;

class Elements : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  }
  std::mt19937 random{17};
};
INSTANTIATE_TEST_SUITE_P(All, Elements, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

constexpr int64_t kGuard = 8;  // elements around a result that must stay as they are

// Rows with elements between them, and some before and behind. Few values, so that equal ones and zeros are frequent.
template <class T>
struct Rows {
  Rows(std::mt19937& random, int64_t rows, int64_t columns)
      : stride(columns + pick(random, 0, 3)), data(static_cast<size_t>(rows * stride + 2 * kGuard)) {
    for (T& x : data)
      x = static_cast<T>(pick(random, std::is_unsigned_v<T> ? 0 : -5, 5) * (std::is_same_v<T, double> ? 0.75 : 1));
  }
  T* begin() { return data.data() + kGuard; }
  T at(int64_t r, int64_t j) const { return data[static_cast<size_t>(kGuard + r * stride + j)]; }
  int64_t stride;
  std::vector<T> data;
};

template <class T>
ElementKind kind_of() {
  if (std::is_same_v<T, float>) return ElementKind::kFloat32;
  if (std::is_same_v<T, double>) return ElementKind::kFloat64;
  if (std::is_same_v<T, int32_t>) return ElementKind::kInt32;
  if (std::is_same_v<T, int64_t>) return ElementKind::kInt64;
  if (std::is_same_v<T, int8_t>) return ElementKind::kInt8;
  if (std::is_same_v<T, int16_t>) return ElementKind::kInt16;
  if (std::is_same_v<T, uint16_t>) return ElementKind::kUInt16;
  if (std::is_same_v<T, uint32_t>) return ElementKind::kUInt32;
  if (std::is_same_v<T, uint64_t>) return ElementKind::kUInt64;
  return ElementKind::kUInt8;
}

// What the operators are by their definition, in long double for floating point and __int128 for integers, cut to T.
template <class T>
T expected(Elements2 op, T a, T b) {
  using Wide = std::conditional_t<std::is_floating_point_v<T>, long double, __int128>;
  const Wide x = a, y = b;  // NOLINT(bugprone-signed-char-misuse): an int8 is a number
  switch (op) {
    case Elements2::kAdd: return static_cast<T>(x + y);
    case Elements2::kSub: return static_cast<T>(x - y);
    case Elements2::kMul: return static_cast<T>(x * y);
    case Elements2::kDiv:
      if constexpr (!std::is_floating_point_v<T>) {
        if (y == 0) return 0;
      }
      return static_cast<T>(x / y);
    case Elements2::kMod: {
      const long double divisor = static_cast<long double>(y), dividend = static_cast<long double>(x);
      return divisor == 0 ? T{0} : static_cast<T>(dividend - divisor * std::floor(dividend / divisor));
    }
    case Elements2::kFmod:
      if constexpr (std::is_floating_point_v<T>) return std::fmod(a, b);
      return y == 0 ? T{0} : static_cast<T>(x - y * (x / y));
    case Elements2::kThreshold: return x > y ? a : T{0};
    case Elements2::kMax: return x > y ? a : b;
    case Elements2::kMin: return x < y ? a : b;
    case Elements2::kEqual: return x == y;
    case Elements2::kLess: return x < y;
    case Elements2::kLessEqual: return x <= y;
    case Elements2::kAnd: return x != 0 && y != 0;
    case Elements2::kOr: return x != 0 || y != 0;
    case Elements2::kXor: return (x != 0) != (y != 0);
    case Elements2::kPow: return static_cast<T>(std::pow(static_cast<T>(x), static_cast<T>(y)));
    default: break;
  }
  if constexpr (std::is_integral_v<T>) {
    if (op == Elements2::kBitAnd) return a & b;
    if (op == Elements2::kBitOr) return a | b;
    if (op == Elements2::kBitXor) return a ^ b;
    using Bits = std::make_unsigned_t<T>;
    const Bits bits = static_cast<Bits>(a), by = static_cast<Bits>(b);
    if (by >= 8 * sizeof(T)) return 0;
    if (op == Elements2::kShiftLeft)
      return static_cast<T>(static_cast<Bits>(static_cast<unsigned __int128>(bits) << by));
    if (op == Elements2::kShiftRight) return static_cast<T>(static_cast<unsigned __int128>(bits) >> by);
  }
  return 0;
}

template <class T, class R>
void check_two(Elements2 op, ElementFn fn, std::mt19937& random) {
  for (int round = 0; round < 12; ++round) {
    const int64_t rows = pick(random, 1, 3), columns = pick(random, 1, 150);
    const int64_t ac = pick(random, 0, 1), bc = pick(random, 0, 1);
    Rows<T> a(random, rows, ac ? columns : 1), b(random, rows, bc ? columns : 1);
    Rows<R> y(random, rows, columns);
    const std::vector<R> before = y.data;
    const bool repeat = pick(random, 0, 1) != 0;  // one row of b for all
    fn({.in = {a.begin(), b.begin(), nullptr},
        .stride = {a.stride, repeat ? 0 : b.stride, 0},
        .step = {ac, bc, 0},
        .y = y.begin(),
        .y_stride = y.stride,
        .rows = rows,
        .columns = columns});
    for (size_t i = 0; i < y.data.size(); ++i) {
      const int64_t at = static_cast<int64_t>(i) - kGuard, r = at / y.stride, j = at % y.stride;
      if (at < 0 || r >= rows || j >= columns) {
        ASSERT_EQ(y.data[i], before[i]) << name_of(op) << ": beside the result";
        continue;
      }
      const T want = expected(op, a.at(r, ac ? j : 0), b.at(repeat ? 0 : r, bc ? j : 0));
      const R got = y.data[i];
      const bool same = static_cast<T>(got) == want || (got != got && want != want);
      ASSERT_TRUE(same) << name_of(op) << " of " << +a.at(r, ac ? j : 0) << " and " << +b.at(repeat ? 0 : r, bc ? j : 0)
                        << " gave " << +got;
    }
  }
}

bool gives_bool(Elements2 op) { return op >= Elements2::kEqual && op <= Elements2::kXor; }

TEST_P(Elements, OfTwoOperands) {
  int found = 0;
  const auto check = [&]<class T>(T) {
    for (int i = 0; i < static_cast<int>(Elements2::kCount); ++i) {
      const auto op = static_cast<Elements2>(i);
      ElementFn fn = elements2_kernel(op, kind_of<T>(), GetParam());
      if (fn == nullptr && std::is_same_v<T, uint8_t>) fn = elements2_kernel(op, ElementKind::kBool, GetParam());
      if (fn == nullptr) continue;
      ++found;
      gives_bool(op) ? check_two<T, uint8_t>(op, fn, random) : check_two<T, T>(op, fn, random);
    }
  };
  check(float{});
  check(double{});
  check(int32_t{});
  check(int64_t{});
  check(uint8_t{});
  check(int8_t{});
  check(int16_t{});
  check(uint16_t{});
  check(uint32_t{});
  check(uint64_t{});
  // Sums and products by their bits, quotients and bounds of all numbers, the remainders, equality, comparisons, three of bools, five
  // of bits, the power and the threshold.
  EXPECT_EQ(found, 3 * 5 + 3 * 9 + 8 + 10 + 6 + 2 * 10 + 3 + 5 * 4 + 2 * 2);
}

TEST_P(Elements, Casts) {
  const auto check = [&]<class From, class To>(From, To, ElementKind from, ElementKind to) {
    const int64_t rows = 2, columns = pick(random, 1, 90);
    Rows<From> x(random, rows, columns);
    Rows<To> y(random, rows, columns);
    cast_kernel(from, to, GetParam())({.in = {x.begin(), nullptr, nullptr},
                                       .stride = {x.stride, 0, 0},
                                       .step = {1, 0, 0},
                                       .y = y.begin(),
                                       .y_stride = y.stride,
                                       .rows = rows,
                                       .columns = columns});
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < columns; ++j) {
        // All values are exact in long double; integers are cut to their width.
        long double value = static_cast<long double>(x.at(r, j));
        if (from == ElementKind::kBool || to == ElementKind::kBool) value = value != 0 ? 1 : 0;
        const To want =
            std::is_integral_v<To> ? static_cast<To>(static_cast<int64_t>(std::trunc(value))) : static_cast<To>(value);
        ASSERT_EQ(y.at(r, j), want) << static_cast<int>(from) << " to " << static_cast<int>(to);
      }
    }
  };
  const auto with = [&]<class T>(ElementKind kind, T, auto next) { next(T{}, kind); };
  const auto each = [&](auto next) {
    with(ElementKind::kFloat32, float{}, next);
    with(ElementKind::kFloat64, double{}, next);
    with(ElementKind::kInt32, int32_t{}, next);
    with(ElementKind::kInt64, int64_t{}, next);
    with(ElementKind::kInt8, int8_t{}, next);
    with(ElementKind::kUInt8, uint8_t{}, next);
    with(ElementKind::kBool, uint8_t{}, next);
    with(ElementKind::kInt16, int16_t{}, next);
    with(ElementKind::kUInt16, uint16_t{}, next);
    with(ElementKind::kUInt32, uint32_t{}, next);
    with(ElementKind::kUInt64, uint64_t{}, next);
  };
  each([&](auto from, ElementKind from_kind) {
    each([&](auto to, ElementKind to_kind) { check(from, to, from_kind, to_kind); });
  });
}

template <class T>
void check_select(Isa isa, std::mt19937& random) {
  for (int round = 0; round < 32; ++round) {
    const int64_t rows = pick(random, 1, 3), columns = pick(random, 1, 100);
    const int64_t c_step = round & 1, a_step = round >> 1 & 1, b_step = round >> 2 & 1;
    Rows<uint8_t> c(random, rows, columns);
    for (uint8_t& flag : c.data) flag = static_cast<uint8_t>(pick(random, 0, 1));
    Rows<T> a(random, rows, columns), b(random, rows, columns), y(random, rows, columns);
    select_kernel(sizeof(T), isa)({.in = {c.begin(), a.begin(), b.begin()},
                                   .stride = {c.stride, a.stride, b.stride},
                                   .step = {c_step, a_step, b_step},
                                   .y = y.begin(),
                                   .y_stride = y.stride,
                                   .rows = rows,
                                   .columns = columns});
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < columns; ++j)
        ASSERT_EQ(y.at(r, j), c.at(r, j * c_step) != 0 ? a.at(r, j * a_step) : b.at(r, j * b_step));
    }
    copy_kernel(sizeof(T), isa)({.in = {a.begin(), nullptr, nullptr},
                                 .stride = {a.stride, 0, 0},
                                 .step = {a_step, 0, 0},
                                 .y = y.begin(),
                                 .y_stride = y.stride,
                                 .rows = rows,
                                 .columns = columns});
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < columns; ++j) ASSERT_EQ(y.at(r, j), a.at(r, j * a_step));
    }
  }
}

TEST_P(Elements, SelectAndCopy) {
  check_select<uint8_t>(GetParam(), random);
  check_select<uint16_t>(GetParam(), random);
  check_select<uint32_t>(GetParam(), random);
  check_select<uint64_t>(GetParam(), random);
  EXPECT_EQ(select_kernel(16, GetParam()), nullptr);
  EXPECT_EQ(copy_kernel(3, GetParam()), nullptr);
}

// Quotients that are whole, or next to a whole number, of every size.
TEST_P(Elements, DividesLargeIntegers) {
  const ElementFn divide = elements2_kernel(Elements2::kDiv, ElementKind::kInt32, GetParam());
  constexpr int64_t kCount = 4099;
  std::vector<int32_t> a(kCount), b(kCount), y(kCount);
  for (int round = 0; round < 40; ++round) {
    for (size_t i = 0; i < a.size(); ++i) {
      const auto bits = static_cast<int>(pick(random, 0, 30));
      b[i] = static_cast<int32_t>(random()) >> bits;
      // A multiple of b as far as there is one, or next to it.
      const int64_t most = b[i] == 0 ? 0 : INT32_MAX / std::abs(static_cast<int64_t>(b[i]));
      const int64_t near = static_cast<int64_t>(b[i]) * pick(random, -most, most) + pick(random, -1, 1);
      a[i] = static_cast<int32_t>(std::clamp<int64_t>(near, INT32_MIN, INT32_MAX));
    }
    const int32_t special[] = {INT32_MIN, INT32_MAX, -1, 0, 1};
    for (size_t i = 0; i < 25; ++i) {
      a[i] = special[i / 5];
      b[i] = special[i % 5];
    }
    const bool one_divisor = round % 2 == 1;
    divide({.in = {a.data(), b.data(), nullptr},
            .step = {1, one_divisor ? 0 : 1, 0},
            .y = y.data(),
            .rows = 1,
            .columns = kCount});
    for (size_t i = 0; i < a.size(); ++i) {
      const int64_t divisor = b[one_divisor ? 0 : i];
      const int64_t want = divisor == 0 ? 0 : static_cast<int64_t>(a[i]) / divisor;
      ASSERT_EQ(y[i], static_cast<int32_t>(static_cast<uint32_t>(want))) << a[i] << " / " << divisor;
    }
  }
}

// fmod has no rounding: the bits are those of the C library, for quotients of every size, multiples and what is next to them.
template <class T>
void check_remainders(Isa isa, std::mt19937& random) {
  using Limits = std::numeric_limits<T>;
  const ElementFn fmod = elements2_kernel(Elements2::kFmod, kind_of<T>(), isa);
  const T special[] = {T{0},
                       -T{0},
                       T{1},
                       T{-3},
                       Limits::infinity(),
                       -Limits::infinity(),
                       Limits::quiet_NaN(),
                       Limits::denorm_min(),
                       -7 * Limits::denorm_min(),
                       Limits::min(),
                       Limits::max(),
                       Limits::lowest(),
                       static_cast<T>(0.1)};
  constexpr size_t kSpecial = std::size(special);
  constexpr int kDigits = Limits::digits;
  const auto draw = [&](int low, int high) {
    return std::ldexp(static_cast<T>(std::uniform_real_distribution<double>(-2, 2)(random)),
                      static_cast<int>(pick(random, low, high)));
  };
  std::vector<T> a(2000), b(2000), y(2000);
  for (int round = 0; round < 60; ++round) {
    const int scale = round % 3 == 0 ? 3 : round % 3 == 1 ? kDigits + 4 : Limits::max_exponent - 3;
    for (size_t i = 0; i < a.size(); ++i) {
      b[i] = draw(-std::min(scale, kDigits), 3);
      a[i] = draw(-scale, scale);
      if (i % 4 == 0)
        a[i] = b[i] * static_cast<T>(pick(random, -(int64_t{1} << (kDigits + 2)), int64_t{1} << (kDigits + 2)));
      if (i % 8 == 0) a[i] = std::nextafter(a[i], T{0});
      if (i % 16 == 1) a[i] = Limits::denorm_min() * static_cast<T>(pick(random, -100000, 100000));
      if (i % 32 == 1) b[i] = Limits::denorm_min() * static_cast<T>(pick(random, -1000, 1000));
    }
    for (size_t i = 0; i < kSpecial * kSpecial; ++i) {
      a[i] = special[i / kSpecial];
      b[i] = special[i % kSpecial];
    }
    const int64_t a_step = round % 5 == 1 ? 0 : 1, b_step = round % 5 == 2 ? 0 : 1;
    const size_t one = static_cast<size_t>(round) % kSpecial;
    fmod({.in = {a.data() + (a_step == 0 ? one : 0), b.data() + (b_step == 0 ? 200 + one : 0), nullptr},
          .step = {a_step, b_step, 0},
          .y = y.data(),
          .rows = 1,
          .columns = static_cast<int64_t>(y.size())});
    for (size_t i = 0; i < y.size(); ++i) {
      const T u = a[a_step == 0 ? one : i], v = b[b_step == 0 ? 200 + one : i], want = std::fmod(u, v);
      ASSERT_TRUE(std::isnan(want) ? std::isnan(y[i]) : std::memcmp(&want, &y[i], sizeof(T)) == 0)
          << "fmod(" << u << ", " << v << ") is " << want << ", not " << y[i];
    }
  }
}

TEST_P(Elements, RemaindersAreExact) {
  check_remainders<float>(GetParam(), random);
  check_remainders<double>(GetParam(), random);
}

template <class T>
void check_signs(Isa isa) {
  const ElementKind kind = kind_of<T>();
  const T least = std::numeric_limits<T>::lowest(), most = std::numeric_limits<T>::max();
  std::vector<T> x = {0, 1, 7, most, least, static_cast<T>(most - 1)};
  if constexpr (std::is_floating_point_v<T>) x.insert(x.end(), {INFINITY, -INFINITY, NAN, -0.0, -2.5});
  if constexpr (std::is_signed_v<T>) x.push_back(-3);
  std::vector<T> y(x.size());
  const auto of = [&](Elements1 op) {
    elements1_kernel(op, kind, isa)({.in = {x.data(), nullptr, nullptr},
                                     .step = {1, 0, 0},
                                     .y = y.data(),
                                     .rows = 1,
                                     .columns = static_cast<int64_t>(x.size())});
  };
  using Wide = std::conditional_t<std::is_floating_point_v<T>, T, __int128>;
  const auto same = [](T a, Wide b) { return a == static_cast<T>(b) || (a != a && b != b); };
  of(Elements1::kAbs);
  for (size_t i = 0; i < x.size(); ++i) ASSERT_TRUE(same(y[i], x[i] < T{0} ? -Wide{x[i]} : Wide{x[i]})) << +x[i];
  of(Elements1::kNeg);
  for (size_t i = 0; i < x.size(); ++i) ASSERT_TRUE(same(y[i], -Wide{x[i]})) << +x[i];
  of(Elements1::kSign);
  for (size_t i = 0; i < x.size(); ++i)
    ASSERT_TRUE(same(y[i], x[i] != x[i] ? Wide{x[i]} : static_cast<Wide>((x[i] > T{0}) - (x[i] < T{0})))) << +x[i];
}

TEST_P(Elements, AffineOfDoubles) {
  constexpr int64_t kRows = 3, kColumns = 21;
  std::vector<double> x(kRows * kColumns), scale(x.size()), shift(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = std::sin(static_cast<double>(i));
    scale[i] = std::cos(static_cast<double>(3 * i));
    shift[i] = std::sin(static_cast<double>(7 * i));
  }
  for (int steps = 0; steps < 8; ++steps) {
    ElementArgs args{.in = {x.data(), scale.data(), shift.data()}, .rows = kRows, .columns = kColumns};
    for (int k = 0; k < 3; ++k) {
      args.step[k] = steps >> k & 1;
      args.stride[k] = args.step[k] != 0 ? kColumns : 1;
    }
    std::vector<double> y(x.size() + 4, 77);
    args.y = y.data();
    args.y_stride = kColumns;
    affine_kernel_of_doubles(GetParam())(args);
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t j = 0; j < kColumns; ++j) {
        const auto at = [&](const std::vector<double>& v, int k) {
          return v[static_cast<size_t>(r * args.stride[k] + j * args.step[k])];
        };
        // Numbers up to 1: the product is rounded once or not at all, the sum once.
        EXPECT_NEAR(y[static_cast<size_t>(r * kColumns + j)], at(x, 0) * at(scale, 1) + at(shift, 2), 0x1p-52);
      }
    }
    for (size_t i = x.size(); i < y.size(); ++i) EXPECT_EQ(y[i], 77) << "behind the result";
  }
}

TEST_P(Elements, ClipsKeepNaN) {
  const double x[] = {-3, -1, 0, 2, 9, INFINITY, -INFINITY, NAN}, lo = -1, hi = 2, none = NAN;
  const ElementFn clip = clip_kernel(ElementKind::kFloat64, GetParam());
  double y[8];
  const auto run = [&](const double* least, const double* most) {
    clip({.in = {x, least, most}, .step = {1, 0, 0}, .y = y, .rows = 1, .columns = 8});
  };
  run(&lo, &hi);
  const double want[] = {-1, -1, 0, 2, 2, 2, -1};
  for (size_t i = 0; i < 7; ++i) EXPECT_EQ(y[i], want[i]);
  EXPECT_TRUE(std::isnan(y[7]));
  run(&hi, &lo);  // the upper bound wins
  for (size_t i = 0; i < 7; ++i) EXPECT_EQ(y[i], lo);
  run(&none, &hi);
  for (const double v : y) EXPECT_TRUE(std::isnan(v));
}

TEST_P(Elements, SignsOfAllTypes) {
  check_signs<double>(GetParam());
  check_signs<int8_t>(GetParam());
  check_signs<uint8_t>(GetParam());
  check_signs<int16_t>(GetParam());
  check_signs<uint16_t>(GetParam());
  check_signs<int32_t>(GetParam());
  check_signs<uint32_t>(GetParam());
  check_signs<int64_t>(GetParam());
  check_signs<uint64_t>(GetParam());
}

// Against long double, which has 11 bits more. Errors in units in the last place of the result, and what is no number.
TEST_P(Elements, FunctionsOfDoubles) {
  const struct {
    Elements1 op;
    long double (*of)(long double);
    double from, to;
    double ulps;
  } kFunctions[] = {
      {Elements1::kExp, std::exp, -708, 709.7, 2},
      {Elements1::kExp, std::exp, -1, 1, 2},
      {Elements1::kLog, std::log, 1e-300, 1e300, 2},
      {Elements1::kLog, std::log, 0.5, 2, 2},
      {Elements1::kLog, std::log, 1 - 1e-6, 1 + 1e-6, 2},
      {Elements1::kTanh, std::tanh, -25, 25, 3},
      {Elements1::kTanh, std::tanh, -1e-3, 1e-3, 3},
      {Elements1::kSigmoid, [](long double x) { return 1 / (1 + std::exp(-x)); }, -700, 50, 4},
      {Elements1::kErf, std::erf, -4, 4, 1},
      {Elements1::kSin, std::sin, -40, 40, 1},
      {Elements1::kCos, std::cos, -40, 40, 1},
      {Elements1::kSin, std::sin, -1.1e6, 1.1e6, 1},
      {Elements1::kCos, std::cos, -1.1e6, 1.1e6, 1},
      {Elements1::kSin, std::sin, -1e-3, 1e-3, 1},
      {Elements1::kTan, std::tan, -4, 4, 1},
      {Elements1::kAsin, std::asin, -1, 1, 1},
      {Elements1::kAcos, std::acos, -1, 1, 1},
      {Elements1::kAtan, std::atan, -9, 9, 1},
      {Elements1::kSinh, std::sinh, -9, 9, 2},
      {Elements1::kCosh, std::cosh, -9, 9, 2},
      {Elements1::kAsinh, std::asinh, -9, 9, 2},
      {Elements1::kAcosh, std::acosh, 1, 9, 2},
      {Elements1::kAtanh, std::atanh, -1, 1, 2},
      {Elements1::kFloor, std::floor, -9, 9, 0},
      {Elements1::kCeil, std::ceil, -9, 9, 0},
      {Elements1::kRound, std::nearbyint, -9, 9, 0},
      {Elements1::kReciprocal, [](long double x) { return 1 / x; }, -9, 9, 0.5},
  };
  const double special[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1.0, -1.0, 1e308, -1e308, 710, -750, 2.5, -0.5};
  for (const auto& f : kFunctions) {
    const ElementFn fn = elements1_kernel(f.op, ElementKind::kFloat64, GetParam());
    ASSERT_NE(fn, nullptr);
    std::vector<double> x(std::begin(special), std::end(special));
    std::uniform_real_distribution<double> draw(f.from, f.to), exponent(std::log(1e-300), std::log(1e300));
    for (int i = 0; i < 20000; ++i) x.push_back(f.from == 1e-300 ? std::exp(exponent(random)) : draw(random));
    if (f.op == Elements1::kSin || f.op == Elements1::kCos) {
      // Next to multiples of pi/2, where all leading digits vanish.
      for (int64_t n = -700000; n < 700000; n += 997) x.push_back(static_cast<double>(n) * 1.5707963267948966);
    }
    std::vector<double> y(x.size());
    fn({.in = {x.data(), nullptr, nullptr},
        .step = {1, 0, 0},
        .y = y.data(),
        .rows = 1,
        .columns = static_cast<int64_t>(x.size())});
    for (size_t i = 0; i < x.size(); ++i) {
      const long double want = f.of(static_cast<long double>(x[i]));
      const auto rounded = static_cast<double>(want);
      if (!std::isfinite(rounded)) {
        ASSERT_TRUE(y[i] == rounded || (std::isnan(y[i]) && std::isnan(rounded)))
            << name_of(f.op) << " of " << x[i] << " gave " << y[i] << " instead of " << rounded;
        continue;
      }
      if (want == 0) {
        ASSERT_EQ(y[i], 0) << name_of(f.op) << " of " << x[i];
      }
      const double ulp = std::max(std::nextafter(std::fabs(rounded), INFINITY) - std::fabs(rounded), 1e-323);
      const double slack = std::fabs(rounded) < 3e-308 ? 3e-308 : 0;  // below the normal numbers
      const auto error = static_cast<double>(std::fabs(static_cast<long double>(y[i]) - want));
      ASSERT_LE(error, (f.ulps + 0.01) * ulp + slack) << name_of(f.op) << " of " << x[i] << " gave " << y[i];
    }
  }
}

// All numbers of 16 bits.
TEST_P(Elements, SignsOfHalves) {
  const auto check = [&](Elements1 op, auto to_number, uint16_t one) {
    std::vector<uint16_t> x(65536), y(x.size());
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<uint16_t>(i);
    elements1_kernel(op, ElementKind::kUInt16, GetParam())(
        {.in = {x.data(), nullptr, nullptr}, .step = {1, 0, 0}, .y = y.data(), .rows = 1, .columns = 65536});
    for (size_t i = 0; i < x.size(); ++i) {
      const float number = to_number(x[i]);
      const int want = number > 0 ? one : number < 0 ? one | 0x8000 : number == 0 ? 0 : x[i];
      ASSERT_EQ(y[i], want) << name_of(op) << " of " << number;
    }
  };
  check(Elements1::kSignFloat16, [](uint16_t bits) { return to_float(Float16{bits}); }, 0x3c00);
  check(Elements1::kSignBFloat16, [](uint16_t bits) { return to_float(BFloat16{bits}); }, 0x3f80);
}

TEST_P(Elements, RootsOfDoubles) {
  const ElementFn root = elements1_kernel(Elements1::kSqrt, ElementKind::kFloat64, GetParam());
  for (int64_t columns = 1; columns < 40; ++columns) {
    std::vector<double> x(static_cast<size_t>(columns)), y(x.size() + 1, -7);
    for (double& v : x) v = static_cast<double>(random());
    x[0] = columns % 2 == 0 ? INFINITY : 0;
    root({.in = {x.data(), nullptr, nullptr}, .step = {1, 0, 0}, .y = y.data(), .rows = 1, .columns = columns});
    for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], std::sqrt(x[i]));
    ASSERT_EQ(y.back(), -7);
    x.back() = -1;
    root({.in = {x.data(), nullptr, nullptr}, .step = {1, 0, 0}, .y = y.data(), .rows = 1, .columns = columns});
    ASSERT_TRUE(std::isnan(y[x.size() - 1]));
  }
}

}  // namespace
}  // namespace cycloid::kernels
