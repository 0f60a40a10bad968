#include "kernels/move/move.h"

#include <algorithm>
#include <cstring>

namespace cycloid::kernels {
namespace {

struct Dim {
  int64_t size, in_stride, out_stride;
};

#if defined(__GNUC__)
typedef float Float4 __attribute__((vector_size(16)));

Float4 load4(const float* p) {
  Float4 x;
  __builtin_memcpy(&x, p, sizeof(x));
  return x;
}
void store4(float* p, Float4 x) { __builtin_memcpy(p, &x, sizeof(x)); }

// Three planes into pixels of three: an image to channels-last.
void interleave3(const float* in, int64_t in_stride, float* out, int64_t rows) {
  const float *p = in, *q = in + in_stride, *s = in + 2 * in_stride;
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, out += 12) {
    const Float4 a = load4(p + r), b = load4(q + r), c = load4(s + r);
    store4(out, __builtin_shufflevector(__builtin_shufflevector(a, b, 0, 4, 1, 5), c, 0, 1, 4, 2));
    store4(out + 4, __builtin_shufflevector(__builtin_shufflevector(b, c, 1, 5, 2, 6), a, 0, 1, 6, 2));
    store4(out + 8, __builtin_shufflevector(c, __builtin_shufflevector(a, b, 3, 7, 2, 6), 2, 4, 5, 3));
  }
  for (; r < rows; ++r, out += 3) {
    out[0] = p[r];
    out[1] = q[r];
    out[2] = s[r];
  }
}

#endif

// Elements `step` apart, one after the other.
template <class T>
void gather_run(const char* in, int64_t in_step, char* out, int64_t out_step, int64_t count) {
  const T* from = reinterpret_cast<const T*>(in);
  T* to = reinterpret_cast<T*>(out);
  if (out_step == 1) {
    for (int64_t j = 0; j < count; ++j) to[j] = from[j * in_step];
  } else {
    for (int64_t j = 0; j < count; ++j) to[j * out_step] = from[j * in_step];
  }
}

using GatherFn = void (*)(const char*, int64_t, char*, int64_t, int64_t);
GatherFn gather_of(int64_t element_bytes) {
  switch (element_bytes) {
    case 1: return gather_run<uint8_t>;
    case 2: return gather_run<uint16_t>;
    case 4: return gather_run<uint32_t>;
    default: return gather_run<uint64_t>;
  }
}

// What a unit moves, `position` counting the blocks in the order of the output.
class BlockAt {
 public:
  BlockAt(const PermutePlan& plan, int64_t position) : plan_(plan) {
    for (int i = plan.rank - 2; i >= 0; --i) {
      if (i == plan.column) continue;
      index_[i] = position % plan.size[i];
      position /= plan.size[i];
      in_ += index_[i] * plan.in_stride[i];
      out_ += index_[i] * plan.out_stride[i];
    }
  }
  int64_t in() const { return in_; }
  int64_t out() const { return out_; }
  // Blocks from this one on that only the innermost loop tells apart.
  int64_t in_a_row() const {
    const int i = plan_.innermost_outer();
    return i < 0 ? 1 : plan_.size[i] - index_[i];
  }
  // On by up to so many.
  void skip(int64_t blocks) {
    const int i = plan_.innermost_outer();
    if (i >= 0) {
      index_[i] += blocks - 1;
      in_ += (blocks - 1) * plan_.in_stride[i];
      out_ += (blocks - 1) * plan_.out_stride[i];
    }
    next();
  }
  void next() {
    for (int i = plan_.rank - 2; i >= 0; --i) {
      if (i == plan_.column) continue;
      in_ += plan_.in_stride[i];
      out_ += plan_.out_stride[i];
      if (++index_[i] < plan_.size[i]) return;
      in_ -= index_[i] * plan_.in_stride[i];
      out_ -= index_[i] * plan_.out_stride[i];
      index_[i] = 0;
    }
  }

 private:
  const PermutePlan& plan_;
  int64_t index_[kMaxPermuteRank] = {};
  int64_t in_ = 0, out_ = 0;
};

// Drops dimensions of size 1 and merges neighbours that are contiguous with each other on both sides.
std::vector<Dim> simplify(const std::vector<Dim>& dims) {
  std::vector<Dim> out;
  for (const Dim& d : dims) {
    if (d.size == 1) continue;
    if (!out.empty() && out.back().in_stride == d.size * d.in_stride &&
        out.back().out_stride == d.size * d.out_stride) {
      out.back() = {out.back().size * d.size, d.in_stride, d.out_stride};
    } else {
      out.push_back(d);
    }
  }
  return out;
}

}  // namespace

