// Elements picked by what they, or flags, hold, and boxes by their scores: what NonZero, Compress and NonMaxSuppression do. How
// many there are is known only afterwards.
//
// One body for all instruction sets: nearly all of the work is to find the place of the next result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cycloid::kernels {

inline constexpr size_t kMaxPickRank = 8;

// What tells an element from 0: its bits, or its bits but the sign.
enum class ZeroTest { kBits8, kBits16, kBits32, kBits64, kFloat16, kFloat32, kFloat64 };

int64_t count_non_zeros(ZeroTest test, const void* x, int64_t n);

// The coordinates of the `count` elements that are not 0, in row-major order: y is [rank][count]. Ranks 1 to kMaxPickRank.
void find_non_zeros(ZeroTest test, const void* x, std::span<const int64_t> dims, int64_t count, int64_t* y);

// y gets the elements, of 1, 2, 4 or 8 bytes, whose flag is not 0.
void pick_elements(int64_t element_bytes, const void* x, const uint8_t* flags, int64_t n, void* y);

// The same of runs of `run_bytes`, neighbours in one copy. Gives the end of what was written.
std::byte* pick_runs(int64_t run_bytes, const std::byte* x, const uint8_t* flags, int64_t n, std::byte* y);

struct SuppressParams {
  bool by_center = false;  // boxes are x, y, width, height, else two opposite corners y, x, y, x
  float overlap = 0;       // intersection over union beyond which the box of the lower score goes
  bool has_score = false;
  float score = 0;   // boxes with no more than that are not looked at
  int64_t most = 0;  // boxes that are kept
  // Asked now and then; what was kept so far is the result where it says true. May be null.
  bool (*stopping)() = nullptr;

  static std::size_t scratch_bytes(int64_t n, int64_t most) {
    return static_cast<std::size_t>(n) * 8 + static_cast<std::size_t>(most < n ? most : n) * 20 + 64;
  }
};

// Which of n boxes (four floats each) are kept, best first; how many. Of equal scores the first box comes first, and what is
// no number is behind all. `kept` has room for min(most, n).
int64_t suppress(const SuppressParams& params, const float* boxes, const float* scores, int64_t n, void* scratch,
                 int64_t* kept);

}  // namespace cycloid::kernels
