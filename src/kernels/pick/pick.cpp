#include "kernels/pick/pick.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace cycloid::kernels {
namespace {

// Elements between two looks at how many were found: their places go into memory of this size without a branch.
constexpr int64_t kChunk = 512;

template <class T, T kMask>
struct Bits {
  using Element = T;
  static bool non_zero(T x) { return (x & kMask) != 0; }
};

// Calls f with the test's type.
template <class F>
void with_test(ZeroTest test, F f) {
  switch (test) {
    case ZeroTest::kBits8: return f(Bits<uint8_t, 0xff>{});
    case ZeroTest::kBits16: return f(Bits<uint16_t, 0xffff>{});
    case ZeroTest::kBits32: return f(Bits<uint32_t, 0xffffffff>{});
    case ZeroTest::kBits64: return f(Bits<uint64_t, ~uint64_t{0}>{});
    case ZeroTest::kFloat16: return f(Bits<uint16_t, 0x7fff>{});
    case ZeroTest::kFloat32: return f(Bits<uint32_t, 0x7fffffff>{});
    case ZeroTest::kFloat64: return f(Bits<uint64_t, 0x7fffffffffffffff>{});
  }
}

// Of a row: the places that are not 0, counted from `first`.
template <class Test>
int64_t find_in_row(const typename Test::Element* x, int64_t n, int64_t first, int64_t* y) {
  int64_t found = 0, places[kChunk];
  for (int64_t begin = 0; begin < n; begin += kChunk) {
    const int64_t count = std::min(kChunk, n - begin);
    int64_t k = 0;
    for (int64_t j = 0; j < count; ++j) {
      places[k] = first + begin + j;
      k += Test::non_zero(x[begin + j]) ? 1 : 0;
    }
    std::copy_n(places, k, y + found);
    found += k;
  }
  return found;
}

template <class Test>
void find_all(const typename Test::Element* x, std::span<const int64_t> dims, int64_t count, int64_t* y) {
  const size_t last = dims.size() - 1;
  const int64_t columns = dims[last];
  int64_t rows = 1;
  for (size_t d = 0; d < last; ++d) rows *= dims[d];
  std::array<int64_t, kMaxPickRank> at = {};
  int64_t found = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t of_row =
        find_in_row<Test>(x + r * columns, columns, 0, y + static_cast<int64_t>(last) * count + found);
    for (size_t d = 0; d < last; ++d) std::fill_n(y + static_cast<int64_t>(d) * count + found, of_row, at[d]);
    found += of_row;
    for (size_t d = last; d-- > 0;) {
      if (++at[d] < dims[d]) break;
      at[d] = 0;
    }
  }
}

template <class T>
void pick(const T* x, const uint8_t* flags, int64_t n, T* y) {
  T picked[kChunk];
  for (int64_t begin = 0; begin < n; begin += kChunk) {
    const int64_t count = std::min(kChunk, n - begin);
    int64_t k = 0;
    for (int64_t j = 0; j < count; ++j) {
      picked[k] = x[begin + j];
      k += flags[begin + j] != 0 ? 1 : 0;
    }
    y = std::copy_n(picked, k, y);
  }
}

struct Box {
  float x0, y0, x1, y1;

  static Box read(const float* from, bool by_center) {
    if (by_center) return {from[0] - from[2] / 2, from[1] - from[3] / 2, from[0] + from[2] / 2, from[1] + from[3] / 2};
    return {std::min(from[1], from[3]), std::min(from[0], from[2]), std::max(from[1], from[3]),
            std::max(from[0], from[2])};
  }
  float area() const { return (x1 - x0) * (y1 - y0); }
};

// The boxes kept so far, by coordinate, so that a candidate is compared with several at once.
struct Kept {
  float *x0, *y0, *x1, *y1, *area;
  int64_t count = 0;

  Kept(float* memory, int64_t most) : x0(memory), y0(x0 + most), x1(y0 + most), y1(x1 + most), area(y1 + most) {}

  void add(const Box& box) {
    x0[count] = box.x0;
    y0[count] = box.y0;
    x1[count] = box.x1;
    y1[count] = box.y1;
    area[count++] = box.area();
  }

