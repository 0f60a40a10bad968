// ONNX Runtime's node partition file (session.node_partition_config_file): which nodes its parallel execution runs in which
// stream.
#pragma once

#include <cstddef>
#include <string>

#include "cycloid/result.h"

namespace cycloid::ort {

struct NodePartition {
  std::string json;
  std::size_t nodes = 0;
  int streams = 0;  // those that have nodes
};

// The nodes of the model as ONNX Runtime optimises it, in at most `streams` streams: independent branches in different ones.
// The file has to name every node of the optimised graph, so it is good for this model, this version of ONNX Runtime and
// its default optimisations. Read back by ONNX Runtime before it is returned. Errors: kUnavailable without ONNX Runtime;
// what it says about the model.
Result<NodePartition> partition_nodes(const std::string& model_path, int streams);

}  // namespace cycloid::ort
