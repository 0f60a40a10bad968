// Concatenations along the channels that cost nothing: the producers write their channels straight into the whole. Padding
// of channels is one: of the input with constants.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "graph/graph.h"

namespace cycloid {

// The channels before the input's where `node` is a Pad with constants along the channels of an image alone.
std::optional<std::int64_t> channel_padding(const Graph& graph, const Node& node);

// For the inputs of Concat nodes on axis 1 (and the inputs of concatenations that are inputs themselves): where in the
// outermost concatenation their channels belong. A value goes into one whole only; where it is wanted in more, it is
// copied into the others.
class ConcatPlaces {
 public:
  ConcatPlaces() = default;
  // Shapes must have been inferred; concatenations without known shapes are left out.
  explicit ConcatPlaces(const Graph& graph);

  struct Part {
    ValueId whole;
    std::int64_t channel = 0;   // first channel in the whole
    std::int64_t channels = 0;  // of the whole
  };
  // nullopt for values that belong to no concatenation.
  std::optional<Part> find(ValueId id) const;

 private:
  struct Link {
    ValueId parent;
    std::int64_t channel = 0;
  };
  std::map<ValueId, Link> links_;
  std::map<ValueId, std::int64_t> wholes_;  // channels
};

}  // namespace cycloid
