// What import knows of values' types while it converts a graph node by node.
#pragma once

#include <map>

#include "graph/graph.h"

namespace cycloid::onnx {

// Types by the operators' own inference, one node at a time in topological order. Converters ask for ranks and element
// types; what inference cannot tell (or finds wrong: infer_types() reports that later) stays unknown.
class KnownTypes {
 public:
  // Inputs, constants and captures have the types the graph says, or what is known outside.
  KnownTypes(const Graph& graph, const KnownTypes* outer, std::int64_t opset);

  // To be called when the node is in its final form, in order.
  void learn(NodeId id);

  const ValueType& of(ValueId id) const;  // of an invalid id: unknown
  std::optional<std::int64_t> rank(ValueId id) const;
  DType dtype(ValueId id) const;  // kUndefined where not known

 private:
  const Graph& graph_;
  std::int64_t opset_;
  std::map<ValueId, ValueType> types_;
};

}  // namespace cycloid::onnx
