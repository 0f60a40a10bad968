// Decision trees: from rows of features to sums (or extremes) of the weights of the leaves that they reach.
//
// Nodes lie breadth first, the two children of a node side by side, and a leaf is its own child: a walk is then a chain of
// loads and comparisons without branches, of the same length for all rows. What takes time is the latency of these loads,
// so several walks go on at once: of four rows through a tree, or of one row through four trees. There is one body for all
// instruction sets: gathers of AVX2 and AVX-512 load one element after the other, and do not pay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace cycloid::kernels {

// What a node asks of its feature.
enum class TreeTest { kLessEqual, kLess, kGreaterEqual, kGreater, kEqual, kNotEqual, kMember, kLeaf };

struct TreeNodeParams {
  TreeTest test = TreeTest::kLeaf;
  bool nan_goes_true = false;
  int64_t feature = 0;
  double value = 0;
  uint32_t if_true = 0, if_false = 0;  // the next nodes
  uint32_t first = 0, count = 0;       // of a leaf: its weights
};

struct TreeWeight {
  int64_t target = 0;
  double weight = 0;
};

enum class TreeAggregate { kSum, kMin, kMax };

struct TreesParams {
  std::span<const TreeNodeParams> nodes;
  std::span<const uint32_t> roots;  // each the root of a tree: no cycles
  std::span<const TreeWeight> weights;
  int64_t targets = 1;
  TreeAggregate aggregate = TreeAggregate::kSum;
  bool doubles = false;  // rows are of double, not float
};

struct TreesArgs {
  const void* x = nullptr;  // rows of features
  int64_t x_row = 0;        // elements from row to row
  int64_t rows = 0;
  const void* packed = nullptr;
  double* scores = nullptr;          // rows x targets; 0 where no leaf had a word in
  unsigned char* touched = nullptr;  // as many, for kMin and kMax
};

struct TreesPlan {
  struct Tree {
    uint32_t root = 0, depth = 0;
  };
  struct Leaf {
    uint32_t first = 0, count = 0;
  };
  std::vector<Tree> trees;
  std::vector<Leaf> leaves;
  std::vector<TreeWeight> weights;
  // Of leaves x targets, where sums are asked for and targets are few: then leaves and weights are unused.
  std::vector<double> values;
  std::vector<std::byte> nodes;
  int64_t targets = 1;
  TreeAggregate aggregate = TreeAggregate::kSum;
  bool doubles = false, nans = false;  // nans: some node sends NaN where its test holds

  std::size_t packed_bytes() const { return nodes.size(); }
  // Copies the nodes to memory at a multiple of 64; `nodes` is not needed afterwards.
  void pack(void* packed) const;
  // The scores of some rows. A row's sum is in double, in the order of the trees.
  void run(const TreesArgs& args) const;
};

// A plan, or why there is none: tests of equality, more nodes than indices reach.
std::variant<TreesPlan, std::string> plan_trees(const TreesParams& params);

}  // namespace cycloid::kernels
