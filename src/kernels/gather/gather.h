// Elements and slices picked, or replaced, by indices: Gather, GatherElements, GatherND, ScatterElements, ScatterND, MaxUnpool,
// ReverseSequence.
//
// Indices are int32 or int64 in [-size, size); the functions stop at the first that is not and return its value. One body
// for all instruction sets: the work is copies, and the loads they wait for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace cycloid::kernels {

inline constexpr int kMaxIndexedRank = 8;

struct Indices {
  const void* data = nullptr;
  bool wide = true;  // int64

  int64_t operator[](int64_t i) const {
    return wide ? static_cast<const int64_t*>(data)[i] : static_cast<const int32_t*>(data)[i];
  }
};

// data is [outer][size][run], y is [outer][count][run]; runs are of run_bytes.
struct GatherArgs {
  const std::byte* data = nullptr;
  Indices indices;
  std::byte* y = nullptr;
  int64_t size = 0, count = 0, run_bytes = 0;
};
// Rows [begin, end) of outer * count.
std::optional<int64_t> gather(const GatherArgs& args, int64_t begin, int64_t end);

// Rows of an index tensor, its last axis: element j of row r stands for the element of `data` at
// sum over d of coordinate d of r * stride[d] + j * column_stride + index * axis_stride.
struct ElementIndex {
  int rank = 0;  // of the rows
  int64_t dims[kMaxIndexedRank] = {}, stride[kMaxIndexedRank] = {};
  int64_t columns = 0, column_stride = 0;
  int64_t axis_size = 0, axis_stride = 0;
  int64_t element_bytes = 4;  // 1, 2, 4 or 8
};
// y[r][j] = data at (r, j).
std::optional<int64_t> gather_elements(const ElementIndex& at, const void* data, Indices indices, void* y,
                                       int64_t begin, int64_t end);
// data at (r, j) = updates[r][j], in order.
std::optional<int64_t> scatter_elements(const ElementIndex& at, void* data, Indices indices, const void* updates,
                                        int64_t rows);

// Tuples of indices, each naming a run of data: tuple t is of the batch t / per_batch.
struct TupleIndex {
  int depth = 0;                                                     // of a tuple
  int64_t size[kMaxIndexedRank] = {}, stride[kMaxIndexedRank] = {};  // bytes
  int64_t per_batch = 1, batch_stride = 0;                           // bytes
  int64_t run_bytes = 0;
};
std::optional<int64_t> gather_tuples(const TupleIndex& at, const std::byte* data, Indices indices, std::byte* y,
                                     int64_t begin, int64_t end);
std::optional<int64_t> scatter_tuples(const TupleIndex& at, std::byte* data, Indices indices, const std::byte* updates,
                                      int64_t count);

// Elements put back to where pooling took them from, which indices count over the whole result without its padding.
struct Unpooling {
  int rank = 0;                          // of a plane
  int64_t size[kMaxIndexedRank] = {};    // of a plane without padding
  int64_t stride[kMaxIndexedRank] = {};  // in y
  bool padded = false;                   // else indices are places in y
  int64_t planes = 0, per_plane = 0;     // elements of x
  int64_t plane = 0, y_plane = 0;        // elements of a plane without and with padding
  int64_t element_bytes = 4;             // 1, 2, 4 or 8
};
// The elements of planes [begin, end), zeros elsewhere. False where an index is outside of its own plane: then y is to be
// made by unpool_all().
bool unpool(const Unpooling& at, const void* x, const int64_t* indices, void* y, int64_t begin, int64_t end);
// The same of all planes, from any index into any plane; of equal indices the last one stays.
std::optional<int64_t> unpool_all(const Unpooling& at, const void* x, const int64_t* indices, void* y);

// x and y are [time][batch][run], or [batch][time][run]; the first lengths[b] runs of batch element b come in reverse order.
struct Reversal {
  int64_t time = 0, batch = 0, run_bytes = 0;
  bool time_first = true;
};
// Runs [begin, end) of y. A length outside of [0, time], or nothing.
std::optional<int64_t> reverse_runs(const Reversal& at, const std::byte* x, const int64_t* lengths, std::byte* y,
                                    int64_t begin, int64_t end);

}  // namespace cycloid::kernels
