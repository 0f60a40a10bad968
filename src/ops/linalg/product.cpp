#include "ops/linalg/product.h"

#include <cstring>

#include "base/error.h"

namespace cycloid {
namespace {

// A vector of the compiler: it becomes the widest instructions of the target of the function that uses it.
using Vector = double __attribute__((vector_size(64)));
constexpr std::int64_t kLanes = 8;

// Two vectors of columns by four rows: eight independent sums hide the latency of a multiply-add.
[[gnu::always_inline]] inline void accumulate(const double* rows, const double* panel, std::int64_t depth,
                                              double* sums) {
  for (std::int64_t t = 0; t < kPanelColumns; t += 2 * kLanes) {
    Vector sum[kPanelRows][2];
    for (int r = 0; r < kPanelRows; ++r) std::memcpy(sum[r], sums + r * kPanelColumns + t, sizeof(sum[r]));
    for (std::int64_t k = 0; k < depth; ++k) {
      Vector b[2];
      std::memcpy(b, panel + k * kPanelColumns + t, sizeof(b));
      for (int r = 0; r < kPanelRows; ++r) {
        const double a = rows[r * kPanelDepth + k];
        sum[r][0] += a * b[0];
        sum[r][1] += a * b[1];
      }
    }
    for (int r = 0; r < kPanelRows; ++r) std::memcpy(sums + r * kPanelColumns + t, sum[r], sizeof(sum[r]));
  }
}

#if defined(__x86_64__)
[[gnu::target("avx512f")]] void accumulate_avx512(const double* rows, const double* panel, std::int64_t depth,
                                                  double* sums) {
  accumulate(rows, panel, depth, sums);
}
[[gnu::target("avx2,fma")]] void accumulate_avx2(const double* rows, const double* panel, std::int64_t depth,
                                                 double* sums) {
  accumulate(rows, panel, depth, sums);
}
#endif

}  // namespace

void accumulate_panel(const double* rows, const double* panel, std::int64_t depth, double* sums) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return accumulate_avx512(rows, panel, depth, sums);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return accumulate_avx2(rows, panel, depth, sums);
#endif
  accumulate(rows, panel, depth, sums);
}

void accumulate_panel(const std::uint64_t* rows, const std::uint64_t* panel, std::int64_t depth, std::uint64_t* sums) {
  for (std::int64_t r = 0; r < kPanelRows; ++r) {
    for (std::int64_t k = 0; k < depth; ++k) {
      const std::uint64_t a = rows[r * kPanelDepth + k];
      for (std::int64_t t = 0; t < kPanelColumns; ++t) sums[r * kPanelColumns + t] += a * panel[k * kPanelColumns + t];
    }
  }
}

Result<Tensor> widened(const Tensor& tensor) {
  if (tensor.dtype() != DType::kFloat16 && tensor.dtype() != DType::kBFloat16) return tensor;
  CYCLOID_ASSIGN(Tensor wide, Tensor::empty(DType::kFloat32, tensor.dims()));
  const auto to = wide.mutable_data<float>();
  dispatch<Float16, BFloat16>(tensor.dtype(), [&]<class T>(T) {
    std::ranges::transform(tensor.data<T>(), to.begin(), [](T x) { return to_float(x); });
  });
  return wide;
}

Result<Tensor> narrowed(Tensor tensor, DType dtype) {
  if (tensor.dtype() == dtype) return tensor;
  CYCLOID_CHECK(tensor.dtype() == DType::kFloat32);
  CYCLOID_ASSIGN(Tensor narrow, Tensor::empty(dtype, tensor.dims()));
  const auto from = tensor.data<float>();
  if (dtype == DType::kFloat16) {
    std::ranges::transform(from, narrow.mutable_data<Float16>().begin(), to_float16);
  } else {
    CYCLOID_CHECK(dtype == DType::kBFloat16);
    std::ranges::transform(from, narrow.mutable_data<BFloat16>().begin(), to_bfloat16);
  }
  return narrow;
}

Result<std::vector<double>> doubles(const Tensor& tensor) {
  CYCLOID_ASSIGN(const Tensor wide, widened(tensor));
  std::vector<double> values;
  const bool done = dispatch<float, double, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                             std::uint16_t, std::uint32_t, std::uint64_t, bool>(wide.dtype(), [&]<class T>(T) {
    const auto data = wide.data<T>();
    values.assign(data.begin(), data.end());
  });
  if (!done) return invalid_argument("numbers are needed, not {}", to_string(tensor.dtype()));
  return values;
}

}  // namespace cycloid
