#include "kernels/trees/trees.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace cycloid::kernels {
namespace {

template <class T>
struct TreeNode {
  T value;           // left where the feature is at most this
  uint32_t feature;  // of a leaf 0
  uint32_t child;    // the left one; the right one follows. Of a leaf the leaf itself
  uint32_t flags;    // kInner, kNanLeft; of a leaf its number in the bits above
};
constexpr uint32_t kInner = 1, kNanLeft = 2;
constexpr int kNumberShift = 2;
// Nodes that several paths share are copied for each of them: a bound on how many that may make.
constexpr int64_t kMostDense = 16;  // targets
constexpr std::size_t kMostNodes = std::size_t{1} << 30, kMostCopies = 8;

// The largest T that is at most x.
template <class T>
T floor_to(double x) {
  const T near = static_cast<T>(x);
  return static_cast<double>(near) <= x ? near : std::nextafter(near, -std::numeric_limits<T>::infinity());
}

// The value v for which x <= v says the same of every T x as x <= value, or x < value where `strict`. Subnormal numbers are
// taken for zero by threads that flush them, so v is none.
template <class T>
T bound_of(double value, bool strict) {
  if (std::isnan(value)) return static_cast<T>(value);
  T v = floor_to<T>(value);
  if (strict && static_cast<double>(v) == value) {
    if (v == -std::numeric_limits<T>::infinity()) return std::numeric_limits<T>::quiet_NaN();
    v = std::nextafter(v, -std::numeric_limits<T>::infinity());
  }
  if (v != 0 && std::abs(v) < std::numeric_limits<T>::min()) return v < 0 ? -std::numeric_limits<T>::min() : T{0};
  return v;
}

template <class T>
class Builder {
 public:
  Builder(const TreesParams& params, TreesPlan& plan) : params_(params), plan_(plan) {}

  std::string build() {
    for (const uint32_t root : params_.roots) {
      if (!add_tree(root)) return "nodes that many paths share";
    }
    if (params_.aggregate == TreeAggregate::kSum && params_.targets <= kMostDense && make_dense()) {
      plan_.leaves.clear();
    } else {
      plan_.values.clear();
      plan_.weights.assign(params_.weights.begin(), params_.weights.end());
    }
    const std::span<const std::byte> bytes = std::as_bytes(std::span(nodes_));
    plan_.nodes.assign(bytes.begin(), bytes.end());
    return {};
  }

 private:
  // A value a leaf and target; false where a leaf has two weights of a target, whose sum would be rounded by itself.
  bool make_dense() {
    const auto targets = static_cast<std::size_t>(params_.targets);
    plan_.values.assign(plan_.leaves.size() * targets, 0.0);
    for (std::size_t i = 0; i < plan_.leaves.size(); ++i) {
      const TreesPlan::Leaf& leaf = plan_.leaves[i];
      std::vector<bool> seen(targets);
      for (uint32_t w = leaf.first; w < leaf.first + leaf.count; ++w) {
        const auto target = static_cast<std::size_t>(params_.weights[w].target);
        if (seen[target]) return false;
        seen[target] = true;
        plan_.values[i * targets + target] = params_.weights[w].weight;
      }
    }
    return true;
  }

  // Breadth first: level by level, with both children of a node when it is met.
  bool add_tree(uint32_t root) {
    const auto first = static_cast<uint32_t>(nodes_.size());
    std::vector<uint32_t> level{root};
    nodes_.emplace_back();
    uint32_t at = first, depth = 0;
    for (;;) {
      std::vector<uint32_t> next;
      for (const uint32_t source : level) {
        const TreeNodeParams& node = params_.nodes[source];
        if (nodes_.size() + 2 > limit_) return false;
        if (node.test == TreeTest::kLeaf) {
          nodes_[at] = {T{0}, 0, at, static_cast<uint32_t>(plan_.leaves.size()) << kNumberShift};
          plan_.leaves.push_back({node.first, node.count});
        } else {
          const auto child = static_cast<uint32_t>(nodes_.size());
          nodes_.resize(nodes_.size() + 2);
          nodes_[at] = inner(node, child);
          const bool swapped = is_greater(node.test);
          next.push_back(swapped ? node.if_false : node.if_true);
          next.push_back(swapped ? node.if_true : node.if_false);
        }
        ++at;
      }
      if (next.empty()) break;
      ++depth;
      level = std::move(next);
    }
    plan_.trees.push_back({first, depth});
    return true;
  }

