// Minimum cut of a small directed graph with weighted edges (Dinic's algorithm).
#pragma once

#include <cstddef>
#include <vector>

namespace cycloid {

class MinCut {
 public:
  static constexpr std::size_t kSource = 0;
  static constexpr std::size_t kSink = 1;
  static constexpr double kForbidden = 1e30;  // the capacity of an edge that must not be cut

  std::size_t add_node();
  // Cutting it (`from` on the source's side, `to` on the sink's) costs `capacity`.
  void add_edge(std::size_t from, std::size_t to, double capacity);
  // The cost of the cheapest cut; afterwards on_source_side() says where each node stands, with as few as possible there.
  double solve();
  bool on_source_side(std::size_t node) const { return level_[node] >= 0; }

 private:
  struct Edge {
    std::size_t to;
    double left;  // capacity that is left
  };
  bool find_levels();
  double push(std::size_t node, double most);

  std::vector<Edge> edges_;  // an edge and its reverse are neighbours
  std::vector<std::vector<std::size_t>> out_ = {{}, {}};
  std::vector<int> level_;
  std::vector<std::size_t> next_;
};

}  // namespace cycloid
