// Einsum  =>  for each pair of operands: ReduceSum, Transpose, MatMul (or Mul where nothing is summed), Reshape
//
// Of two operands with labels, those of both that nobody needs any more are summed over (k), those of both that are
// needed are the batch (b), and the others belong to one operand (m, n): X[b, m, k] Y[b, k, n]. What one operand alone has
// and nobody needs is summed before. "-> Transpose" puts the result's axes in order. Several operands are taken from the
// left.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ops/linalg/einsum.h"
#include "plan/fusion/expanding.h"

namespace cycloid {
namespace {

using Labels = std::vector<std::size_t>;

struct Operand {
  ValueId value;
  Labels labels;
};

bool has(const Labels& labels, std::size_t label) { return std::ranges::find(labels, label) != labels.end(); }

class EinsumExpansion {
 public:
  explicit EinsumExpansion(Expanding& e) : e_(e) {}

  // Whether the operands are taken; nothing is added before it says so.
  bool read() {
    const Result<std::string> equation = get_string(e_.node(), "equation", "");
    if (!equation) return false;
    std::vector<std::size_t> ranks;
    std::vector<Shape> shapes;
    for (const ValueId input : e_.node().inputs) {
      if (!e_.usable(input)) return false;
      ranks.push_back(e_.dims(input)->size());
      shapes.push_back(to_shape(*e_.dims(input)));
    }
    const Result<EinsumEquation> parsed = EinsumEquation::parse(*equation, ranks);
    if (!parsed) return false;
    const Result<Shape> sizes = parsed->label_sizes(shapes);
    if (!sizes || !known_dims(*sizes)) return false;
    sizes_ = *known_dims(*sizes);
    if (std::ranges::find(sizes_, 0) != sizes_.end()) return false;  // sums of nothing
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      Labels labels = parsed->operands[i];
      std::ranges::sort(labels);
      if (std::ranges::adjacent_find(labels) != labels.end()) return false;  // a diagonal
      operands_.push_back({e_.node().inputs[i], parsed->operands[i]});
    }
    for (std::size_t label = 0; label < parsed->result_rank; ++label) result_.push_back(label);
    return !operands_.empty();
  }

  void run() {
    for (Operand& operand : operands_) drop_broadcast(operand);
    Operand left = operands_[0];
    for (std::size_t i = 1; i < operands_.size(); ++i) {
      Labels needed = result_;
      for (std::size_t later = i + 1; later < operands_.size(); ++later)
        needed.insert(needed.end(), operands_[later].labels.begin(), operands_[later].labels.end());
      left = product(std::move(left), operands_[i], needed);
    }
    left = without(std::move(left), [&](std::size_t label) { return !has(result_, label); });
    std::vector<std::int64_t> order;
    Dims dims;
    for (const std::size_t label : result_) {
      const auto at = std::ranges::find(left.labels, label);
      if (at != left.labels.end()) order.push_back(at - left.labels.begin());
      dims.push_back(sizes_[label]);
    }
    ValueId y = e_.permuted(left.value, order);
    y = e_.reshaped(y, dims);
    if (y == e_.node().inputs[0]) y = e_.add("Identity", {y}, dims);
    e_.give(0, y);
    e_.done();
  }

 private:
  Dims sizes_of(const Labels& labels) const {
    Dims dims;
    for (const std::size_t label : labels) dims.push_back(sizes_[label]);
    return dims;
  }
  std::int64_t count(const Labels& labels) const {
    std::int64_t n = 1;
    for (const std::size_t label : labels) n *= sizes_[label];
    return n;
  }

  // An axis of size 1 under a label that is larger elsewhere, or is 1, is none.
  void drop_broadcast(Operand& operand) {
    const Dims dims = *e_.dims(operand.value);
    Labels kept;
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (dims[i] != 1) kept.push_back(operand.labels[i]);
    }
    operand.labels = kept;
    operand.value = e_.reshaped(operand.value, sizes_of(kept));
  }

  template <class Drop>
  Operand without(Operand operand, Drop drop) {
    Dims axes;
    Labels kept;
    for (std::size_t i = 0; i < operand.labels.size(); ++i) {
      if (drop(operand.labels[i])) {
        axes.push_back(static_cast<std::int64_t>(i));
      } else {
        kept.push_back(operand.labels[i]);
      }
    }
    if (axes.empty()) return operand;
    const ValueId sum =
        e_.add("ReduceSum", {operand.value, e_.sizes(axes)}, sizes_of(kept), {{"keepdims", std::int64_t{0}}});
    return {sum, kept};
  }

