#include "kernels/qgemm/qgemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

// Bytes whose end lies at an inaccessible page.
class Bytes {
 public:
  Bytes(int64_t count, std::mt19937& random) : count_(static_cast<size_t>(count)), memory_((count_ + 3) / 4) {
    // The ends of the range are as frequent as all between: they are what saturates.
    for (size_t i = 0; i < count_; ++i) {
      const int64_t kind = pick(random, 0, 3);
      data()[i] = static_cast<uint8_t>(kind == 0 ? 255 : kind == 1 ? 128 : kind == 2 ? 127 : pick(random, 0, 255));
    }
  }
  uint8_t* data() { return reinterpret_cast<uint8_t*>(memory_.data() + memory_.size()) - count_; }

 private:
  size_t count_;
  Guarded memory_;
};

int32_t value(const uint8_t* p, int64_t i, bool is_signed) {
  return is_signed ? static_cast<int32_t>(static_cast<int8_t>(p[i])) : p[i];
}

int32_t zero_point(std::mt19937& random, bool is_signed) {
  const int32_t low = is_signed ? -128 : 0;
  return static_cast<int32_t>(pick(random, 0, 3) == 0 ? low + 128 : pick(random, low, low + 255));
}

struct Operands {
  QgemmParams params;
  int32_t a_zero = 0;
  std::vector<int32_t> b_zeros;
  std::vector<int32_t> bias;
  std::vector<float> scale, float_bias;
  float factor = 1;
  int32_t c_zero = 0;
};

// What `C` must be where its exact sum is `sum`.
double expected(const Operands& o, int64_t sum, int64_t column) {
  const auto j = static_cast<size_t>(column);
  const float real = static_cast<float>(sum + (o.bias.empty() ? 0 : o.bias[j])) * (o.factor * o.scale[j]);
  switch (o.params.output) {
    case QgemmOutput::kInt32: return static_cast<double>(sum + (o.bias.empty() ? 0 : o.bias[j]));
    case QgemmOutput::kFloat:
      return static_cast<double>(real) + (o.float_bias.empty() ? 0 : static_cast<double>(o.float_bias[j]));
    case QgemmOutput::kBytes: break;
  }
  const double low = o.params.c_signed ? -128 : 0;
  return std::clamp(std::nearbyint(static_cast<double>(real)) + o.c_zero, low, low + 255);
}

void draw_ends(Operands& o, std::mt19937& random, int64_t columns) {
  QgemmParams& p = o.params;
  p.output = static_cast<QgemmOutput>(pick(random, 0, 2));
  p.c_signed = pick(random, 0, 1) == 0;
  p.threads = static_cast<int>(pick(random, 1, 3));
  p.a_signed = pick(random, 0, 1) == 0;
  p.b_signed = pick(random, 0, 1) == 0;
  o.a_zero = zero_point(random, p.a_signed);
  o.c_zero = zero_point(random, p.c_signed);
  o.factor = pick(random, 0, 1) == 0 ? 1.0f : 0.37f;
  o.scale.resize(static_cast<size_t>(columns));
  testing::fill_random(o.scale, random, 1e-4f, 1e-2f);
  if (pick(random, 0, 1) == 0) {
    for (int64_t j = 0; j < columns; ++j) o.bias.push_back(static_cast<int32_t>(pick(random, -100'000, 100'000)));
  }
  if (pick(random, 0, 1) == 0) {
    o.float_bias.resize(static_cast<size_t>(columns));
    testing::fill_random(o.float_bias, random, -3, 3);
  }
}

