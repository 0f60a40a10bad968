// Moving elements without computing: permuted dimensions (NCHW to NHWC and any other), and strided copies (concat,
// split).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/cpu.h"
#include "kernels/move/transpose.h"

namespace cycloid::kernels {

inline constexpr int kMaxPermuteRank = 8;

// A permutation made ready: dimensions of size 1 are dropped and neighbours that stay together are merged, so that what
// is left is a loop over blocks, each a 2-D transposition or a run of copies.
struct PermutePlan {
  int rank = 0;  // 0 copies one element
  int64_t element_bytes = 4;
  int64_t size[kMaxPermuteRank] = {};       // of the output's dimensions, outermost first
  int64_t in_stride[kMaxPermuteRank] = {};  // in elements, per output dimension
  int64_t out_stride[kMaxPermuteRank] = {};
  bool copies_runs = false;  // the innermost dimension is contiguous on both sides
  int column = -1;           // otherwise: the output dimension that is contiguous in the input
  int64_t outer = 1;         // blocks: product of the dimensions that the inner loop does not cover
  int64_t row_parts = 1;     // a block's innermost output dimension is cut into so many units
  int64_t units = 1;
  TransposeFn transpose = nullptr;  // of a block

  // Moves units [begin, end); ranges may run at the same time. `out` must not overlap `in`.
  void run(const void* in, void* out, int64_t begin, int64_t end) const;

  // The innermost of the loops over blocks, or -1.
  int innermost_outer() const {
    const int i = rank - 2;
    return i >= 0 && i == column ? i - 1 : i;
  }

 private:
  void transpose_rows(const char* in, char* out, int64_t rows, int64_t blocks) const;
};

// The output's dimension i is the input's dimension order[i]; `shape` is the input's. Strides are in elements per input
// dimension (empty: dense); the output is dense unless `out_strides` (per output dimension) is given.
// A reason where the rank is above kMaxPermuteRank, the order is no permutation, or the element size is not 1, 2, 4
// or 8.
std::variant<PermutePlan, std::string> plan_permute(std::span<const int64_t> shape, std::span<const int64_t> order,
                                                    int64_t element_bytes, Isa isa, int threads = 1,
                                                    std::span<const int64_t> in_strides = {},
                                                    std::span<const int64_t> out_strides = {});

// Copies `rows` rows of `bytes` bytes; strides in bytes.
void copy_rows(const void* in, int64_t in_stride, void* out, int64_t out_stride, int64_t rows, int64_t bytes);

}  // namespace cycloid::kernels
