// Einsum: sums of products of operands' elements, named by one letter an axis.
#pragma once

#include <string>
#include <vector>

#include "ops/op.h"

namespace cycloid {

// An equation for operands of given ranks, with every ellipsis spelt out. Labels are numbers: those of the result first,
// in its order, then those that are summed over.
struct EinsumEquation {
  std::vector<std::vector<std::size_t>> operands;  // the label of each axis
  std::size_t result_rank = 0;
  std::size_t label_count = 0;

  static Result<EinsumEquation> parse(const std::string& equation, const std::vector<std::size_t>& ranks);
  // The number of operands an equation names.
  static Result<std::size_t> operand_count(const std::string& equation);
  // The size of each label; of axes that share a label, those of size 1 are broadcast where an ellipsis made the label.
  Result<Shape> label_sizes(const std::vector<Shape>& shapes) const;

 private:
  std::vector<bool> broadcasts_;  // by label
};

extern const Op kEinsum;

}  // namespace cycloid