// Runs the plan in random ranges and compares each element of C with `sum(row, column)`.
template <class Sum>
void run_and_compare(const QgemmPlan& plan, const Operands& o, QgemmArgs args, int64_t matrices, int64_t rows,
                     int64_t columns, std::mt19937& random, Sum sum) {
  const QgemmParams& p = plan.params;
  const int64_t element = p.output == QgemmOutput::kBytes ? 1 : 4;
  const int64_t size = (rows - 1) * p.c_stride + columns;
  Bytes c((matrices - 1) * p.c_step * element + size * element, random);
  std::vector<uint8_t> before(c.data(), c.data() + ((matrices - 1) * p.c_step + size) * element);
  Guarded scratch((plan.scratch_bytes + 63) / 64 * 16);
  args.a_zero = o.a_zero;
  args.b_zero = o.b_zeros.empty() ? 0 : o.b_zeros[0];
  args.bias = o.bias.empty() ? nullptr : o.bias.data();
  args.scale = o.scale.data();
  args.factor = o.factor;
  args.float_bias = o.float_bias.empty() ? nullptr : o.float_bias.data();
  args.c_zero = o.c_zero;
  args.c = c.data();
  args.scratch = scratch.data();
  for (int64_t begin = 0; begin < plan.units;) {
    const int64_t end = std::min(plan.units, begin + pick(random, 1, plan.units));
    plan.run(args, begin, end);
    begin = end;
  }
  for (int64_t i = 0; i < matrices; ++i) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t at = i * p.c_step + r * p.c_stride + j;
        const double want = expected(o, sum(i, r, j), j);
        double got = 0;
        if (p.output == QgemmOutput::kBytes) {
          got = value(c.data(), at, p.c_signed);
        } else if (p.output == QgemmOutput::kInt32) {
          int32_t x = 0;
          std::memcpy(&x, c.data() + 4 * at, 4);
          got = x;
        } else {
          float x = 0;
          std::memcpy(&x, c.data() + 4 * at, 4);
          got = x;
          // A product and an addition, each rounded or both at once.
          const double bias = o.float_bias.empty() ? 0 : static_cast<double>(o.float_bias[static_cast<size_t>(j)]);
          ASSERT_NEAR(got, want, (std::fabs(want - bias) + std::fabs(bias)) * 0x1p-23)
              << "matrix " << i << " row " << r << " column " << j;
          continue;
        }
        ASSERT_EQ(got, want) << "matrix " << i << " row " << r << " column " << j;
      }
      // What lies between the rows is not touched.
      for (int64_t j = columns; j < p.c_stride && r + 1 < rows; ++j) {
        const int64_t at = (i * p.c_step + r * p.c_stride + j) * element;
        ASSERT_EQ(std::memcmp(c.data() + at, before.data() + at, static_cast<size_t>(element)), 0);
      }
    }
  }
  ASSERT_TRUE(scratch.intact());
}

std::vector<int32_t> draw_zeros(std::mt19937& random, bool is_signed, int64_t columns, bool constant) {
  std::vector<int32_t> zeros;
  const int64_t kind = pick(random, 0, 3);
  if (kind == 0) return zeros;
  if (kind == 1 || !constant) return {zero_point(random, is_signed)};
  for (int64_t j = 0; j < columns; ++j) zeros.push_back(zero_point(random, is_signed));
  return zeros;
}

int32_t zero_of(const std::vector<int32_t>& zeros, int64_t j) {
  return zeros.empty() ? 0 : zeros[zeros.size() == 1 ? 0 : static_cast<size_t>(j)];
}

