// Products of 8-bit matrices and convolutions of 8-bit images, summed exactly in 32 bits:
//
//   S = (A - a_zero)(B - b_zero) + bias,   C = S, clamp(round(S * scale) + c_zero) or S * scale + float_bias
//
// The protocol is that of conv/conv.h: select at plan time, pack B where it is constant, run ranges of units. Results do not
// depend on the instruction set, nor on the split into ranges. A convolution is a product whose rows of A are windows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/cpu.h"
#include "kernels/qgemm/qtile.h"

namespace cycloid::kernels {

enum class QgemmOutput { kInt32, kBytes, kFloat };

// Windows of a channels-last image, as in ConvParams: pixel p, channel c at a[p * in_stride + c].
struct QgemmWindow {
  int64_t batch = 1;
  int64_t in_h = 1, in_w = 1, in_c = 1;
  int64_t out_h = 1, out_w = 1;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t in_stride = 0;  // 0 means in_c
  int64_t groups = 1;     // then n and k are those of one group, and C has groups * n columns
};

// Sizes are positive; strides are elements from row to row as stored, 0 means dense. With a window, m, k, a_stride and the
// batch follow from it.
struct QgemmParams {
  int64_t batch = 1, m = 1, n = 1, k = 1;
  bool a_signed = false, b_signed = true;
  bool b_constant = true;     // B is given to pack() and is the same for the whole batch
  bool b_fits = false;        // all of B less its zero points are in [-128, 127]; kernels of their own need it
  bool b_transposed = false;  // B is stored [n][k] (a convolution's weights: [groups * n][channels][taps])
  int64_t a_stride = 0, b_stride = 0, c_stride = 0;
  int64_t a_step = 0, b_step = 0, c_step = 0;  // from matrix to matrix, where there is no table
  const int64_t* a_offsets = nullptr;
  const int64_t* b_offsets = nullptr;
  std::optional<QgemmWindow> window;
  QgemmOutput output = QgemmOutput::kInt32;
  bool c_signed = false;  // of kBytes
  int threads = 1;

  double flops() const {
    return 2.0 * static_cast<double>(batch) * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
};

// Arrays of n are of groups * n where there are groups.
struct QgemmArgs {
  const void* a = nullptr;
  const void* b = nullptr;       // where not b_constant
  const void* packed = nullptr;  // where b_constant
  int32_t a_zero = 0;
  int32_t b_zero = 0;             // where not b_constant
  const int32_t* bias = nullptr;  // [n] or null
  const float* scale = nullptr;   // [n]; for kBytes and kFloat
  float factor = 1;               // times each scale; 1 leaves it as it is
  const float* float_bias = nullptr;
  int32_t c_zero = 0;
  void* c = nullptr;
  void* scratch = nullptr;  // QgemmPlan::scratch_bytes of this thread's own, at a multiple of 64
};

struct QgemmPlan {
  QgemmParams params;     // strides of 0 replaced by what they mean
  std::string_view name;  // "qgemm.avx512vnni"
  const QtileKernels* kernels = nullptr;
  size_t packed_bytes = 0;   // 0 unless b_constant
  size_t scratch_bytes = 0;  // per thread
  int64_t units = 0;
  // Derived: see qgemm.cpp.
  int64_t steps = 0, vectors = 0, panels = 0, tile_rows = 0, tiles = 0, splits = 0, block_tiles = 0, group_bytes = 0;
  bool direct = false, depthwise = false;

  // Fills `packed` from B as stored and its zero points, one or n (groups * n) of them.
  void pack(const void* b, std::span<const int32_t> b_zeros, void* packed) const;
  void run(const QgemmArgs& args, int64_t begin, int64_t end) const;
};

struct QgemmKernel {
  std::string_view name;
  Isa isa;
  const QtileKernels* kernels;
  bool (*available)();  // beside the instruction set
};

// Every kernel of this build, the best of an instruction set last.
std::span<const QgemmKernel> qgemm_kernels();
bool available(const QgemmKernel& kernel);
// The best available kernel's functions on rows.
const QtileKernels& qtile_kernels(Isa isa);

using QgemmSelection = std::variant<QgemmPlan, std::string>;
QgemmSelection configure_qgemm(const QgemmKernel& kernel, const QgemmParams& params);
QgemmSelection select_qgemm(const QgemmParams& params, Isa isa);

}  // namespace cycloid::kernels
