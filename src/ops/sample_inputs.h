// Inputs drawn at random for a model: for measurements, and for checks that a changed model computes the same.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"
#include "ops/datum.h"
#include "tensor/tensor.h"

namespace cycloid {

// Half-open range of the integers an input may hold.
struct IndexRange {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

// For the inputs of `graph` that reach the indices of Gather, GatherElements, GatherND (last axis of one), OneHot or an
// embedding, directly or through operators that keep values: the indices that are within every such axis, as far as the
// graph shows its extent.
std::map<std::string, IndexRange> index_ranges(const Graph& graph);

// Random elements, the same for the same arguments on every machine: floats uniform in [0, 1) (what images and features
// are scaled to, and where log and sqrt are defined), bools fair, integers uniform in `range`; without one all values
// of int8 and uint8 (quantised data, pixels), and {0, 1} of wider ones, which are in range as index, mask, flag or
// token type. `name` makes inputs differ.
Result<Tensor> random_tensor(DType dtype, const Dims& dims, const std::optional<IndexRange>& range,
                             const std::string& name, std::uint64_t seed);

// What the elements of a sample are.
enum class SampleKind {
  kUniform,  // as random_tensor() draws them
  kNormal,   // floats from a normal distribution, so of both signs; others as above
  kSpecial,  // kNormal with NaN, infinities, -0, 0 and subnormals strewn in; integers that index nothing at their
             // type's extremes
  kZeros,    // 0 and -0
};

// One tensor for each input in the graph's order. Symbolic sizes are `size` where they stand in axis 0, else
// `inner_size`; the same symbol is the same size everywhere. With `long_symbol` that one alone is `inner_size` and all others are `size`,
// for models that have a batch in another axis, as the states of recurrent networks do. An integer scalar that the
// graph compares with constants (a sampling rate, a mode) is one of these, but of kSpecial and kZeros.
// Errors: an input that is no tensor, of unknown rank or element type, of strings, or whose symbolic size these symbols
// do not determine.
Result<std::vector<Datum>> sample_inputs(const Graph& graph, SampleKind kind, std::int64_t size,
                                         std::int64_t inner_size, std::uint64_t seed,
                                         const std::string& long_symbol = "");

// The symbols that stand in another axis than 0 first: what `long_symbol` may be.
std::vector<std::string> inner_symbols(const Graph& graph);

}  // namespace cycloid
