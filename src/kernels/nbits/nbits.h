// Products with weights of 2, 4 or 8 bits, each block of which along the depth has a scale and a zero point:
//
//   C = A W' + bias,   W[j][i] = (code - zero point) * scale
//
// The protocol is that of conv/conv.h. Few rows of A are multiplied with the codes, so that a token costs the reading of the
// packed weights; for many rows panels of weights are unpacked once and go to the register tile of igemm.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/cpu.h"
#include "kernels/igemm/igemm.h"
#include "kernels/nbits/bodies.h"

namespace cycloid::kernels {

// Sizes are positive. `block` is even.
struct NbitsParams {
  int64_t m = 1, n = 1, k = 1;
  int64_t bits = 4;  // 2, 4 or 8
  int64_t block = 32;
  bool has_bias = false;
  int threads = 1;

  int64_t blocks() const { return (k + block - 1) / block; }
  double flops() const { return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k); }
};

struct NbitsArgs {
  const float* a = nullptr;  // [m][k]
  const void* packed = nullptr;
  const float* bias = nullptr;  // [n]
  float* c = nullptr;           // [m][n]
  void* scratch = nullptr;      // NbitsPlan::scratch_bytes of this thread's own, at a multiple of 64
};

struct NbitsPlan {
  NbitsParams params;
  std::string_view name;  // "nbits.rows" or "nbits.tiles"
  const NbitsBodies* bodies = nullptr;
  const IgemmKernels* igemm = nullptr;
  size_t packed_bytes = 0;
  size_t scratch_bytes = 0;  // per thread
  int64_t units = 0;
  // Derived: see nbits.cpp.
  int64_t panels = 0, unit_panels = 1, stored_bits = 4, k_block = 0;
  bool tiles = false;

  // From codes as MatMulNBits has them, [n][blocks][block * bits / 8] with the first in the lowest bits, and scales and zero
  // points [n][blocks]; without zero points they are half of the codes' range.
  void pack(const uint8_t* codes, const float* scales, const float* zero_points, void* packed) const;
  void run(const NbitsArgs& args, int64_t begin, int64_t end) const;

 private:
  NbitsPanel panel(const void* packed, int64_t i) const;
  void run_rows(const NbitsArgs& args, int64_t begin, int64_t end) const;
  void run_tiles(const NbitsArgs& args, int64_t begin, int64_t end) const;
};

NbitsPlan plan_nbits(const NbitsParams& params, Isa isa);

}  // namespace cycloid::kernels