void check_product(const QgemmKernel& kernel, int seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(static_cast<unsigned>(seed));
  Operands o;
  QgemmParams& p = o.params;
  p.m = pick(random, 1, pick(random, 0, 1) == 0 ? 5 : 50);
  p.n = pick(random, 1, pick(random, 0, 1) == 0 ? 20 : 150);
  p.k = pick(random, 1, pick(random, 0, 3) == 0 ? 700 : 90);
  p.b_constant = pick(random, 0, 1) == 0;
  p.b_transposed = pick(random, 0, 1) == 0;
  p.batch = pick(random, 0, 2) == 0 ? pick(random, 2, 4) : 1;
  draw_ends(o, random, p.n);
  o.b_zeros = draw_zeros(random, p.b_signed, p.n, p.b_constant);
  p.a_stride = p.k + pick(random, 0, 3);
  p.b_stride = (p.b_transposed ? p.k : p.n) + pick(random, 0, 3);
  p.c_stride = p.n + pick(random, 0, 3);
  const int64_t b_rows = p.b_transposed ? p.n : p.k, b_row = p.b_transposed ? p.k : p.n;
  const int64_t a_size = (p.m - 1) * p.a_stride + p.k, b_size = (b_rows - 1) * p.b_stride + b_row;
  p.a_step = a_size;
  p.b_step = p.b_constant || pick(random, 0, 1) == 0 ? 0 : b_size;
  p.c_step = p.m * p.c_stride + 1;
  Bytes a(p.batch * a_size, random), b((p.b_step == 0 ? 1 : p.batch) * b_size, random);

  const QgemmSelection selection = configure_qgemm(kernel, p);
  ASSERT_NE(std::get_if<QgemmPlan>(&selection), nullptr) << std::get<std::string>(selection);
  const QgemmPlan& plan = std::get<QgemmPlan>(selection);
  Guarded packed(plan.packed_bytes / sizeof(float));
  QgemmArgs args{.a = a.data(), .b = b.data(), .packed = packed.data()};
  if (p.b_constant) {
    plan.pack(b.data(), o.b_zeros, packed.data());
    args.b = nullptr;
  }
  run_and_compare(plan, o, args, p.batch, p.m, p.n, random, [&](int64_t i, int64_t r, int64_t j) {
    int64_t sum = 0;
    for (int64_t k = 0; k < p.k; ++k) {
      const int64_t at = i * p.b_step + (p.b_transposed ? j * p.b_stride + k : k * p.b_stride + j);
      sum += static_cast<int64_t>(value(a.data(), i * p.a_step + r * p.a_stride + k, p.a_signed) - o.a_zero) *
             (value(b.data(), at, p.b_signed) - zero_of(o.b_zeros, j));
    }
    return sum;
  });
}