  // How far the labels in this order are from the operand's own.
  static std::vector<std::int64_t> order_of(const Operand& operand, const Labels& wanted) {
    std::vector<std::int64_t> order;
    for (const std::size_t label : wanted)
      order.push_back(std::ranges::find(operand.labels, label) - operand.labels.begin());
    return order;
  }
  static bool in_order(const Operand& operand, const Labels& wanted) {
    return std::ranges::is_sorted(order_of(operand, wanted));
  }
  static Labels joined(const Labels& a, const Labels& b, const Labels& c = {}) {
    Labels all = a;
    all.insert(all.end(), b.begin(), b.end());
    all.insert(all.end(), c.begin(), c.end());
    return all;
  }

  struct Groups {
    Labels batch, left, right, summed;
  };

  Operand product(Operand x, Operand y, const Labels& needed) {
    x = without(std::move(x), [&](std::size_t l) { return !has(needed, l) && !has(y.labels, l); });
    y = without(std::move(y), [&](std::size_t l) { return !has(needed, l) && !has(x.labels, l); });
    Groups g;
    for (const std::size_t label : x.labels) {
      Labels& group = !has(y.labels, label) ? g.left : has(needed, label) ? g.batch : g.summed;
      group.push_back(label);
    }
    for (const std::size_t label : y.labels) {
      if (!has(x.labels, label)) g.right.push_back(label);
    }
    if (g.summed.empty()) return outer(x, y, g);
    // The order of what is summed over may be either operand's: that of which fewer have to be transposed.
    Labels other;
    for (const std::size_t label : y.labels) {
      if (has(g.summed, label)) other.push_back(label);
    }
    const auto transposes = [&](const Operand& a, const Labels& m, const Operand& b, const Labels& n, const Labels& k) {
      return (in_order(a, joined(g.batch, m, k)) ? 0 : 1) + (in_order(b, joined(g.batch, k, n)) ? 0 : 1);
    };
    if (transposes(x, g.left, y, g.right, other) < transposes(x, g.left, y, g.right, g.summed)) g.summed = other;
    if (transposes(y, g.right, x, g.left, g.summed) < transposes(x, g.left, y, g.right, g.summed)) {
      std::swap(x, y);
      std::swap(g.left, g.right);
    }
    const std::int64_t b = count(g.batch), m = count(g.left), n = count(g.right), k = count(g.summed);
    const auto matrix = [&](const Operand& operand, const Labels& order, std::int64_t rows, std::int64_t columns) {
      const ValueId turned = e_.permuted(operand.value, order_of(operand, order));
      return e_.reshaped(turned, b == 1 ? Dims{rows, columns} : Dims{b, rows, columns});
    };
    const ValueId left = matrix(x, joined(g.batch, g.left, g.summed), m, k);
    const ValueId right = matrix(y, joined(g.batch, g.summed, g.right), k, n);
    const ValueId made = e_.add("MatMul", {left, right}, b == 1 ? Dims{m, n} : Dims{b, m, n});
    const Labels labels = joined(g.batch, g.left, g.right);
    return {e_.reshaped(made, sizes_of(labels)), labels};
  }

  // Nothing is summed over: x[b, m, 1] * y[b, 1, n].
  Operand outer(const Operand& x, const Operand& y, const Groups& g) {
    const Labels labels = joined(g.batch, g.left, g.right);
    const auto spread = [&](const Operand& operand, const Labels& own) {
      const ValueId turned = e_.permuted(operand.value, order_of(operand, joined(g.batch, own)));
      Dims dims;
      for (const std::size_t label : labels) dims.push_back(has(operand.labels, label) ? sizes_[label] : 1);
      return e_.reshaped(turned, dims);
    };
    return {e_.add("Mul", {spread(x, g.left), spread(y, g.right)}, sizes_of(labels)), labels};
  }

  Expanding& e_;
  Dims sizes_;  // by label
  std::vector<Operand> operands_;
  Labels result_;
};

}  // namespace

void expand_einsum(Expanding& e) {
  EinsumExpansion expansion(e);
  if (expansion.read()) expansion.run();
}

}  // namespace cycloid
