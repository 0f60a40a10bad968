#include "ops/ml/forest.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "ops/linalg/product.h"

namespace cycloid {
namespace {

using Ints = std::vector<std::int64_t>;
using Key = std::pair<std::int64_t, std::int64_t>;  // tree, node

Result<Branch> branch_of(const std::string& mode) {
  if (mode == "LEAF") return Branch::kLeaf;
  if (mode == "BRANCH_LEQ") return Branch::kLessEqual;
  if (mode == "BRANCH_LT") return Branch::kLess;
  if (mode == "BRANCH_GTE") return Branch::kGreaterEqual;
  if (mode == "BRANCH_GT") return Branch::kGreater;
  if (mode == "BRANCH_EQ") return Branch::kEqual;
  if (mode == "BRANCH_NEQ") return Branch::kNotEqual;
  return invalid_model("nodes_modes has the unknown mode '{}'", mode);
}

Result<Aggregate> aggregate_of(const Node& node) {
  CYCLOID_ASSIGN(const std::string name, get_string(node, "aggregate_function", "SUM"));
  if (name == "SUM") return Aggregate::kSum;
  if (name == "AVERAGE") return Aggregate::kAverage;
  if (name == "MIN") return Aggregate::kMin;
  if (name == "MAX") return Aggregate::kMax;
  return invalid_model("aggregate_function '{}' is none of SUM, AVERAGE, MIN and MAX", name);
}

// The list of floats `name`, or of doubles in the tensor `name`_as_tensor.
Result<std::vector<double>> numbers(const Node& node, const std::string& name) {
  CYCLOID_ASSIGN(const Tensor* tensor, get_tensor(node, name + "_as_tensor"));
  if (tensor != nullptr) return doubles(*tensor);
  CYCLOID_ASSIGN(const auto floats, get_floats(node, name));
  return std::vector<double>(floats.begin(), floats.end());
}

Status check_length(std::size_t length, std::size_t wanted, std::string_view name) {
  if (length == wanted) return {};
  return invalid_model("{} has {} elements, but {} are needed", name, length, wanted);
}

constexpr std::int64_t kMostFeatures = std::int64_t{1} << 31;

// Children in range, and no cycle: a walk from the roots that meets a node on its own path.
Status check(const Forest& forest) {
  enum : std::uint8_t { kNew, kOpen, kDone };
  std::vector<std::uint8_t> state(forest.nodes.size(), kNew);
  for (const ForestNode& node : forest.nodes) {
    if (node.branch == Branch::kLeaf) continue;
    if (node.if_true >= forest.nodes.size() || node.if_false >= forest.nodes.size())
      return invalid_model("a tree's node has no such child");
    if (node.feature < 0 || node.feature >= kMostFeatures)
      return invalid_model("a tree's node tests feature {}", node.feature);
  }
  for (const std::uint32_t root : forest.roots) {
    if (root >= forest.nodes.size()) return invalid_model("a tree's root {} is no node", root);
    std::vector<std::pair<std::uint32_t, int>> path{{root, 0}};
    while (!path.empty()) {
      auto& [at, child] = path.back();
      const ForestNode& node = forest.nodes[at];
      if (node.branch == Branch::kLeaf || child == 2) {
        state[at] = kDone;
        path.pop_back();
        continue;
      }
      state[at] = kOpen;
      const std::uint32_t next = child++ == 0 ? node.if_true : node.if_false;
      if (state[next] == kOpen) return invalid_model("a tree has a cycle");
      if (state[next] == kNew) path.emplace_back(next, 0);
    }
  }
  return {};
}

// The nodes of the first two operators, by their tree and node ids.
Status read_nodes(const Node& node, Forest& forest, std::map<Key, std::uint32_t>& index) {
  CYCLOID_ASSIGN(const Ints trees, get_ints(node, "nodes_treeids"));
  CYCLOID_ASSIGN(const Ints ids, get_ints(node, "nodes_nodeids"));
  CYCLOID_ASSIGN(const Ints features, get_ints(node, "nodes_featureids"));
  CYCLOID_ASSIGN(const auto modes, get_strings(node, "nodes_modes"));
  CYCLOID_ASSIGN(const Ints if_true, get_ints(node, "nodes_truenodeids"));
  CYCLOID_ASSIGN(const Ints if_false, get_ints(node, "nodes_falsenodeids"));
  CYCLOID_ASSIGN(const Ints missing, get_ints(node, "nodes_missing_value_tracks_true"));
  CYCLOID_ASSIGN(const auto values, numbers(node, "nodes_values"));
  const std::size_t count = trees.size();
  CYCLOID_TRY(check_length(ids.size(), count, "nodes_nodeids"));
  CYCLOID_TRY(check_length(features.size(), count, "nodes_featureids"));
  CYCLOID_TRY(check_length(modes.size(), count, "nodes_modes"));
  CYCLOID_TRY(check_length(if_true.size(), count, "nodes_truenodeids"));
  CYCLOID_TRY(check_length(if_false.size(), count, "nodes_falsenodeids"));
  CYCLOID_TRY(check_length(values.size(), count, "nodes_values"));
  if (!missing.empty()) CYCLOID_TRY(check_length(missing.size(), count, "nodes_missing_value_tracks_true"));
  for (std::size_t i = 0; i < count; ++i) {
    if (!index.emplace(Key(trees[i], ids[i]), static_cast<std::uint32_t>(i)).second) {
      return invalid_model("tree {} has node {} twice", trees[i], ids[i]);
    }
  }
  std::map<std::int64_t, std::size_t> first_of_tree;
  std::vector<bool> is_child(count, false);
  forest.nodes.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    ForestNode& made = forest.nodes[i];
    first_of_tree.emplace(trees[i], i);
    CYCLOID_ASSIGN(made.branch, branch_of(modes[i]));
    made.missing_goes_true = !missing.empty() && missing[i] != 0;
    made.value = values[i];
    if (made.branch == Branch::kLeaf) continue;
    made.feature = features[i];
    forest.features = std::max(forest.features, features[i] + 1);
    for (const auto& [child, to] : {std::pair(if_true[i], &made.if_true), std::pair(if_false[i], &made.if_false)}) {
      const auto at = index.find(Key(trees[i], child));
      if (at == index.end())
        return invalid_model("node {} of tree {} has the child {}, which the tree lacks", ids[i], trees[i], child);
      *to = at->second;
      is_child[at->second] = true;
    }
  }
  // A tree's root is its first node that is no child.
  for (const auto& [tree, first] : first_of_tree) {
    std::size_t root = count;
    for (std::size_t i = first; i < count && root == count; ++i) {
      if (trees[i] == tree && !is_child[i]) root = i;
    }
    if (root == count) return invalid_model("tree {} has no root", tree);
    forest.roots.push_back(static_cast<std::uint32_t>(root));
  }
  return check(forest);
}

// The weights, given by tree and node, put together by node.
Status read_weights(const Node& node, const std::string& prefix, const std::map<Key, std::uint32_t>& index,
                    Forest& forest) {
  CYCLOID_ASSIGN(const Ints trees, get_ints(node, prefix + "_treeids"));
  CYCLOID_ASSIGN(const Ints ids, get_ints(node, prefix + "_nodeids"));
  CYCLOID_ASSIGN(const Ints targets, get_ints(node, prefix + "_ids"));
  CYCLOID_ASSIGN(const auto weights, numbers(node, prefix + "_weights"));
  CYCLOID_TRY(check_length(ids.size(), trees.size(), prefix + "_nodeids"));
  CYCLOID_TRY(check_length(targets.size(), trees.size(), prefix + "_ids"));
  CYCLOID_TRY(check_length(weights.size(), trees.size(), prefix + "_weights"));
  std::vector<std::vector<LeafWeight>> by_node(forest.nodes.size());
  for (std::size_t i = 0; i < trees.size(); ++i) {
    const auto at = index.find(Key(trees[i], ids[i]));
    if (at == index.end())
      return invalid_model("a weight is of node {} of tree {}, which there is not", ids[i], trees[i]);
    if (targets[i] < 0 || targets[i] >= forest.targets)
      return invalid_model("{}_ids has {}, but there are {}", prefix, targets[i], forest.targets);
    by_node[at->second].push_back({targets[i], weights[i]});
    forest.positive_weights = forest.positive_weights && weights[i] >= 0;
  }
  for (std::size_t i = 0; i < by_node.size(); ++i) {
    if (forest.nodes[i].branch != Branch::kLeaf) continue;
    forest.nodes[i].first = static_cast<std::uint32_t>(forest.weights.size());
    forest.nodes[i].count = static_cast<std::uint32_t>(by_node[i].size());
    forest.weights.insert(forest.weights.end(), by_node[i].begin(), by_node[i].end());
  }
  return {};
}

bool passes(const Forest& forest, const ForestNode& node, double x) {
  switch (node.branch) {
    case Branch::kLessEqual: return x <= node.value;
    case Branch::kLess: return x < node.value;
    case Branch::kGreaterEqual: return x >= node.value;
    case Branch::kGreater: return x > node.value;
    case Branch::kEqual: return x == node.value;
    case Branch::kNotEqual: return x != node.value;
    case Branch::kMember: {
      const auto members = std::span(forest.members).subspan(node.first, node.count);
      return std::ranges::find(members, x) != members.end();
    }
    case Branch::kLeaf: break;
  }
  return false;
}

void add_base(const Forest& forest, std::span<double> scores) {
  if (forest.base_values.size() != scores.size()) return;
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] += forest.base_values[i];
}

}  // namespace

