// A graph as boxes and lines on a plane: for the pages and pictures that show what the optimiser did.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace cycloid {

struct DrawnBox {
  enum class Kind { kNode, kInput, kOutput };
  Kind kind = Kind::kNode;
  std::string name;   // of the node (its first output's where it has none), or of the input or output
  std::string label;  // "Conv", "Loop (5 inside)"; of an input or output its name
  std::string type;   // of the first output
  std::size_t layer = 0;
  double x = 0;  // the middle
  double y = 0;
  double width = 0;
};

struct DrawnLine {
  std::size_t from = 0;       // boxes
  std::size_t to = 0;         // below `from`
  std::vector<double> bends;  // where it passes each layer between, so as to cross no box
};

struct DrawnGraph {
  static constexpr double kBoxHeight = 28;
  static constexpr double kLayerHeight = 54;

  std::vector<DrawnBox> boxes;
  std::vector<DrawnLine> lines;
  double width = 0;
  double height = 0;
};

// The main graph in layers: each box below all that it needs (longest path), in each layer in an order with few
// crossings (barycenter heuristic of Sugiyama, Tagawa and Toda, 1981), drawn near what it is connected with. Constants
// are left out; nodes that only depend on constants are right above what needs them. Takes time linear in the graph's size.
DrawnGraph draw(const Graph& graph);

}  // namespace cycloid