  static bool is_greater(TreeTest test) { return test == TreeTest::kGreater || test == TreeTest::kGreaterEqual; }

  // x >= v is not (x < v), with the children swapped; a NaN goes the same way as before.
  TreeNode<T> inner(const TreeNodeParams& node, uint32_t child) {
    const bool swapped = is_greater(node.test);
    const bool strict = node.test == TreeTest::kLess || node.test == TreeTest::kGreaterEqual;
    const bool nan_left = node.nan_goes_true != swapped;
    plan_.nans = plan_.nans || nan_left;
    T value = bound_of<T>(node.value, strict);
    if (swapped && std::isnan(node.value)) value = std::numeric_limits<T>::infinity();
    return {value, static_cast<uint32_t>(node.feature), child, kInner | (nan_left ? kNanLeft : 0)};
  }

  const TreesParams& params_;
  TreesPlan& plan_;
  std::vector<TreeNode<T>> nodes_;
  const std::size_t limit_ = std::min(kMostNodes, kMostCopies* params_.nodes.size() + params_.roots.size());
};

template <class T, bool kNans>
inline uint32_t descend(const TreeNode<T>* nodes, uint32_t at, const T* row) {
  const TreeNode<T>& node = nodes[at];
  const T x = row[node.feature];
  uint32_t right = !(x <= node.value);
  if (kNans) right &= ~static_cast<uint32_t>((x != x) & ((node.flags & kNanLeft) != 0));
  return node.child + (right & node.flags & kInner);
}

// Four walks at once. Long ones end where all have reached leaves.
template <class T, bool kNans>
inline void walk4(const TreeNode<T>* nodes, const T* const (&row)[4], uint32_t depth, uint32_t (&at)[4]) {
  constexpr uint32_t kLook = 8;
  uint32_t a = at[0], b = at[1], c = at[2], d = at[3];
  while (depth > 0) {
    const uint32_t count = std::min(depth, kLook);
    for (uint32_t i = 0; i < count; ++i) {
      a = descend<T, kNans>(nodes, a, row[0]);
      b = descend<T, kNans>(nodes, b, row[1]);
      c = descend<T, kNans>(nodes, c, row[2]);
      d = descend<T, kNans>(nodes, d, row[3]);
    }
    depth -= count;
    if (depth > 0 && ((nodes[a].flags | nodes[b].flags | nodes[c].flags | nodes[d].flags) & kInner) == 0) break;
  }
  at[0] = a;
  at[1] = b;
  at[2] = c;
  at[3] = d;
}

template <class T, bool kNans>
class Runner {
 public:
  Runner(const TreesPlan& plan, const TreesArgs& args)
      : plan_(plan),
        args_(args),
        nodes_(static_cast<const TreeNode<T>*>(args.packed)),
        x_(static_cast<const T*>(args.x)) {}

  void run() {
    std::fill_n(args_.scores, args_.rows * plan_.targets, 0.0);
    if (args_.touched != nullptr) std::fill_n(args_.touched, args_.rows * plan_.targets, 0);
    const auto one = [values = plan_.values.data(), nodes = nodes_, scores = args_.scores](int64_t r, uint32_t at) {
      scores[r] += values[nodes[at].flags >> kNumberShift];
    };
    const auto dense = [this](int64_t r, uint32_t at) {
      const double* values = plan_.values.data() + (nodes_[at].flags >> kNumberShift) * plan_.targets;
      double* scores = args_.scores + r * plan_.targets;
      for (int64_t t = 0; t < plan_.targets; ++t) scores[t] += values[t];
    };
    if (plan_.values.empty()) return walk([this](int64_t r, uint32_t at) { take(r, at); });
    plan_.targets == 1 ? walk(one) : walk(dense);
  }

 private:
  const T* row(int64_t r) const { return x_ + r * args_.x_row; }

