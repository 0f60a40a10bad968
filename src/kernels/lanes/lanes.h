// Functions of lanes, the elements along one axis: which is the greatest, running sums and products, the k greatest, sums of integers.
//
// A tensor is [outer][n][inner]; a unit of work is an outer position, of the k greatest a lane, of running sums some lanes (SumParams::units).
// Those and reductions are function pointers, chosen once at plan time; the others have one body for all instruction sets, as
// their work is a search.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "kernels/lanes/bodies.h"

namespace cycloid::kernels {

// y[outer][inner]: where the greatest (or least) element of the lane is. NaN is above all numbers. Of equal ones the first,
// or the last.
struct ArgParams {
  Lanes lanes;
  bool greatest = true, last = false;
};
void arg_lanes(const ArgParams& params, const void* x, int64_t* y, int64_t begin, int64_t end);

// Null for integers of 8 bits.
SumFn cumulative_sum_kernel(LaneType type, Isa isa);

// The k greatest (or least) of each lane in order, and where they are; of equal ones the first comes first. Of lanes [begin, end)
// of outer * inner.
struct TopParams {
  Lanes lanes;
  int64_t k = 1;
  bool largest = true;
  std::size_t scratch_bytes() const { return static_cast<std::size_t>(k) * 2 * 16; }
};
void top_lanes(const TopParams& params, const void* x, void* values, int64_t* indices, void* scratch, int64_t begin,
               int64_t end);

// y: 1 where the first greatest element of the lane is, else 0. Of float32 and float64. A NaN is greatest where it is the first
// element, and nowhere else: as a search that keeps an element until a greater one comes.
void hardmax_lanes(const Lanes& lanes, const void* x, void* y, int64_t begin, int64_t end);

// y[outer][inner] of float64; of int32 or int64, which wrap and have no mean and no L2 (null); of int8 and uint8 the greatest and the
// least. NaN wins over numbers.
LaneReduceFn lane_reduce_kernel(LaneType type, LaneReduction reduction, Isa isa);

}  // namespace cycloid::kernels