Result<Forest> Forest::classifier(const Node& node, std::int64_t classes) {
  Forest forest;
  forest.targets = classes;
  CYCLOID_ASSIGN(forest.post_transform, parse_post_transform(node));
  CYCLOID_ASSIGN(forest.base_values, numbers(node, "base_values"));
  std::map<Key, std::uint32_t> index;
  CYCLOID_TRY(read_nodes(node, forest, index));
  CYCLOID_TRY(read_weights(node, "class", index, forest));
  const auto other = [&](const LeafWeight& weight) { return weight.target != forest.weights[0].target; };
  forest.binary = classes == 2 && !forest.weights.empty() && std::ranges::none_of(forest.weights, other);
  return forest;
}

Result<Forest> Forest::regressor(const Node& node) {
  Forest forest;
  CYCLOID_ASSIGN(forest.targets, get_int(node, "n_targets", 1));
  if (forest.targets < 1 || forest.targets >= kMostFeatures) return invalid_model("n_targets is {}", forest.targets);
  CYCLOID_ASSIGN(forest.aggregate, aggregate_of(node));
  CYCLOID_ASSIGN(forest.post_transform, parse_post_transform(node));
  CYCLOID_ASSIGN(forest.base_values, numbers(node, "base_values"));
  std::map<Key, std::uint32_t> index;
  CYCLOID_TRY(read_nodes(node, forest, index));
  CYCLOID_TRY(read_weights(node, "target", index, forest));
  return forest;
}