void check_window(const QgemmKernel& kernel, int seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(static_cast<unsigned>(seed));
  Operands o;
  QgemmParams& p = o.params;
  QgemmWindow w;
  const int64_t kind = pick(random, 0, 3);  // depthwise, groups, or neither
  w.batch = pick(random, 1, 2);
  w.in_h = pick(random, 1, 9);
  w.in_w = pick(random, 1, 20);
  w.groups = kind == 0 ? pick(random, 1, 40) : kind == 1 ? pick(random, 2, 3) : 1;
  w.in_c = w.groups * (kind == 0 ? 1 : pick(random, 1, pick(random, 0, 1) == 0 ? 4 : 24));
  p.n = kind == 0 ? 1 : pick(random, 1, 40);
  w.kernel_h = pick(random, 1, std::min<int64_t>(5, w.in_h));
  w.kernel_w = pick(random, 1, std::min<int64_t>(5, w.in_w));
  w.stride_h = pick(random, 1, 2);
  w.stride_w = pick(random, 1, 3);
  w.dilation_h = pick(random, 1, 2);
  w.dilation_w = pick(random, 1, 2);
  w.pad_top = pick(random, 0, w.kernel_h);
  w.pad_left = pick(random, 0, w.kernel_w);
  w.out_h = pick(random, 1, (w.in_h + 2 * w.pad_top) / w.stride_h + 1);
  w.out_w = pick(random, 1, (w.in_w + 2 * w.pad_left) / w.stride_w + 1);
  w.in_stride = w.in_c + pick(random, 0, 1) * 3;
  draw_ends(o, random, w.groups * p.n);
  o.b_zeros = draw_zeros(random, p.b_signed, w.groups * p.n, true);
  p.b_transposed = true;
  p.c_stride = w.groups * p.n + pick(random, 0, 2);
  const int64_t channels = w.in_c / w.groups, taps = w.kernel_h * w.kernel_w, filters = w.groups * p.n;
  Bytes a((w.batch * w.in_h * w.in_w - 1) * w.in_stride + w.in_c, random), b(filters * channels * taps, random);
  if (kind == 0 && pick(random, 0, 1) == 0) {
    o.b_zeros.clear();
    p.b_fits = p.b_signed;
  }
  p.window = w;

  const QgemmSelection selection = configure_qgemm(kernel, p);
  ASSERT_NE(std::get_if<QgemmPlan>(&selection), nullptr) << std::get<std::string>(selection);
  const QgemmPlan& plan = std::get<QgemmPlan>(selection);
  Guarded packed(plan.packed_bytes / sizeof(float));
  plan.pack(b.data(), o.b_zeros, packed.data());
  const QgemmArgs args{.a = a.data(), .packed = packed.data()};
  run_and_compare(plan, o, args, 1, w.batch * w.out_h * w.out_w, filters, random, [&](int64_t, int64_t r, int64_t j) {
    const int64_t x = r % w.out_w, y = r / w.out_w % w.out_h, n = r / (w.out_w * w.out_h), g = j / p.n;
    int64_t sum = 0;
    for (int64_t i = 0; i < w.kernel_h; ++i) {
      for (int64_t t = 0; t < w.kernel_w; ++t) {
        const int64_t in_y = y * w.stride_h - w.pad_top + i * w.dilation_h;
        const int64_t in_x = x * w.stride_w - w.pad_left + t * w.dilation_w;
        if (in_y < 0 || in_y >= w.in_h || in_x < 0 || in_x >= w.in_w) continue;
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t from = ((n * w.in_h + in_y) * w.in_w + in_x) * w.in_stride + g * channels + c;
          sum += static_cast<int64_t>(value(a.data(), from, p.a_signed) - o.a_zero) *
                 (value(b.data(), (j * channels + c) * taps + i * w.kernel_w + t, p.b_signed) - zero_of(o.b_zeros, j));
        }
      }
    }
    return sum;
  });
}

class QgemmKernels : public ::testing::TestWithParam<QgemmKernel> {
 protected:
  void SetUp() override {
    if (!available(GetParam())) GTEST_SKIP() << GetParam().name << " is not available here";
  }
};

TEST_P(QgemmKernels, ProductsAreExact) {
  for (int seed = 0; seed < 300 && !HasFailure(); ++seed) check_product(GetParam(), seed);
}

TEST_P(QgemmKernels, ConvolutionsAreExact) {
  for (int seed = 0; seed < 300 && !HasFailure(); ++seed) check_window(GetParam(), seed);
}

std::vector<float> special_values(std::mt19937& random) {
  std::vector<float> x = {0.0f, -0.0f, NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f};
  for (int i = 0; i < 500; ++i) x.push_back(static_cast<float>(pick(random, -600, 600)) / 2.0f);  // ties
  for (int i = 0; i < 500; ++i) x.push_back(static_cast<float>(pick(random, -100'000, 100'000)) / 333.0f);
  return x;
}

TEST_P(QgemmKernels, QuantizeRoundsTiesToEvenAndSaturates) {
  std::mt19937 random(5);
  const std::vector<float> x = special_values(random);
  for (const bool is_signed : {false, true}) {
    for (const float scale : {1.0f, 0.3f, 7.0f}) {
      for (size_t count : {x.size(), size_t{17}, size_t{1}}) {
        const int32_t low = is_signed ? -128 : 0, zero = low + 100;
        std::vector<uint8_t> y(count + 1, 99);
        GetParam().kernels->quantize({.x = x.data(),
                                      .count = static_cast<int64_t>(count),
                                      .scale = scale,
                                      .zero = zero,
                                      .lo = low,
                                      .hi = low + 255,
                                      .y = y.data()});
        for (size_t i = 0; i < count; ++i) {
          const float quotient = x[i] / scale;
          const double want = std::isnan(x[i]) ? zero
                                               : std::clamp(std::nearbyint(static_cast<double>(quotient)) + zero,
                                                            static_cast<double>(low), low + 255.0);
          ASSERT_EQ(value(y.data(), static_cast<int64_t>(i), is_signed), want) << x[i];
        }
        EXPECT_EQ(y.back(), 99);
      }
    }
  }
}

