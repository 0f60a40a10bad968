#include "kernels/trees/trees.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/aligned.h"
#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::pick;

struct Forest {
  std::vector<TreeNodeParams> nodes;
  std::vector<uint32_t> roots;
  std::vector<TreeWeight> weights;
  int64_t targets = 1, features = 5;

  // A random subtree; returns its root.
  uint32_t grow(std::mt19937& random, int depth, int last_test, bool one_weight) {
    const auto at = static_cast<uint32_t>(nodes.size());
    nodes.emplace_back();
    TreeNodeParams node;
    if (depth == 0 || pick(random, 0, 5) == 0) {
      node.first = static_cast<uint32_t>(weights.size());
      node.count = one_weight ? 1 : static_cast<uint32_t>(pick(random, 0, 3));
      for (uint32_t i = 0; i < node.count; ++i)
        weights.push_back({pick(random, 0, targets - 1), std::uniform_real_distribution<double>(-1, 1)(random)});
    } else {
      node.test = static_cast<TreeTest>(pick(random, 0, last_test));
      node.nan_goes_true = pick(random, 0, 1) != 0;
      node.feature = pick(random, 0, features - 1);
      node.value = value(random);
      node.if_true = grow(random, depth - 1, last_test, one_weight);
      node.if_false = grow(random, depth - 1, last_test, one_weight);
    }
    nodes[at] = node;
    return at;
  }

  // Few values, so that features and bounds are often equal; doubles that are no floats; infinities and NaN.
  static double value(std::mt19937& random) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const double some[] = {-1, 0, 0.1, 0.5, 1.0 / 3, 2, 1e-50, -kInfinity, kInfinity, NAN};
    return some[pick(random, 0, 9)];
  }

  const TreeNodeParams& leaf(uint32_t root, const double* row) const {
    const TreeNodeParams* node = &nodes[root];
    while (node->test != TreeTest::kLeaf) {
      const double x = row[node->feature], v = node->value;
      bool holds = false;
      if (node->test == TreeTest::kLessEqual) holds = x <= v;
      if (node->test == TreeTest::kLess) holds = x < v;
      if (node->test == TreeTest::kGreaterEqual) holds = x >= v;
      if (node->test == TreeTest::kGreater) holds = x > v;
      holds = holds || (std::isnan(x) && node->nan_goes_true);
      node = &nodes[holds ? node->if_true : node->if_false];
    }
    return *node;
  }

  std::vector<double> scores(const double* row, TreeAggregate aggregate) const {
    std::vector<double> sums(static_cast<size_t>(targets), 0);
    std::vector<bool> touched(sums.size());
    for (const uint32_t root : roots) {
      const TreeNodeParams& reached = leaf(root, row);
      for (uint32_t i = reached.first; i < reached.first + reached.count; ++i) {
        const auto at = static_cast<size_t>(weights[i].target);
        const double w = weights[i].weight;
        if (aggregate == TreeAggregate::kSum) sums[at] += w;
        if (aggregate == TreeAggregate::kMin) sums[at] = touched[at] ? std::fmin(sums[at], w) : w;
        if (aggregate == TreeAggregate::kMax) sums[at] = touched[at] ? std::fmax(sums[at], w) : w;
        touched[at] = true;
      }
    }
    return sums;
  }
};

template <class T>
void check(const Forest& forest, TreeAggregate aggregate, std::mt19937& random) {
  const auto planned = plan_trees({.nodes = forest.nodes,
                                   .roots = forest.roots,
                                   .weights = forest.weights,
                                   .targets = forest.targets,
                                   .aggregate = aggregate,
                                   .doubles = std::is_same_v<T, double>});
  ASSERT_TRUE(std::holds_alternative<TreesPlan>(planned)) << std::get<std::string>(planned);
  const TreesPlan& plan = std::get<TreesPlan>(planned);
  AlignedBuffer<char> packed(plan.packed_bytes());
  plan.pack(packed.data());
  for (const int64_t rows : {1, 2, 3, 4, 7, 16}) {
    const int64_t stride = forest.features + pick(random, 0, 2);
    std::vector<T> x(static_cast<size_t>(rows * stride));
    for (T& v : x) v = static_cast<T>(pick(random, 0, 3) == 0 ? pick(random, -20, 20) / 10.0 : Forest::value(random));
    const auto count = static_cast<size_t>(rows * forest.targets);
    std::vector<double> scores(count, 77);
    std::vector<unsigned char> touched(count, 77);
    plan.run({x.data(), stride, rows, packed.data(), scores.data(), touched.data()});
    for (int64_t r = 0; r < rows; ++r) {
      const std::vector<double> row(x.begin() + r * stride, x.begin() + r * stride + forest.features);
      const std::vector<double> want = forest.scores(row.data(), aggregate);
      for (size_t t = 0; t < want.size(); ++t)
        ASSERT_EQ(scores[static_cast<size_t>(r) * want.size() + t], want[t]) << "row " << r << " of " << rows;
    }
  }
}

TEST(Trees, GiveTheSumsOfAPlainWalk) {
  std::mt19937 random(5);
  for (int round = 0; round < 150; ++round) {
    Forest forest;
    const bool simple = round % 3 == 0;
    forest.targets = simple ? 1 : pick(random, 1, 3);
    const int64_t trees = pick(random, 1, 9);
    for (int64_t i = 0; i < trees; ++i)
      forest.roots.push_back(forest.grow(random, static_cast<int>(pick(random, 0, round % 10 == 0 ? 20 : 5)),
                                         round % 2 == 0 ? 0 : 3, simple));
    const auto aggregate = static_cast<TreeAggregate>(simple ? 0 : pick(random, 0, 2));
    check<float>(forest, aggregate, random);
    check<double>(forest, aggregate, random);
  }
}

TEST(Trees, WithoutNodesGiveZeros) {
  std::mt19937 random(5);
  const Forest forest{.targets = 2};
  check<float>(forest, TreeAggregate::kSum, random);
  check<double>(forest, TreeAggregate::kMax, random);
}

TEST(Trees, DeclineEqualityAndExplosions) {
  Forest forest;
  forest.nodes.resize(3);
  forest.nodes[0] = {.test = TreeTest::kEqual, .if_true = 1, .if_false = 2};
  forest.roots = {0};
  EXPECT_TRUE(std::holds_alternative<std::string>(plan_trees({.nodes = forest.nodes, .roots = forest.roots})));
  // Each node's children are both the next one: 2^60 paths.
  forest.nodes.assign(61, {});
  for (uint32_t i = 0; i < 60; ++i) forest.nodes[i] = {.test = TreeTest::kLess, .if_true = i + 1, .if_false = i + 1};
  EXPECT_TRUE(std::holds_alternative<std::string>(plan_trees({.nodes = forest.nodes, .roots = forest.roots})));
}

}  // namespace
}  // namespace cycloid::kernels
