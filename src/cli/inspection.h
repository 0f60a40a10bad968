// What `cycloid inspect` knows of a model: its interface, its operators, and what one run of it costs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"
#include "tensor/dim.h"

namespace cycloid {

// FLOPs and bytes of something. A part that is not known stays unset and is never shown as 0; a symbolic one names the
// dimensions it depends on.
struct KnownCost {
  std::optional<Dim> flops;
  std::optional<Dim> bytes;

  // FLOP/byte, where both are numbers and bytes are moved at all.
  std::optional<double> intensity() const;
};

struct InspectedNode {
  std::string name;           // the node's, or its first output's where it has none
  std::string operator_name;  // "Conv", "com.microsoft.FusedConv"
  std::string output;         // the type of the first output, as text
  int depth = 0;  // in how many subgraphs; their nodes follow the node that holds them, costs for one evaluation
  KnownCost cost;
};

struct InspectedOperator {
  std::size_t nodes = 0;          // in subgraphs too
  std::size_t nodes_unknown = 0;  // of these, without a known cost; the sums leave them out
  KnownCost cost;                 // of the main graph's nodes
};

struct InspectedValue {
  std::string name;
  std::string type;
};

struct Inspection {
  std::vector<InspectedValue> inputs;
  std::vector<InspectedValue> outputs;
  std::map<std::string, InspectedOperator> operators;
  std::vector<InspectedNode> nodes;
  std::int64_t parameters = 0;       // elements of constants that are floating-point or narrower than 32 bits
  std::int64_t parameter_bytes = 0;  // of the same
  std::int64_t interface_bytes = 0;  // of inputs and outputs whose sizes are known
  std::size_t nodes_total = 0;
  std::size_t nodes_unknown = 0;
  KnownCost total;                   // of the main graph's nodes with a known cost
  std::vector<std::string> symbols;  // that types of inputs depend on, sorted
};

// Nodes by operator, those of subgraphs included.
std::map<std::string, std::size_t> count_operators(const Graph& graph);

// Types must have been inferred as far as they can be.
Inspection inspect(const Graph& graph);

}  // namespace cycloid