TEST_P(QgemmKernels, ScalesOfEachElement) {
  std::mt19937 random(8);
  const std::vector<float> x = special_values(random);
  for (const bool is_signed : {false, true}) {
    for (const size_t count : {x.size(), size_t{33}, size_t{5}}) {
      const int32_t low = is_signed ? -8 : 0, high = low + 15;  // of 4-bit integers
      std::vector<float> scales, y(count + 1, 99);
      std::vector<int32_t> zeros;
      std::vector<uint8_t> codes(count + 1, 99);
      for (size_t i = 0; i < count; ++i) {
        scales.push_back(static_cast<float>(pick(random, 1, 900)) / 100.0f);
        zeros.push_back(low + static_cast<int32_t>(pick(random, 0, 15)));
      }
      GetParam().kernels->quantize({.x = x.data(),
                                    .count = static_cast<int64_t>(count),
                                    .scale = 1,
                                    .zero = 0,
                                    .lo = low,
                                    .hi = high,
                                    .y = codes.data(),
                                    .scales = scales.data(),
                                    .zeros = zeros.data()});
      GetParam().kernels->dequantize({.x = codes.data(),
                                      .x_signed = is_signed,
                                      .count = static_cast<int64_t>(count),
                                      .scale = 1,
                                      .zero = 0,
                                      .y = y.data(),
                                      .scales = scales.data(),
                                      .zeros = zeros.data()});
      for (size_t i = 0; i < count; ++i) {
        const float quotient = x[i] / scales[i];
        const double want = std::isnan(x[i]) ? zeros[i]
                                             : std::clamp(std::nearbyint(static_cast<double>(quotient)) + zeros[i],
                                                          static_cast<double>(low), static_cast<double>(high));
        ASSERT_EQ(value(codes.data(), static_cast<int64_t>(i), is_signed), want) << x[i];
        ASSERT_EQ(y[i], static_cast<float>(want - zeros[i]) * scales[i]);
      }
      EXPECT_EQ(codes.back(), 99);
      EXPECT_EQ(y.back(), 99);
    }
  }
}

// Codes of 16 bits, with one scale and with one for each element.
TEST_P(QgemmKernels, CodesOf16Bits) {
  std::mt19937 random(6);
  const std::vector<float> x = special_values(random);
  for (const bool is_signed : {false, true}) {
    for (const bool each : {false, true}) {
      for (const size_t count : {x.size(), size_t{19}, size_t{1}}) {
        const int32_t low = is_signed ? -32768 : 0;
        std::vector<float> scales(count, 0.003f), back(count + 1, 99);
        std::vector<int32_t> zeros(count, low + 30000);
        for (size_t i = 0; i < count && each; ++i) {
          scales[i] = 0.001f * static_cast<float>(1 + i % 7);
          zeros[i] = low + static_cast<int32_t>(i * 977 % 65536);
        }
        std::vector<uint16_t> y(count + 1, 99);
        GetParam().kernels->quantize({.x = x.data(),
                                      .count = static_cast<int64_t>(count),
                                      .scale = scales[0],
                                      .zero = zeros[0],
                                      .lo = low,
                                      .hi = low + 65535,
                                      .y = reinterpret_cast<uint8_t*>(y.data()),
                                      .scales = each ? scales.data() : nullptr,
                                      .zeros = each ? zeros.data() : nullptr,
                                      .words = true});
        GetParam().kernels->dequantize({.x = reinterpret_cast<const uint8_t*>(y.data()),
                                        .x_signed = is_signed,
                                        .count = static_cast<int64_t>(count),
                                        .scale = scales[0],
                                        .zero = zeros[0],
                                        .y = back.data(),
                                        .scales = each ? scales.data() : nullptr,
                                        .zeros = each ? zeros.data() : nullptr,
                                        .words = true});
        for (size_t i = 0; i < count; ++i) {
          const float quotient = x[i] / scales[i];
          const double want = std::isnan(x[i]) ? zeros[i]
                                               : std::clamp(std::nearbyint(static_cast<double>(quotient)) + zeros[i],
                                                            static_cast<double>(low), low + 65535.0);
          const int32_t got = is_signed ? int32_t{static_cast<int16_t>(y[i])} : int32_t{y[i]};
          ASSERT_EQ(got, want) << x[i];
          ASSERT_EQ(back[i], static_cast<float>(got - zeros[i]) * scales[i]);
        }
        EXPECT_EQ(y.back(), 99);
        EXPECT_EQ(back.back(), 99);
      }
    }
  }
}