Result<Forest> Forest::ensemble(const Node& node) {
  Forest forest;
  CYCLOID_ASSIGN(forest.targets, get_int(node, "n_targets", 1));
  if (forest.targets < 1 || forest.targets >= kMostFeatures) return invalid_model("n_targets is {}", forest.targets);
  CYCLOID_ASSIGN(const std::int64_t transform, get_int(node, "post_transform", 0));
  CYCLOID_ASSIGN(forest.post_transform, post_transform_of(transform));
  CYCLOID_ASSIGN(const std::int64_t aggregate, get_int(node, "aggregate_function", 1));
  if (aggregate < 0 || aggregate > 3) return invalid_model("aggregate_function {} is none of 0 to 3", aggregate);
  constexpr Aggregate kAggregates[] = {Aggregate::kAverage, Aggregate::kSum, Aggregate::kMin, Aggregate::kMax};
  forest.aggregate = kAggregates[aggregate];
  CYCLOID_ASSIGN(const Ints roots, get_ints(node, "tree_roots"));
  CYCLOID_ASSIGN(const Ints features, get_ints(node, "nodes_featureids"));
  CYCLOID_ASSIGN(const Ints if_true, get_ints(node, "nodes_truenodeids"));
  CYCLOID_ASSIGN(const Ints if_false, get_ints(node, "nodes_falsenodeids"));
  CYCLOID_ASSIGN(const Ints true_leafs, get_ints(node, "nodes_trueleafs"));
  CYCLOID_ASSIGN(const Ints false_leafs, get_ints(node, "nodes_falseleafs"));
  CYCLOID_ASSIGN(const Ints missing, get_ints(node, "nodes_missing_value_tracks_true"));
  CYCLOID_ASSIGN(const Ints leaf_targets, get_ints(node, "leaf_targetids"));
  CYCLOID_ASSIGN(const Tensor* splits_tensor, get_tensor(node, "nodes_splits"));
  CYCLOID_ASSIGN(const Tensor* modes_tensor, get_tensor(node, "nodes_modes"));
  CYCLOID_ASSIGN(const Tensor* weights_tensor, get_tensor(node, "leaf_weights"));
  CYCLOID_ASSIGN(const Tensor* members_tensor, get_tensor(node, "membership_values"));
  if (splits_tensor == nullptr || modes_tensor == nullptr || weights_tensor == nullptr) {
    return invalid_model("TreeEnsemble needs nodes_splits, nodes_modes and leaf_weights");
  }
  CYCLOID_ASSIGN(const auto splits, doubles(*splits_tensor));
  CYCLOID_ASSIGN(const auto modes, doubles(*modes_tensor));
  CYCLOID_ASSIGN(const auto weights, doubles(*weights_tensor));
  const std::size_t count = features.size();
  for (const std::size_t length :
       {if_true.size(), if_false.size(), true_leafs.size(), false_leafs.size(), splits.size(), modes.size()}) {
    CYCLOID_TRY(check_length(length, count, "an attribute of TreeEnsemble's nodes"));
  }
  if (!missing.empty()) CYCLOID_TRY(check_length(missing.size(), count, "nodes_missing_value_tracks_true"));
  CYCLOID_TRY(check_length(weights.size(), leaf_targets.size(), "leaf_weights"));
  // The inner nodes come first, then the leaves.
  forest.nodes.resize(count + leaf_targets.size());
  for (std::size_t i = 0; i < leaf_targets.size(); ++i) {
    if (leaf_targets[i] < 0 || leaf_targets[i] >= forest.targets)
      return invalid_model("leaf_targetids has {}", leaf_targets[i]);
    forest.weights.push_back({leaf_targets[i], weights[i]});
    forest.nodes[count + i].first = static_cast<std::uint32_t>(i);
    forest.nodes[count + i].count = 1;
  }
  // The members of each kMember node, one list after the other, a NaN after each.
  if (members_tensor != nullptr) {
    CYCLOID_ASSIGN(forest.members, doubles(*members_tensor));
  }
  std::size_t member = 0;
  for (std::size_t i = 0; i < count; ++i) {
    ForestNode& made = forest.nodes[i];
    if (!(modes[i] >= 0 && modes[i] <= 6)) return invalid_model("nodes_modes has the unknown mode {}", modes[i]);
    made.branch = static_cast<Branch>(static_cast<int>(modes[i]));
    made.missing_goes_true = !missing.empty() && missing[i] != 0;
    made.feature = features[i];
    made.value = splits[i];
    if (features[i] >= 0 && features[i] < kMostFeatures) forest.features = std::max(forest.features, features[i] + 1);
    for (const auto& [child, is_leaf, to] : {std::tuple(if_true[i], true_leafs[i], &made.if_true),
                                             std::tuple(if_false[i], false_leafs[i], &made.if_false)}) {
      const std::size_t limit = is_leaf != 0 ? leaf_targets.size() : count;
      if (child < 0 || static_cast<std::size_t>(child) >= limit)
        return invalid_model("node {} has the child {}, which there is not", i, child);
      *to = static_cast<std::uint32_t>(is_leaf != 0 ? count + static_cast<std::size_t>(child)
                                                    : static_cast<std::size_t>(child));
    }
    if (made.branch != Branch::kMember) continue;
    made.first = static_cast<std::uint32_t>(member);
    while (member < forest.members.size() && !std::isnan(forest.members[member])) ++member;
    made.count = static_cast<std::uint32_t>(member) - made.first;
    if (member == forest.members.size())
      return invalid_model("membership_values ends before the members of node {}", i);
    ++member;
  }
  for (const std::int64_t root : roots) {
    if (root < 0 || static_cast<std::size_t>(root) >= count)
      return invalid_model("tree_roots has {}, which is no node", root);
    const ForestNode& made = forest.nodes[static_cast<std::size_t>(root)];
    // A tree that is one leaf is written as a node whose two children are that leaf.
    forest.roots.push_back(made.if_true == made.if_false && made.if_true >= count ? made.if_true
                                                                                  : static_cast<std::uint32_t>(root));
  }
  CYCLOID_TRY(check(forest));
  return forest;
}