  // Hands each row's leaf of each tree, in the order of the trees, to `give`.
  template <class Give>
  void walk(Give give) {
    if (args_.rows >= 4) {
      const int64_t whole = args_.rows / 4 * 4;
      for (const TreesPlan::Tree tree : plan_.trees) {
        for (int64_t r = 0; r < whole; r += 4) tree_by_rows<4>(tree, r, give);
        if (args_.rows - whole == 1) tree_by_rows<1>(tree, whole, give);
        if (args_.rows - whole == 2) tree_by_rows<2>(tree, whole, give);
        if (args_.rows - whole == 3) tree_by_rows<3>(tree, whole, give);
      }
      return;
    }
    for (int64_t r = 0; r < args_.rows; ++r) {
      for (std::size_t t = 0; t < plan_.trees.size(); t += 4) row_by_trees(r, t, give);
    }
  }

  // Walks past the count are the last row's again.
  template <int kCount, class Give>
  void tree_by_rows(const TreesPlan::Tree& tree, int64_t first, Give give) {
    const T* const x = row(first);
    const int64_t stride = args_.x_row;
    const T* const rows[4] = {x, x + (kCount > 1 ? stride : 0), x + (kCount > 2 ? 2 : kCount - 1) * stride,
                              x + (kCount - 1) * stride};
    uint32_t at[4] = {tree.root, tree.root, tree.root, tree.root};
    walk4<T, kNans>(nodes_, rows, tree.depth, at);
    for (int i = 0; i < kCount; ++i) give(first + i, at[i]);
  }

  template <class Give>
  void row_by_trees(int64_t r, std::size_t first, Give give) {
    const T* const only = row(r);
    const T* const rows[4] = {only, only, only, only};
    uint32_t at[4], depth = 0;
    const std::size_t count = std::min<std::size_t>(4, plan_.trees.size() - first);
    for (std::size_t i = 0; i < 4; ++i) {
      const TreesPlan::Tree& tree = plan_.trees[first + std::min(i, count - 1)];
      at[i] = tree.root;
      depth = std::max(depth, tree.depth);
    }
    walk4<T, kNans>(nodes_, rows, depth, at);
    for (std::size_t i = 0; i < count; ++i) give(r, at[i]);
  }

  void take(int64_t r, uint32_t at) {
    const TreesPlan::Leaf leaf = plan_.leaves[nodes_[at].flags >> kNumberShift];
    for (uint32_t i = leaf.first; i < leaf.first + leaf.count; ++i) {
      const TreeWeight& weight = plan_.weights[i];
      double& score = args_.scores[r * plan_.targets + weight.target];
      if (plan_.aggregate == TreeAggregate::kSum) {
        score += weight.weight;
        continue;
      }
      unsigned char& touched = args_.touched[r * plan_.targets + weight.target];
      const bool least = plan_.aggregate == TreeAggregate::kMin;
      if (!touched || (least ? weight.weight < score : weight.weight > score)) score = weight.weight;
      touched = 1;
    }
  }

  const TreesPlan& plan_;
  const TreesArgs& args_;
  const TreeNode<T>* nodes_;
  const T* x_;
};

}  // namespace

void TreesPlan::pack(void* packed) const { std::ranges::copy(nodes, static_cast<std::byte*>(packed)); }

void TreesPlan::run(const TreesArgs& args) const {
  if (doubles) return nans ? Runner<double, true>(*this, args).run() : Runner<double, false>(*this, args).run();
  nans ? Runner<float, true>(*this, args).run() : Runner<float, false>(*this, args).run();
}

std::variant<TreesPlan, std::string> plan_trees(const TreesParams& params) {
  for (const TreeNodeParams& node : params.nodes) {
    if (node.test == TreeTest::kEqual || node.test == TreeTest::kNotEqual || node.test == TreeTest::kMember)
      return "tests of equality";
  }
  TreesPlan plan;
  plan.targets = params.targets;
  plan.aggregate = params.aggregate;
  plan.doubles = params.doubles;
  std::string reason = params.doubles ? Builder<double>(params, plan).build() : Builder<float>(params, plan).build();
  if (!reason.empty()) return reason;
  return plan;
}

}  // namespace cycloid::kernels