  // Whether intersection over union with one of them passes the bound. In float32, as everyone computes it: a tie is decided
  // alike.
  bool hide(const Box& box, float bound) const {
    constexpr int64_t kBlock = 32;
    const float own = box.area();
    for (int64_t begin = 0; begin < count; begin += kBlock) {
      const int64_t end = std::min(begin + kBlock, count);
      int hidden = 0;
      for (int64_t i = begin; i < end; ++i) {
        const float width = std::min(box.x1, x1[i]) - std::max(box.x0, x0[i]);
        const float height = std::min(box.y1, y1[i]) - std::max(box.y0, y0[i]);
        const float intersection = width * height, all = own + area[i] - intersection;
        const bool real = (width > 0) & (height > 0) & (own > 0) & (area[i] > 0) & (all > 0);
        hidden |= static_cast<int>(real & (intersection / all > bound));
      }
      if (hidden != 0) return true;
    }
    return false;
  }
};

struct Candidate {
  float score;
  int32_t box;
};
// The order of a heap: its front is the one that is before no other.
bool comes_later(const Candidate& a, const Candidate& b) {
  return a.score < b.score || (a.score == b.score && a.box > b.box);
}

}  // namespace

int64_t count_non_zeros(ZeroTest test, const void* x, int64_t n) {
  int64_t count = 0;
  with_test(test, [&]<class Test>(Test) {
    const auto* data = static_cast<const typename Test::Element*>(x);
    // In parts whose count fits 32 bits, which vectors add up.
    constexpr int64_t kPart = int64_t{1} << 30;
    for (int64_t begin = 0; begin < n; begin += kPart) {
      const int64_t end = std::min(begin + kPart, n);
      int32_t part = 0;
      for (int64_t i = begin; i < end; ++i) part += Test::non_zero(data[i]) ? 1 : 0;
      count += part;
    }
  });
  return count;
}

void find_non_zeros(ZeroTest test, const void* x, std::span<const int64_t> dims, int64_t count, int64_t* y) {
  if (count == 0) return;
  with_test(test,
            [&]<class Test>(Test) { find_all<Test>(static_cast<const typename Test::Element*>(x), dims, count, y); });
}

void pick_elements(int64_t element_bytes, const void* x, const uint8_t* flags, int64_t n, void* y) {
  const auto as = [&]<class T>(T) { pick(static_cast<const T*>(x), flags, n, static_cast<T*>(y)); };
  if (element_bytes == 1) as(uint8_t{});
  if (element_bytes == 2) as(uint16_t{});
  if (element_bytes == 4) as(uint32_t{});
  if (element_bytes == 8) as(uint64_t{});
}

std::byte* pick_runs(int64_t run_bytes, const std::byte* x, const uint8_t* flags, int64_t n, std::byte* y) {
  for (int64_t i = 0; i < n;) {
    if (flags[i] == 0) {
      ++i;
      continue;
    }
    const int64_t begin = i;
    while (i < n && flags[i] != 0) ++i;
    const auto bytes = static_cast<size_t>((i - begin) * run_bytes);
    std::memcpy(y, x + begin * run_bytes, bytes);
    y += bytes;
  }
  return y;
}

int64_t suppress(const SuppressParams& params, const float* boxes, const float* scores, int64_t n, void* scratch,
                 int64_t* kept) {
  auto* const candidates = static_cast<Candidate*>(scratch);
  int64_t left = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float score = std::isnan(scores[i]) ? -std::numeric_limits<float>::infinity() : scores[i];
    candidates[left] = {score, static_cast<int32_t>(i)};
    left += !params.has_score || scores[i] > params.score ? 1 : 0;
  }
  const int64_t most = std::min(params.most, n);
  Kept found(reinterpret_cast<float*>(candidates + n), most);
  // Few of many are looked at where few are kept: a heap is made in the time of one look at each.
  std::make_heap(candidates, candidates + left, comes_later);
  for (int64_t looked = 0; left > 0 && found.count < most; ++looked) {
    if (params.stopping != nullptr && looked % 64 == 63 && params.stopping()) break;
    const int32_t at = candidates[0].box;
    std::pop_heap(candidates, candidates + left--, comes_later);
    const Box box = Box::read(boxes + int64_t{4} * at, params.by_center);
    if (found.hide(box, params.overlap)) continue;
    kept[found.count] = at;
    found.add(box);
  }
  return found.count;
}

}  // namespace cycloid::kernels