const ForestNode& Forest::leaf(std::uint32_t root, const double* row) const {
  const ForestNode* node = &nodes[root];
  while (node->branch != Branch::kLeaf) {
    const double x = row[node->feature];
    const bool goes_true = passes(*this, *node, x) || (node->missing_goes_true && std::isnan(x));
    node = &nodes[goes_true ? node->if_true : node->if_false];
  }
  return *node;
}

void Forest::score(const double* row, std::vector<double>& scores, std::vector<bool>& touched) const {
  scores.assign(static_cast<std::size_t>(targets), 0.0);
  touched.assign(static_cast<std::size_t>(targets), false);
  for (const std::uint32_t root : roots) {
    const ForestNode& reached = leaf(root, row);
    for (std::uint32_t i = reached.first; i < reached.first + reached.count; ++i) {
      const auto target = static_cast<std::size_t>(weights[i].target);
      const double weight = weights[i].weight;
      double& score = scores[target];
      if (aggregate == Aggregate::kMin) {
        score = touched[target] ? std::min(score, weight) : weight;
      } else if (aggregate == Aggregate::kMax) {
        score = touched[target] ? std::max(score, weight) : weight;
      } else {
        score += weight;
      }
      touched[target] = true;
    }
  }
  if (aggregate == Aggregate::kAverage && !roots.empty()) {
    for (double& score : scores) score /= static_cast<double>(roots.size());
  }
}

