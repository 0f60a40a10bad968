#include "kernels/move/move.h"

#include <algorithm>
#include <cstring>

namespace cycloid::kernels {
namespace {

struct Dim {
  int64_t size, in_stride, out_stride;
};

// Transposes [rows][columns]: in is contiguous along rows' index r, out along columns' index c:
// out[r * out_stride + c] = in[r + c * in_stride]. Blocks of 16 x 16 keep both sides' lines in L1.
template <class T>
void transpose(const T* in, int64_t in_stride, T* out, int64_t out_stride, int64_t rows, int64_t columns) {
  constexpr int64_t kBlock = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
    const int64_t r_end = std::min(rows, r0 + kBlock);
    for (int64_t c0 = 0; c0 < columns; c0 += kBlock) {
      const int64_t c_end = std::min(columns, c0 + kBlock);
      for (int64_t r = r0; r < r_end; ++r) {
        T* to = out + r * out_stride;
        const T* from = in + r;
        for (int64_t c = c0; c < c_end; ++c) to[c] = from[c * in_stride];
      }
    }
  }
}

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

// 4 x 4 blocks in registers; the rest as above.
void transpose_floats(const float* in, int64_t in_stride, float* out, int64_t out_stride, int64_t rows,
                      int64_t columns) {
  if (columns == 3 && out_stride == 3) return interleave3(in, in_stride, out, rows);
  const int64_t rows4 = rows / 4 * 4, columns4 = columns / 4 * 4;
  constexpr int64_t kBlock = 16;
  for (int64_t r0 = 0; r0 < rows4; r0 += kBlock) {
    const int64_t r_end = std::min(rows4, r0 + kBlock);
    for (int64_t c = 0; c < columns4; c += 4) {
      for (int64_t r = r0; r < r_end; r += 4) {
        const float* p = in + c * in_stride + r;
        const Float4 a = load4(p), b = load4(p + in_stride), d = load4(p + 2 * in_stride), e = load4(p + 3 * in_stride);
        const Float4 ab_lo = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                     ab_hi = __builtin_shufflevector(a, b, 2, 6, 3, 7);
        const Float4 de_lo = __builtin_shufflevector(d, e, 0, 4, 1, 5),
                     de_hi = __builtin_shufflevector(d, e, 2, 6, 3, 7);
        float* q = out + r * out_stride + c;
        store4(q, __builtin_shufflevector(ab_lo, de_lo, 0, 1, 4, 5));
        store4(q + out_stride, __builtin_shufflevector(ab_lo, de_lo, 2, 3, 6, 7));
        store4(q + 2 * out_stride, __builtin_shufflevector(ab_hi, de_hi, 0, 1, 4, 5));
        store4(q + 3 * out_stride, __builtin_shufflevector(ab_hi, de_hi, 2, 3, 6, 7));
      }
    }
  }
  transpose(in + columns4 * in_stride, in_stride, out + columns4, out_stride, rows4, columns - columns4);
  transpose(in + rows4, in_stride, out + rows4 * out_stride, out_stride, rows - rows4, columns);
}
#endif

void transpose_bytes(int64_t element_bytes, const char* in, int64_t in_stride, char* out, int64_t out_stride,
                     int64_t rows, int64_t columns) {
  const auto go = [&]<class T>(T) {
    transpose(reinterpret_cast<const T*>(in), in_stride, reinterpret_cast<T*>(out), out_stride, rows, columns);
  };
  switch (element_bytes) {
    case 1: return go(uint8_t{});
    case 2: return go(uint16_t{});
    case 8: return go(uint64_t{});
    default:
#if defined(__GNUC__)
      return transpose_floats(reinterpret_cast<const float*>(in), in_stride, reinterpret_cast<float*>(out), out_stride,
                              rows, columns);
#else
      return go(uint32_t{});
#endif
  }
}

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
                                                    int64_t element_bytes, int threads,
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
  const int last = rank - 1;
  for (int64_t unit = begin; unit < end; ++unit) {
    int64_t rest = unit / row_parts, in_at = 0, out_at = 0;
    for (int i = last - 1; i >= 0; --i) {
      if (i == column) continue;
      const int64_t index = rest % size[i];
      rest /= size[i];
      in_at += index * in_stride[i];
      out_at += index * out_stride[i];
    }
    if (copies_runs) {
      std::memcpy(to + out_at * element_bytes, from + in_at * element_bytes,
                  static_cast<size_t>(size[last] * element_bytes));
    } else if (column >= 0) {
      const int64_t part = unit % row_parts;
      const int64_t row = part * size[column] / row_parts, row_end = (part + 1) * size[column] / row_parts;
      transpose_bytes(element_bytes, from + (in_at + row) * element_bytes, in_stride[last],
                      to + (out_at + row * out_stride[column]) * element_bytes, out_stride[column], row_end - row,
                      size[last]);
    } else {
      for (int64_t j = 0; j < size[last]; ++j) {
        std::memcpy(to + (out_at + j * out_stride[last]) * element_bytes,
                    from + (in_at + j * in_stride[last]) * element_bytes, static_cast<size_t>(element_bytes));
      }
    }
  }
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
