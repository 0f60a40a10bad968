// How an operator computes values whose axes are permuted: what moving a Transpose past a node comes to.
//
// A value v is given as v' where v = transpose(v', p). For most operators one such p, of any of its values, fixes those of
// all the others and the attributes with which it computes its outputs' primed values from its inputs' ones.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "rewrite/rules/permutation.h"

namespace cycloid {

struct PermutedNode {
  // By input and output; empty: used or made as it is. A permutation longer than an input's rank means the input with
  // leading axes of size 1 put in front.
  std::vector<Permutation> inputs;
  std::vector<Permutation> outputs;
  Attributes attributes;
  std::map<std::size_t, Tensor> constants = {};  // inputs that become these
  bool swapped = false;                          // inputs 0 and 1 change places
};

// nullopt: the operator cannot, or its axes are not known.
std::optional<PermutedNode> permuted_by_input(const RuleContext& context, const Node& node, std::size_t input,
                                              const Permutation& permutation);
std::optional<PermutedNode> permuted_by_output(const RuleContext& context, const Node& node, std::size_t output,
                                               const Permutation& permutation);

// The attributes with which the node takes v' for its input v and makes the same outputs as before: the transposing
// flags of Gemm, the letters of Einsum.
std::optional<Attributes> absorbing(const RuleContext& context, const Node& node, const Attributes& attributes,
                                    std::size_t input, const Permutation& permutation);

}  // namespace cycloid