std::int64_t Forest::max_depth() const {
  // Children that are shared are walked once a path; depths are few, as each tree is a tree in practice.
  std::vector<std::int64_t> depth(nodes.size(), -1);
  std::int64_t most = 0;
  std::vector<std::pair<std::uint32_t, bool>> stack;
  for (const std::uint32_t root : roots) stack.emplace_back(root, false);
  while (!stack.empty()) {
    auto [at, ready] = stack.back();
    stack.pop_back();
    const ForestNode& node = nodes[at];
    if (node.branch == Branch::kLeaf) {
      depth[at] = 0;
    } else if (ready) {
      depth[at] = 1 + std::max(depth[node.if_true], depth[node.if_false]);
    } else if (depth[at] < 0) {
      stack.emplace_back(at, true);
      stack.emplace_back(node.if_true, false);
      stack.emplace_back(node.if_false, false);
    }
    most = std::max(most, depth[at]);
  }
  return most;
}

// Where all weights are of one class out of two, that one score s stands for both: 1 - s and s where the weights are
// probabilities (none negative), and the transform is not applied; -s and s, or their logistic functions, otherwise.
// So ONNX Runtime reads the standard, which leaves it open, and so exporters write models.
std::size_t Forest::finish_classes(std::span<double> scores) const {
  if (!binary) {
    add_base(*this, scores);
    const auto best = static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin());
    transform_scores(post_transform, scores);
    return best;
  }
  double score = scores[static_cast<std::size_t>(weights[0].target)];
  // One value for two classes belongs to the positive one's score.
  if (!base_values.empty()) score += base_values.back();
  const bool positive = score > (positive_weights ? 0.5 : 0.0);
  if (positive_weights) {
    scores[0] = 1 - score;
    scores[1] = score;
  } else if (post_transform == PostTransform::kLogistic) {
    scores[0] = logistic(-score);
    scores[1] = logistic(score);
  } else {
    scores[0] = -score;
    scores[1] = score;
    if (post_transform == PostTransform::kProbit) transform_scores(post_transform, scores);
  }
  return positive ? 1 : 0;
}

void Forest::finish_targets(std::span<double> scores) const {
  add_base(*this, scores);
  transform_scores(post_transform, scores);
}

}  // namespace cycloid
