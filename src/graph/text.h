// The text form of graphs and models: ONNX's textual syntax (docs/Syntax.md of the onnx project), for tests and people.
//
//   <ir_version: 10, opset_import: ["" : 21]>
//   agraph (float[N, 128] x, float[128, 10] w) => (float[N, 10] y)
//   <float[10] b = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, float[N, 10] t>     # constants, and types of nodes' outputs
//   {
//      [mm] t = MatMul (x, w)                                          # a node may have a name
//      y = Clip <min = -1.0> (t, "", b)                                # "" or nothing: an absent input
//   }
//
// "float" is a scalar, "float[]" a tensor of unknown rank; a size is a number, a name, "?" or a quoted expression of
// names ("2*n + 1"). Subgraphs see the values around them by name. Beyond ONNX's syntax: "#" comments to the end of the
// line, outputs without a type, quoted domains and operators, floats in float16 and bfloat16 tensors (integers there
// are bit patterns, as in ONNX), true and false, and one integer per element for types narrower than a byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cycloid/result.h"
#include "graph/graph.h"

namespace cycloid {

struct PrintOptions {
  // Tensors of more elements print as {...}, which cannot be parsed.
  std::int64_t max_elements = INT64_MAX;
  // The types of nodes' outputs that are not graph outputs.
  bool types = true;
};

// parse_graph(print(graph)) prints the same again.
std::string print(const Graph& graph, const PrintOptions& options = {});
std::string print(const ModelIr& model, const PrintOptions& options = {});

// The operator sets of a text that does not say them: the newest of "" (kNewestOpset of ops/op.h) and ai.onnx.ml; 1 of
// others.
inline constexpr std::int64_t kTextOpset = 28;
inline constexpr std::int64_t kTextMlOpset = 5;
inline constexpr std::int64_t kTextIrVersion = 10;

// Errors begin with "line L, column C: ".
Result<Graph> parse_graph(std::string_view text);
Result<ModelIr> parse_model(std::string_view text);

}  // namespace cycloid
