#include "kernels/lanes/lanes.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

const LaneBodies& bodies(Isa isa) { return CYCLOID_ISA_TABLE(isa, lane_bodies); }

template <class F>
void with_type(LaneType type, F f) {
  switch (type) {
    case LaneType::kFloat32: return f(float{});
    case LaneType::kFloat64: return f(double{});
    case LaneType::kInt32: return f(int32_t{});
    case LaneType::kInt64: return f(int64_t{});
    case LaneType::kInt8: return f(int8_t{});
    case LaneType::kUInt8: return f(uint8_t{});
  }
}

// A strict order in which NaN is above all numbers.
template <class T>
inline bool above(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a > b || (a != a && b == b);
  return a > b;
}

// One comparison an element: !(a <= b) is also true of a NaN, which ends the search for the greatest.
template <class T, bool kGreatest, bool kLast>
int64_t arg_row(const T* x, int64_t n) {
  int64_t at = 0;
  while (!kGreatest && at + 1 < n && x[at] != x[at]) ++at;  // the least is a number where there is one
  if (!kGreatest && x[at] != x[at]) return 0;
  T best = x[at];
  if (best != best) return at;
  for (int64_t k = at + 1; k < n; ++k) {
    const T v = x[k];
    const bool better = kGreatest ? (kLast ? !(v < best) : !(v <= best)) : (kLast ? v <= best : v < best);
    if (!better) continue;
    best = v;
    at = k;
    if (v != v) break;
  }
  return at;
}

template <class T, bool kGreatest, bool kLast>
void arg(const Lanes& l, const T* x, int64_t* y, int64_t begin, int64_t end) {
  const auto better = [](T a, T b) {
    if (kGreatest ? above(a, b) : above(b, a)) return true;
    return kLast && a == b;
  };
  for (int64_t outer = begin; outer < end; ++outer) {
    const T* from = x + outer * l.n * l.inner;
    int64_t* to = y + outer * l.inner;
    if (l.inner == 1) {
      *to = arg_row<T, kGreatest, kLast>(from, l.n);
      continue;
    }
    std::fill_n(to, l.inner, 0);
    for (int64_t k = 1; k < l.n; ++k) {
      for (int64_t j = 0; j < l.inner; ++j) {
        if (better(from[k * l.inner + j], from[to[j] * l.inner + j])) to[j] = k;
      }
    }
  }
}

// The first greatest of n elements side by side, where a NaN after the first is never greater. Several candidates at once, as
// many as the compiler likes to take in vectors; then the place of the best of them.
template <class T>
int64_t first_greatest(const T* x, int64_t n) {
  constexpr int64_t kSide = 32;
  if (x[0] != x[0]) return 0;
  T best[kSide];
  std::fill_n(best, kSide, x[0]);
  int64_t i = 0;
  for (; i + kSide <= n; i += kSide) {
    for (int64_t j = 0; j < kSide; ++j) best[j] = best[j] < x[i + j] ? x[i + j] : best[j];
  }
  for (; i < n; ++i) best[0] = best[0] < x[i] ? x[i] : best[0];
  T greatest = best[0];
  for (const T candidate : best) greatest = greatest < candidate ? candidate : greatest;
  for (i = 0; i + kSide <= n; i += kSide) {
    int found = 0;
    for (int64_t j = 0; j < kSide; ++j) found |= x[i + j] == greatest;
    if (found != 0) break;
  }
  while (x[i] != greatest) ++i;
  return i;
}

template <class T>
void hardmax(const Lanes& l, const T* x, T* y, int64_t begin, int64_t end) {
  std::fill(y + begin * l.n * l.inner, y + end * l.n * l.inner, T(0));
  for (int64_t outer = begin; outer < end; ++outer) {
    const T* from = x + outer * l.n * l.inner;
    T* to = y + outer * l.n * l.inner;
    if (l.inner == 1) {
      to[first_greatest(from, l.n)] = 1;
      continue;
    }
    constexpr int64_t kBlock = 64;  // lanes side by side
    for (int64_t j0 = 0; j0 < l.inner; j0 += kBlock) {
      const int64_t count = std::min(kBlock, l.inner - j0);
      T best[kBlock];
      int64_t at[kBlock] = {};
      std::copy_n(from + j0, count, best);
      for (int64_t k = 1; k < l.n; ++k) {
        for (int64_t j = 0; j < count; ++j) {
          const T value = from[k * l.inner + j0 + j];
          const bool greater = best[j] < value;
          best[j] = greater ? value : best[j];
          at[j] = greater ? k : at[j];
        }
      }
      for (int64_t j = 0; j < count; ++j) to[at[j] * l.inner + j0 + j] = 1;
    }
  }
}

template <class T>
struct Entry {
  T value;
  int64_t index;
};

// Whether any of `count` elements may come before `worst`; NaN is left to the caller's own comparison. All are looked at, so
// that the compiler can take several at once.
template <class T, bool kLargest>
inline bool any_better(const T* x, int64_t count, T worst) {
  int better = 0;
  for (int64_t i = 0; i < count; ++i) better |= kLargest ? !(x[i] <= worst) : !(x[i] >= worst);
  return better != 0;
}

template <class T, bool kLargest>
inline bool is_better(T a, T b) {
  return kLargest ? above(a, b) : above(b, a);
}