std::variant<PermutePlan, std::string> plan_permute(std::span<const int64_t> shape, std::span<const int64_t> order,
                                                    int64_t element_bytes, Isa isa, int threads,
                                                    std::span<const int64_t> in_strides,
                                                    std::span<const int64_t> out_strides) {
  const size_t rank = shape.size();
  if (rank > kMaxPermuteRank) return "more than 8 dimensions";
  if (order.size() != rank || (!in_strides.empty() && in_strides.size() != rank) ||
      (!out_strides.empty() && out_strides.size() != rank)) {
    return "shape, order and strides differ in rank";
  }
  if (element_bytes != 1 && element_bytes != 2 && element_bytes != 4 && element_bytes != 8) {
    return "elements are not of 1, 2, 4 or 8 bytes";
  }
  std::vector<int64_t> in_dense(rank, 1);
  for (size_t i = rank; i-- > 1;) in_dense[i - 1] = in_dense[i] * shape[i];
  std::vector<Dim> dims(rank);
  std::vector<bool> seen(rank);
  int64_t dense = 1;
  bool empty = false;
  for (size_t i = rank; i-- > 0;) {
    const size_t from = static_cast<size_t>(order[i]);
    if (order[i] < 0 || from >= rank || seen[from]) return "the order is not a permutation";
    seen[from] = true;
    dims[i] = {shape[from], in_strides.empty() ? in_dense[from] : in_strides[from],
               out_strides.empty() ? dense : out_strides[i]};
    dense *= shape[from];
    empty = empty || shape[from] <= 0;
  }
  PermutePlan plan;
  plan.element_bytes = element_bytes;
  plan.transpose = transpose_kernel(isa, element_bytes);
  if (empty) {
    plan.units = 0;
    return plan;
  }
  dims = simplify(dims);
  plan.rank = static_cast<int>(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) {
    plan.size[i] = dims[i].size;
    plan.in_stride[i] = dims[i].in_stride;
    plan.out_stride[i] = dims[i].out_stride;
  }
  if (plan.rank == 0) return plan;
  const int last = plan.rank - 1;
  plan.copies_runs = plan.in_stride[last] == 1 && plan.out_stride[last] == 1;
  if (!plan.copies_runs) {
    // The inner loop is a transposition of the output's innermost dimension with the input's, where both exist;
    // otherwise (strides above 1 everywhere) with any other dimension.
    for (int i = 0; i < last; ++i) {
      if (plan.in_stride[i] == 1) plan.column = i;
    }
    if (plan.column < 0 || plan.out_stride[last] != 1) plan.column = -1;
  }
  for (int i = 0; i < last; ++i) {
    if (i != plan.column) plan.outer *= plan.size[i];
  }
  if (plan.column >= 0 && plan.outer < 4 * threads && threads > 1) {
    plan.row_parts = std::clamp<int64_t>(plan.size[plan.column] / 16, 1, (4 * threads + plan.outer - 1) / plan.outer);
  }
  plan.units = plan.outer * plan.row_parts;
  return plan;
}

void PermutePlan::run(const void* in, void* out, int64_t begin, int64_t end) const {
  const char* from = static_cast<const char*>(in);
  char* to = static_cast<char*>(out);
  if (rank == 0) {
    if (begin < end) std::memcpy(to, from, static_cast<size_t>(element_bytes));
    return;
  }
  if (begin >= end) return;
  const int last = rank - 1;
  BlockAt at(*this, begin / row_parts);
  if (copies_runs) {
    const auto bytes = static_cast<size_t>(size[last] * element_bytes);
    for (int64_t unit = begin; unit < end; ++unit, at.next())
      std::memcpy(to + at.out() * element_bytes, from + at.in() * element_bytes, bytes);
  } else if (column >= 0) {
    for (int64_t unit = begin; unit < end;) {
      const int64_t part = unit % row_parts;
      const int64_t row = part * size[column] / row_parts, row_end = (part + 1) * size[column] / row_parts;
      const int64_t blocks = row_parts == 1 ? std::min(at.in_a_row(), end - unit) : 1;
      transpose_rows(from + (at.in() + row) * element_bytes, to + (at.out() + row * out_stride[column]) * element_bytes,
                     row_end - row, blocks);
      unit += blocks;
      if (part + 1 == row_parts) at.skip(blocks);
    }
  } else {
    const GatherFn gather = gather_of(element_bytes);
    for (int64_t unit = begin; unit < end; ++unit, at.next())
      gather(from + at.in() * element_bytes, in_stride[last], to + at.out() * element_bytes, out_stride[last],
             size[last]);
  }
}

void PermutePlan::transpose_rows(const char* in, char* out, int64_t rows, int64_t blocks) const {
  const int last = rank - 1, repeated = innermost_outer();
  const int64_t in_block = repeated < 0 ? 0 : in_stride[repeated], out_block = repeated < 0 ? 0 : out_stride[repeated];
#if defined(__GNUC__)
  if (element_bytes == 4 && size[last] == 3 && out_stride[column] == 3) {
    for (int64_t i = 0; i < blocks; ++i) {
      interleave3(reinterpret_cast<const float*>(in) + i * in_block, in_stride[last],
                  reinterpret_cast<float*>(out) + i * out_block, rows);
    }
    return;
  }
#endif
  transpose({in, in_stride[last], out, out_stride[column], rows, size[last], blocks, in_block, out_block});
}

void copy_rows(const void* in, int64_t in_stride, void* out, int64_t out_stride, int64_t rows, int64_t bytes) {
  const char* from = static_cast<const char*>(in);
  char* to = static_cast<char*>(out);
  if (in_stride == bytes && out_stride == bytes) {
    std::memcpy(to, from, static_cast<size_t>(rows * bytes));
    return;
  }
  for (int64_t r = 0; r < rows; ++r) {
    std::memcpy(to + r * out_stride, from + r * in_stride, static_cast<size_t>(bytes));
  }
}

}  // namespace cycloid::kernels
