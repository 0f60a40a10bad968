// LoopForm: a Loop that runs a number of times, or a Scan, in one form.
#pragma once

#include <optional>
#include <vector>

#include "rewrite/rule.h"

namespace cycloid {

struct LoopForm {
  // A value handed from one iteration to the next.
  struct Carried {
    ValueId in;     // the body's input
    ValueId out;    // the body's output
    ValueId first;  // of the outer graph
    ValueId last;   // of the outer graph; invalid where not wanted
  };
  // A tensor of which each iteration gets a slice.
  struct Sliced {
    ValueId in;      // the body's input
    ValueId source;  // of the outer graph
    std::int64_t axis = 0;
    bool backwards = false;
  };
  // The iterations' values put together.
  struct Stacked {
    ValueId out;     // the body's output
    ValueId result;  // of the outer graph; invalid where not wanted
    std::int64_t axis = 0;
    bool backwards = false;
  };

  GraphPtr body;
  Dim trips = Dim::unknown();  // never negative where it is anything but unknown
  bool counts_sizes = false;   // the trip count is a size or a constant, so not negative
  ValueId trip_count;  // int64, one element, of the outer graph; may be negative. Invalid for Scan: the slices' length.
  ValueId iteration;   // the body's input; invalid for Scan
  ValueId condition;   // the body's input; invalid for Scan. True in every iteration.
  std::vector<Carried> carried;
  std::vector<Sliced> sliced;
  std::vector<Stacked> stacked;
};

// Nullopt where the node is neither a Scan nor a Loop that runs its trip count through: one that may stop early, or has
// no trip count.
std::optional<LoopForm> loop_form(const RuleContext& context, const Node& node);

// `id`, followed back through Identity nodes.
ValueId without_identities(const Graph& graph, ValueId id);

// Whether the value is a constant true.
bool is_true(const Graph& graph, ValueId id);

}  // namespace cycloid
