// Names under which a graph and its subgraphs can be written down by names alone.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace cycloid {

// In a file a subgraph refers to the values around it by name, and no name may mean two things. A Graph is freer: a
// capture may have a name of its own, and a value within a subgraph the name of one outside. ScopeNames gives captures
// the name of what they capture, and values that would hide another a fresh one.
class ScopeNames {
 public:
  // `graph` is within the graph named by `outer` (nullptr: it is the main graph, or is looked at
  // alone: then captures keep their names); both must outlive this.
  ScopeNames(const Graph& graph, const ScopeNames* outer);

  // Of a live value; "" for an invalid id.
  const std::string& of(ValueId id) const;

 private:
  bool visible(const std::string& name) const;

  const ScopeNames* outer_;
  std::vector<std::string> names_;  // by value index
  std::set<std::string, std::less<>> own_;
};

}  // namespace cycloid
