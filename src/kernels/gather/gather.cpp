#include "kernels/gather/gather.h"

#include <cstring>

namespace cycloid::kernels {
namespace {

// Index `i` counted from the end where it is negative; false where it is outside.
inline bool wrap(int64_t& i, int64_t size) {
  i += i < 0 ? size : 0;
  return static_cast<uint64_t>(i) < static_cast<uint64_t>(size);
}

// kBytes: of a run where that is known, so that a copy is a load and a store; 0 otherwise.
template <class Index, size_t kBytes>
std::optional<int64_t> gather_runs(const GatherArgs& t, int64_t begin, int64_t end) {
  const auto* indices = static_cast<const Index*>(t.indices.data);
  const size_t bytes = kBytes != 0 ? kBytes : static_cast<size_t>(t.run_bytes);
  const auto run = static_cast<int64_t>(bytes);
  std::byte* to = t.y + begin * run;
  for (int64_t row = begin; row < end;) {
    const int64_t outer = row / t.count, first = row % t.count;
    const int64_t last = first + (end - row) < t.count ? first + (end - row) : t.count;
    const std::byte* from = t.data + outer * t.size * run;
    for (int64_t i = first; i < last; ++i, to += run) {
      int64_t index = indices[i];
      if (!wrap(index, t.size)) return indices[i];
      std::memcpy(to, from + index * run, bytes);
    }
    row += last - first;
  }
  return {};
}

template <class Index>
std::optional<int64_t> gather_sized(const GatherArgs& t, int64_t begin, int64_t end) {
  switch (t.run_bytes) {
    case 1: return gather_runs<Index, 1>(t, begin, end);
    case 2: return gather_runs<Index, 2>(t, begin, end);
    case 4: return gather_runs<Index, 4>(t, begin, end);
    case 8: return gather_runs<Index, 8>(t, begin, end);
    case 16: return gather_runs<Index, 16>(t, begin, end);
    case 32: return gather_runs<Index, 32>(t, begin, end);
    case 64: return gather_runs<Index, 64>(t, begin, end);
    case 128: return gather_runs<Index, 128>(t, begin, end);
    case 256: return gather_runs<Index, 256>(t, begin, end);
    default: return gather_runs<Index, 0>(t, begin, end);
  }
}

int64_t row_offset(const ElementIndex& at, int64_t row) {
  int64_t offset = 0;
  for (int d = at.rank - 1; d >= 0; --d) {
    offset += row % at.dims[d] * at.stride[d];
    row /= at.dims[d];
  }
  return offset;
}

// Calls visit(row * columns + j, place in data) for all elements of the rows. kLast: indices count along the rows, so that an
// element's place is its index; a multiplication for each took as long as the rest.
template <bool kLast, class Index, class Visit>
inline std::optional<int64_t> visit_rows(const ElementIndex& at, Indices indices, int64_t begin, int64_t end,
                                         Visit visit) {
  const int64_t columns = at.columns, size = at.axis_size, column_stride = at.column_stride, stride = at.axis_stride;
  for (int64_t row = begin; row < end; ++row) {
    const Index* list = static_cast<const Index*>(indices.data) + row * columns;
    int64_t offset = row_offset(at, row);
    for (int64_t j = 0; j < columns; ++j) {
      int64_t index = list[j];
      if (!wrap(index, size)) return list[j];
      visit(row * columns + j, kLast ? offset + index : offset + index * stride);
      if (!kLast) offset += column_stride;
    }
  }
  return {};
}

template <class Index, class Visit>
inline std::optional<int64_t> visit_elements(const ElementIndex& at, Indices indices, int64_t begin, int64_t end,
                                             Visit visit) {
  return at.axis_stride == 1 && at.column_stride == 0 ? visit_rows<true, Index>(at, indices, begin, end, visit)
                                                      : visit_rows<false, Index>(at, indices, begin, end, visit);
}

// Calls f(T{}) with an unsigned integer of the element's size.
template <class F>
std::optional<int64_t> by_size(int64_t bytes, F f) {
  switch (bytes) {
    case 1: return f(uint8_t{});
    case 2: return f(uint16_t{});
    case 4: return f(uint32_t{});
    default: return f(uint64_t{});
  }
}

template <class Visit>
std::optional<int64_t> visit_tuples(const TupleIndex& at, Indices indices, int64_t begin, int64_t end, Visit visit) {
  for (int64_t t = begin; t < end; ++t) {
    int64_t offset = t / at.per_batch * at.batch_stride;
    for (int d = 0; d < at.depth; ++d) {
      int64_t index = indices[t * at.depth + d];
      if (!wrap(index, at.size[d])) return indices[t * at.depth + d];
      offset += index * at.stride[d];
    }
    visit(t, offset);
  }
  return {};
}

// Where in y the element of a plane is that `index` counts.
inline int64_t place_in_plane(const Unpooling& at, int64_t index) {
  if (!at.padded) return index;
  int64_t place = 0;
  for (int d = at.rank - 1; d >= 0; --d) {
    place += index % at.size[d] * at.stride[d];
    index /= at.size[d];
  }
  return place;
}

// kBytes: of a run where that is known; 0 otherwise.
template <size_t kBytes>
std::optional<int64_t> reverse_sized(const Reversal& t, const std::byte* x, const int64_t* lengths, std::byte* y,
                                     int64_t begin, int64_t end) {
  const size_t bytes = kBytes != 0 ? kBytes : static_cast<size_t>(t.run_bytes);
  const auto run = static_cast<int64_t>(bytes);
  const int64_t inner = t.time_first ? t.batch : t.time;
  int64_t outer = begin / inner, i = begin % inner;
  std::byte* to = y + begin * run;
  for (int64_t row = begin; row < end; ++row, to += run) {
    const int64_t time = t.time_first ? outer : i, b = t.time_first ? i : outer, length = lengths[b];
    if (static_cast<uint64_t>(length) > static_cast<uint64_t>(t.time)) return length;
    const int64_t moved = time < length ? length - 1 - time : time;
    const int64_t from = t.time_first ? moved * t.batch + b : b * t.time + moved;
    std::memcpy(to, x + from * run, bytes);
    if (++i == inner) {
      i = 0;
      ++outer;
    }
  }
  return {};
}

}  // namespace

std::optional<int64_t> gather(const GatherArgs& args, int64_t begin, int64_t end) {
  return args.indices.wide ? gather_sized<int64_t>(args, begin, end) : gather_sized<int32_t>(args, begin, end);
}

std::optional<int64_t> gather_elements(const ElementIndex& at, const void* data, Indices indices, void* y,
                                       int64_t begin, int64_t end) {
  return by_size(at.element_bytes, [&]<class T>(T) {
    const auto copy = [from = static_cast<const T*>(data), to = static_cast<T*>(y)](int64_t i, int64_t place) {
      to[i] = from[place];
    };
    return indices.wide ? visit_elements<int64_t>(at, indices, begin, end, copy)
                        : visit_elements<int32_t>(at, indices, begin, end, copy);
  });
}

std::optional<int64_t> scatter_elements(const ElementIndex& at, void* data, Indices indices, const void* updates,
                                        int64_t rows) {
  return by_size(at.element_bytes, [&]<class T>(T) {
    const auto copy = [to = static_cast<T*>(data), from = static_cast<const T*>(updates)](int64_t i, int64_t place) {
      to[place] = from[i];
    };
    return indices.wide ? visit_elements<int64_t>(at, indices, 0, rows, copy)
                        : visit_elements<int32_t>(at, indices, 0, rows, copy);
  });
}

std::optional<int64_t> gather_tuples(const TupleIndex& at, const std::byte* data, Indices indices, std::byte* y,
                                     int64_t begin, int64_t end) {
  return visit_tuples(at, indices, begin, end, [&](int64_t t, int64_t offset) {
    std::memcpy(y + t * at.run_bytes, data + offset, static_cast<size_t>(at.run_bytes));
  });
}

std::optional<int64_t> scatter_tuples(const TupleIndex& at, std::byte* data, Indices indices, const std::byte* updates,
                                      int64_t count) {
  return visit_tuples(at, indices, 0, count, [&](int64_t t, int64_t offset) {
    std::memcpy(data + offset, updates + t * at.run_bytes, static_cast<size_t>(at.run_bytes));
  });
}

bool unpool(const Unpooling& at, const void* x, const int64_t* indices, void* y, int64_t begin, int64_t end) {
  const std::optional<int64_t> outside = by_size(at.element_bytes, [&]<class T>(T) -> std::optional<int64_t> {
    for (int64_t p = begin; p < end; ++p) {
      T* to = static_cast<T*>(y) + p * at.y_plane;
      std::memset(to, 0, static_cast<size_t>(at.y_plane) * sizeof(T));
      const T* from = static_cast<const T*>(x) + p * at.per_plane;
      const int64_t* list = indices + p * at.per_plane;
      for (int64_t i = 0; i < at.per_plane; ++i) {
        const int64_t index = list[i] - p * at.plane;
        if (static_cast<uint64_t>(index) >= static_cast<uint64_t>(at.plane)) return list[i];
        to[place_in_plane(at, index)] = from[i];
      }
    }
    return {};
  });
  return !outside;
}

std::optional<int64_t> unpool_all(const Unpooling& at, const void* x, const int64_t* indices, void* y) {
  return by_size(at.element_bytes, [&]<class T>(T) -> std::optional<int64_t> {
    T* to = static_cast<T*>(y);
    std::memset(to, 0, static_cast<size_t>(at.planes * at.y_plane) * sizeof(T));
    for (int64_t i = 0; i < at.planes * at.per_plane; ++i) {
      const int64_t index = indices[i];
      if (static_cast<uint64_t>(index) >= static_cast<uint64_t>(at.planes * at.plane)) return index;
      to[index / at.plane * at.y_plane + place_in_plane(at, index % at.plane)] = static_cast<const T*>(x)[i];
    }
    return {};
  });
}

std::optional<int64_t> reverse_runs(const Reversal& at, const std::byte* x, const int64_t* lengths, std::byte* y,
                                    int64_t begin, int64_t end) {
  switch (at.run_bytes) {
    case 1: return reverse_sized<1>(at, x, lengths, y, begin, end);
    case 2: return reverse_sized<2>(at, x, lengths, y, begin, end);
    case 4: return reverse_sized<4>(at, x, lengths, y, begin, end);
    case 8: return reverse_sized<8>(at, x, lengths, y, begin, end);
    case 64: return reverse_sized<64>(at, x, lengths, y, begin, end);
    case 128: return reverse_sized<128>(at, x, lengths, y, begin, end);
    default: return reverse_sized<0>(at, x, lengths, y, begin, end);
  }
}

}  // namespace cycloid::kernels
