#include "rewrite/rules/min_cut.h"

#include <algorithm>

namespace cycloid {
namespace {

constexpr double kNothing = 1e-6;  // of weights that are bytes

}  // namespace

std::size_t MinCut::add_node() {
  out_.emplace_back();
  return out_.size() - 1;
}

void MinCut::add_edge(std::size_t from, std::size_t to, double capacity) {
  if (from == to) return;
  out_[from].push_back(edges_.size());
  edges_.push_back({to, capacity});
  out_[to].push_back(edges_.size());
  edges_.push_back({from, 0});
}

bool MinCut::find_levels() {
  level_.assign(out_.size(), -1);
  level_[kSource] = 0;
  std::vector<std::size_t> pending = {kSource};
  for (std::size_t i = 0; i < pending.size(); ++i) {
    for (const std::size_t e : out_[pending[i]]) {
      const Edge& edge = edges_[e];
      if (edge.left <= kNothing || level_[edge.to] >= 0) continue;
      level_[edge.to] = level_[pending[i]] + 1;
      pending.push_back(edge.to);
    }
  }
  return level_[kSink] >= 0;
}

double MinCut::push(std::size_t node, double most) {
  if (node == kSink) return most;
  for (; next_[node] < out_[node].size(); ++next_[node]) {
    const std::size_t e = out_[node][next_[node]];
    if (edges_[e].left <= kNothing || level_[edges_[e].to] != level_[node] + 1) continue;
    const double pushed = push(edges_[e].to, std::min(most, edges_[e].left));
    if (pushed <= kNothing) continue;
    edges_[e].left -= pushed;
    edges_[e ^ 1].left += pushed;
    return pushed;
  }
  return 0;
}

double MinCut::solve() {
  double flow = 0;
  while (find_levels()) {
    next_.assign(out_.size(), 0);
    while (flow < kForbidden) {
      const double pushed = push(kSource, kForbidden);
      if (pushed <= kNothing) break;
      flow += pushed;
    }
    if (flow >= kForbidden) break;
  }
  return flow;
}

}  // namespace cycloid
