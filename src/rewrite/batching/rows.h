// What iterations pick out of a tensor that is the same for all of them.
#pragma once

#include "rewrite/batching/batcher.h"

namespace cycloid {

// Whether start + step * i is in [0, size) in every iteration, for certain.
bool in_range(const AffineIndex& index, const Trips& trips, const Dim& size);

// x[..., index(i), ...] at `axis` for each iteration, [T, the other axes]: x itself or a slice where the index is affine and
// certainly in range, else a Gather by `indices` ([T], or [T, n, ...] for a tensor of indices).
Patch::Ref rows_of(Batcher& batcher, const Lane& x, std::size_t axis, const std::optional<AffineIndex>& index,
                   const Patch::Ref& indices, std::size_t indices_rank = 1);

// data[at[0](i), at[1](i), ..., :] for each iteration: one strided slice where that is what it is, else a GatherND.
Patch::Ref picked_of(Batcher& batcher, const Picked& picked);

}  // namespace cycloid
