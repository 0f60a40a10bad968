// At which magnitude a model's outputs are rounded at least, however small they are.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace cycloid {

// By output of the graph; 0 where nothing is known beyond the output's own elements.
//
// Most functions are computed with an error relative to their result. A sigmoid is not: runtimes compute it as
// 1/2 + tanh(x/2)/2, or by a quotient of polynomials made for its range [0, 1], and err by an epsilon of 1 where the
// result is 1e-6 as much as where it is 1/2. That is right for a function of that range, and an output which is small
// because all its sigmoids are far below 0 says as little about rounding as zeros would. So the unit starts at the sigmoids
// and follows their values to the outputs through operators that move, choose, average, add or scale them.
std::vector<double> rounding_units(const Graph& graph);

// The same for the file; empty where it cannot be read.
std::vector<double> rounding_units_of_file(const std::string& onnx_path);

}  // namespace cycloid