// The best k elements seen, in order: a new one moves those that it is better than. For few of them.
template <class T, bool kLargest>
class SortedBest {
 public:
  SortedBest(Entry<T>* entries, int64_t k) : entries_(entries), k_(k) {}
  void start(T value, int64_t index) { insert(index, {value, index}); }
  void replace_worst(T value, int64_t index) { insert(k_ - 1, {value, index}); }
  T worst() const { return entries_[k_ - 1].value; }
  void finish() {}

 private:
  // Among equal ones the last: it comes later in the lane.
  void insert(int64_t at, Entry<T> entry) {
    for (; at > 0 && is_better<T, kLargest>(entry.value, entries_[at - 1].value); --at) entries_[at] = entries_[at - 1];
    entries_[at] = entry;
  }

  Entry<T>* entries_;
  int64_t k_;
};

// The same for many: what may be among them is kept in twice the room, which is halved when it is full. Until then the bound is
// older than it could be, so a little more is kept, but nothing is moved at each.
template <class T, bool kLargest>
class SelectedBest {
 public:
  SelectedBest(Entry<T>* entries, int64_t k) : entries_(entries), k_(k) {}
  void start(T value, int64_t index) {
    entries_[count_++] = {value, index};
    if (count_ == k_) worst_ = std::max_element(entries_, entries_ + k_, before)->value;
  }
  void replace_worst(T value, int64_t index) {
    entries_[count_++] = {value, index};
    if (count_ == 2 * k_) select();
  }
  T worst() const { return worst_; }
  void finish() {
    if (count_ > k_) select();
    std::sort(entries_, entries_ + k_, before);
  }

 private:
  static bool before(const Entry<T>& a, const Entry<T>& b) {
    if (is_better<T, kLargest>(a.value, b.value)) return true;
    if (is_better<T, kLargest>(b.value, a.value)) return false;
    return a.index < b.index;
  }
  void select() {
    std::nth_element(entries_, entries_ + k_ - 1, entries_ + count_, before);
    count_ = k_;
    worst_ = entries_[k_ - 1].value;
  }

  Entry<T>* entries_;
  int64_t k_, count_ = 0;
  T worst_{};
};

template <class T, bool kLargest, class Best>
void top_lane(const T* lane, int64_t n, int64_t step, int64_t k, Best best) {
  for (int64_t i = 0; i < k; ++i) best.start(lane[i * step], i);
  constexpr int64_t kBlock = 32;
  for (int64_t i = k; i < n;) {
    const int64_t end = std::min(n, i + kBlock);
    if (step == 1 && !any_better<T, kLargest>(lane + i, end - i, best.worst())) {
      i = end;
      continue;
    }
    for (; i < end; ++i) {
      const T value = lane[i * step];
      if (is_better<T, kLargest>(value, best.worst())) best.replace_worst(value, i);
    }
  }
  best.finish();
}

template <class T, bool kLargest>
void top(const TopParams& p, const T* x, T* values, int64_t* indices, Entry<T>* entries, int64_t begin, int64_t end) {
  if (p.k <= 0) return;
  constexpr int64_t kFew = 64;  // moving half of them is no more work than selecting
  const int64_t n = p.lanes.n, inner = p.lanes.inner;
  for (int64_t at = begin; at < end; ++at) {
    const int64_t outer = at / inner, j = at % inner;
    const T* lane = x + outer * n * inner + j;
    if (p.k <= kFew)
      top_lane<T, kLargest>(lane, n, inner, p.k, SortedBest<T, kLargest>(entries, p.k));
    else
      top_lane<T, kLargest>(lane, n, inner, p.k, SelectedBest<T, kLargest>(entries, p.k));
    for (int64_t i = 0; i < p.k; ++i) {
      const int64_t to = (outer * p.k + i) * inner + j;
      values[to] = entries[i].value;
      indices[to] = entries[i].index;
    }
  }
}

}  // namespace

void arg_lanes(const ArgParams& p, const void* x, int64_t* y, int64_t begin, int64_t end) {
  with_type(p.lanes.type, [&]<class T>(T) {
    const T* from = static_cast<const T*>(x);
    if (p.greatest)
      p.last ? arg<T, true, true>(p.lanes, from, y, begin, end) : arg<T, true, false>(p.lanes, from, y, begin, end);
    else
      p.last ? arg<T, false, true>(p.lanes, from, y, begin, end) : arg<T, false, false>(p.lanes, from, y, begin, end);
  });
}

SumFn cumulative_sum_kernel(LaneType type, Isa isa) { return bodies(isa).sum[static_cast<int>(type)]; }

LaneReduceFn lane_reduce_kernel(LaneType type, LaneReduction reduction, Isa isa) {
  return bodies(isa).reduce[static_cast<int>(type)][static_cast<int>(reduction)];
}

void top_lanes(const TopParams& params, const void* x, void* values, int64_t* indices, void* scratch, int64_t begin,
               int64_t end) {
  with_type(params.lanes.type, [&]<class T>(T) {
    const auto run = params.largest ? top<T, true> : top<T, false>;
    run(params, static_cast<const T*>(x), static_cast<T*>(values), indices, static_cast<Entry<T>*>(scratch), begin,
        end);
  });
}

void hardmax_lanes(const Lanes& lanes, const void* x, void* y, int64_t begin, int64_t end) {
  if (lanes.type == LaneType::kFloat32)
    hardmax(lanes, static_cast<const float*>(x), static_cast<float*>(y), begin, end);
  else
    hardmax(lanes, static_cast<const double*>(x), static_cast<double*>(y), begin, end);
}

}  // namespace cycloid::kernels