TEST_P(QgemmKernels, DequantizeBinaryAndRange) {
  std::mt19937 random(6);
  for (const int64_t count : {1, 7, 16, 40, 133}) {
    Bytes a(count, random), b(count, random);
    for (const bool is_signed : {false, true}) {
      std::vector<float> y(static_cast<size_t>(count));
      GetParam().kernels->dequantize(
          {.x = a.data(), .x_signed = is_signed, .count = count, .scale = 0.3f, .zero = 5, .y = y.data()});
      for (int64_t i = 0; i < count; ++i)
        ASSERT_EQ(y[static_cast<size_t>(i)], static_cast<float>(value(a.data(), i, is_signed) - 5) * 0.3f);
      for (const bool product : {false, true}) {
        for (const int64_t b_step : {0, 1}) {
          std::vector<uint8_t> q(static_cast<size_t>(count));
          const QbinaryRow row{.a = a.data(),
                               .b = b.data(),
                               .a_step = 1,
                               .b_step = b_step,
                               .y = q.data(),
                               .count = count,
                               .is_signed = is_signed,
                               .product = product,
                               .a_scale = 0.3f,
                               .b_scale = 0.2f,
                               .y_scale = product ? 2.0f : 0.35f,
                               .a_zero = 3,
                               .b_zero = -4,
                               .y_zero = 11};
          GetParam().kernels->binary(row);
          const double low = is_signed ? -128 : 0;
          for (int64_t i = 0; i < count; ++i) {
            const float u = static_cast<float>(value(a.data(), i, is_signed) - 3) * 0.3f;
            const float v = static_cast<float>(value(b.data(), i * b_step, is_signed) + 4) * 0.2f;
            const float real = (product ? u * v : u + v) / row.y_scale;
            const double want = std::clamp(std::nearbyint(static_cast<double>(real)) + 11, low, low + 255);
            ASSERT_EQ(value(q.data(), i, is_signed), want);
          }
        }
      }
    }
    Guarded x(static_cast<size_t>(count));
    testing::fill_random(x, random, -2, 3);
    if (count > 2) x[1] = NAN;
    float low = 1, high = 1, want_low = 0, want_high = 0;
    GetParam().kernels->range(x.data(), count, low, high);
    for (const float e : x) want_low = std::min(want_low, e), want_high = std::max(want_high, e);
    EXPECT_EQ(low, want_low);
    EXPECT_EQ(high, want_high);
  }
}

