// Forest: decision trees as the three tree operators describe them, in one form.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"
#include "ops/ml/post_transform.h"

namespace cycloid {

enum class Branch : std::uint8_t { kLessEqual, kLess, kGreaterEqual, kGreater, kEqual, kNotEqual, kMember, kLeaf };

struct ForestNode {
  Branch branch = Branch::kLeaf;
  bool missing_goes_true = false;  // where a NaN goes
  std::int64_t feature = 0;        // >= 0; the feature's column
  double value = 0;                // what the feature is compared with; kMember: none
  std::uint32_t if_true = 0;       // the next node, an index into Forest::nodes
  std::uint32_t if_false = 0;
  std::uint32_t first = 0;  // of a leaf: its weights; of a kMember node: its members
  std::uint32_t count = 0;
};

struct LeafWeight {
  std::int64_t target = 0;  // a class or target
  double weight = 0;
};

enum class Aggregate { kSum, kAverage, kMin, kMax };

struct Forest {
  std::vector<ForestNode> nodes;
  std::vector<std::uint32_t> roots;
  std::vector<LeafWeight> weights;
  std::vector<double> members;
  std::vector<double> base_values;  // empty, or one a target (or one for all, as some write)
  std::int64_t targets = 1;
  std::int64_t features = 0;  // columns that rows must have at least
  Aggregate aggregate = Aggregate::kSum;
  PostTransform post_transform = PostTransform::kNone;
  bool binary = false;           // a classifier of two classes whose weights are all of one
  bool positive_weights = true;  // no weight is negative

  // Every child, root, weight and target is in range, and each tree is free of cycles. Errors name what is not.
  static Result<Forest> classifier(const Node& node, std::int64_t classes);  // TreeEnsembleClassifier
  static Result<Forest> regressor(const Node& node);                         // TreeEnsembleRegressor
  static Result<Forest> ensemble(const Node& node);                          // TreeEnsemble

  // The leaf that a row of at least `features` columns reaches in a tree.
  const ForestNode& leaf(std::uint32_t root, const double* row) const;
  // The aggregated weights of all targets and which of them any leaf had a word in; without base values and transform.
  void score(const double* row, std::vector<double>& scores, std::vector<bool>& touched) const;
  std::int64_t max_depth() const;

  // From a row's aggregated weights to its output, in place: base values and transform. The first is of a classifier and
  // gives the class that the scores name.
  std::size_t finish_classes(std::span<double> scores) const;
  void finish_targets(std::span<double> scores) const;
};

}  // namespace cycloid
