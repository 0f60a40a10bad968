// GraphDraft: a graph as files tell it, by names, and assemble(), which makes a Graph of it.
//
// Readers (ONNX protobuf, text form) fill a draft and leave to assemble() what is the same for all of them: resolving
// names through nested scopes into explicit captures, ordering nodes, and finding what is defined twice or not at all.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"

namespace cycloid {

// The limit on subgraphs within subgraphs. Readers decline deeper nesting, so that no walk of a graph can exhaust the
// stack.
inline constexpr int kMaxSubgraphDepth = 32;

struct GraphDraft;

struct NodeDraft {
  std::string name;
  std::string domain;
  std::string op_type;
  std::string overload;
  std::vector<std::string> inputs;   // "" where absent
  std::vector<std::string> outputs;  // "" where not wanted
  Attributes attributes;             // all but graphs
  struct Subgraphs {
    std::string attribute;
    std::vector<GraphDraft> graphs;
    bool is_list = false;  // a GRAPHS attribute, not a GRAPH one
  };
  std::vector<Subgraphs> subgraphs;
  std::string place;  // "line 3, column 7"; put before errors about this node where not empty
};

struct ValueDraft {
  std::string name;
  ValueType type;
};

struct GraphDraft {
  std::string name;
  std::vector<ValueDraft> inputs;
  std::vector<ValueDraft> outputs;
  std::vector<std::pair<std::string, Tensor>> constants;
  std::vector<ValueDraft> value_info;  // what is known of nodes' outputs
  std::vector<NodeDraft> nodes;        // in any order
};

// The graph. An input that is also a constant becomes a constant and is no input: a value of the model that a caller
// could override in ONNX, but which optimisation needs to be fixed. Nodes keep their order where it is topological.
// Errors name the node and the value: a name that is defined twice or never, a cycle, contradicting types.
Result<Graph> assemble(GraphDraft draft);

// A size by the name a file gives it (ONNX's dim_param): a symbol, or an expression of symbols as PyTorch's exporter
// writes it ("2*batch"). A '?' in it is what other exporters write for every size they do not know, so it says nothing.
// A text that is neither, or a number, is taken as a symbol.
Dim dim_of_name(std::string_view name);

}  // namespace cycloid
