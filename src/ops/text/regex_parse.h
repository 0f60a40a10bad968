// A regular expression's syntax tree. Nodes are kept in one list, a node's children before it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "cycloid/result.h"

namespace cycloid {

struct RegexRange {
  char32_t first = 0;
  char32_t last = 0;
};

struct RegexNode {
  enum class Kind { kSet, kAssert, kSequence, kChoice, kRepeat };
  static constexpr int kUnbounded = -1;

  Kind kind = Kind::kSequence;
  std::vector<RegexRange> set;          // kSet
  bool negated = false;                 // kSet: the characters outside it
  char assertion = 0;                   // kAssert: '^', '$', 'b' or 'B'
  std::vector<std::uint32_t> children;  // kSequence, kChoice; kRepeat has one
  int least = 0;                        // kRepeat
  int most = kUnbounded;
};

struct RegexTree {
  std::vector<RegexNode> nodes;
  std::uint32_t root = 0;
  bool ignore_case = false;  // ASCII letters

  static Result<RegexTree> parse(std::string_view pattern);
};

}  // namespace cycloid