// All pairs of bytes with scales that make ties and near ties: the quotient is rounded as a division rounds it.
TEST_P(QgemmKernels, BinaryOfAllPairs) {
  std::mt19937 random(17);
  std::vector<uint8_t> a(65536), b(65536), q(65536);
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<uint8_t>(i % 256);
    b[i] = static_cast<uint8_t>(i / 256);
  }
  std::uniform_real_distribution<float> draw(0.001f, 0.4f);
  for (int round = 0; round < 24; ++round) {
    const bool is_signed = round % 2 == 0, product = round % 4 >= 2;
    const float unit = draw(random), zeros = round % 3 == 0 ? 0 : 1;
    QbinaryRow row{.a = a.data(),
                   .b = b.data(),
                   .a_step = 1,
                   .b_step = 1,
                   .y = q.data(),
                   .count = 65536,
                   .is_signed = is_signed,
                   .product = product,
                   .a_scale = round < 8 ? unit : draw(random),
                   .b_scale = round < 8 ? unit : draw(random),
                   .y_scale = round < 8 ? (product ? 64 : 2) * unit : draw(random),
                   .a_zero = static_cast<int32_t>(pick(random, 0, 127) * static_cast<int64_t>(zeros)),
                   .b_zero = static_cast<int32_t>(pick(random, 0, 127) * static_cast<int64_t>(zeros)),
                   .y_zero = static_cast<int32_t>(pick(random, 0, 127) * static_cast<int64_t>(zeros))};
    if (round == 20) row.y_scale = 1e-30f;  // far beyond every byte
    if (round == 21) row.y_scale = 1e30f;
    if (round == 22) row.a_scale = 1e9f;
    if (round == 23) row.y_scale = 2e-7f;
    GetParam().kernels->binary(row);
    const double low = is_signed ? -128 : 0;
    for (int64_t i = 0; i < row.count; ++i) {
      const float u = static_cast<float>(value(a.data(), i, is_signed) - row.a_zero) * row.a_scale;
      const float v = static_cast<float>(value(b.data(), i, is_signed) - row.b_zero) * row.b_scale;
      const float real = (product ? u * v : u + v) / row.y_scale;
      const double want = std::clamp(std::nearbyint(static_cast<double>(real)) + row.y_zero, low, low + 255);
      ASSERT_EQ(value(q.data(), i, is_signed), want)
          << round << ": " << int{a[static_cast<size_t>(i)]} << ", " << int{b[static_cast<size_t>(i)]};
    }
  }
}

TEST_P(QgemmKernels, MaxPool) {
  std::mt19937 random(8);
  for (const int64_t channels : {1, 15, 16, 70}) {
    const int64_t pixels = 5, step = 2 * channels + 1, tap_count = pick(random, 1, 9);
    Bytes x(tap_count * 3 + (pixels - 1) * step + channels, random);
    std::vector<const uint8_t*> taps;
    for (int64_t i = 0; i < tap_count; ++i) taps.push_back(x.data() + 3 * i);
    for (const bool is_signed : {false, true}) {
      std::vector<uint8_t> y(static_cast<size_t>(pixels * (channels + 2)), 9);
      GetParam().kernels->max_pool({.taps = taps.data(),
                                    .tap_count = tap_count,
                                    .step = step,
                                    .pixels = pixels,
                                    .channels = channels,
                                    .is_signed = is_signed,
                                    .y = y.data(),
                                    .y_stride = channels + 2});
      for (int64_t p = 0; p < pixels; ++p) {
        for (int64_t j = 0; j < channels; ++j) {
          int32_t want = -1000;
          for (const uint8_t* tap : taps) want = std::max(want, value(tap, p * step + j, is_signed));
          ASSERT_EQ(value(y.data(), p * (channels + 2) + j, is_signed), want);
        }
        ASSERT_EQ(y[static_cast<size_t>(p * (channels + 2) + channels)], 9);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, QgemmKernels,
                         ::testing::ValuesIn(std::vector<QgemmKernel>(qgemm_kernels().begin(), qgemm_kernels().end())),
                         [](const auto& info) { return std::string(info.param.name.substr(6)); });

TEST(SelectQgemm, SaysWhyItDeclines) {
  EXPECT_EQ(std::get<std::string>(select_qgemm({.m = 0}, Isa::kScalar)), "a size is not positive");
  EXPECT_EQ(std::get<std::string>(select_qgemm({.k = 40'000}, Isa::kScalar)), "sums that may leave 32 bits");
}

}  // namespace
}  // namespace cycloid::kernels
