#include "rewrite/conditioning.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string_view>

#include "ops/chosen_elements.h"
#include "ops/op.h"
#include "rewrite/comparison.h"

namespace cycloid {
namespace {

constexpr double kUnits = 64;  // that one change may cost, see comparison.h
constexpr double kMostTimes = 4;

// Operators that round no float, beside those that choose elements: integers, and numbers that are integers anyway.
constexpr std::string_view kExact[] = {"ArgMax",    "ArgMin",  "Cast",   "Ceil",  "ConstantOfShape", "EyeLike",
                                       "Floor",     "NonZero", "OneHot", "Range", "Round",           "ScatterElements",
                                       "ScatterND", "Shape",   "Sign",   "Size"};

// Sorted. Operators that add: a sum of nothing but zeros is -0 only where every one of them is and the sum does not begin at
// 0, and ONNX leaves to the runtime where it begins.
constexpr std::string_view kSums[] = {"Add",       "AveragePool",   "BatchNormalization",
                                      "Conv",      "ConvTranspose", "CumSum",
                                      "Einsum",    "Gemm",          "GlobalAveragePool",
                                      "Loop",      "MatMul",        "ReduceMean",
                                      "ReduceSum", "Scan",          "Sub",
                                      "Sum"};

// Operators that are infinite at 0, which is no overflow.
constexpr std::string_view kPoles[] = {"Div", "Log", "Pow", "Reciprocal"};

// The value with 1 in place of what is not finite, and of zeros too where they are a pole: what is infinite of that is by
// overflow.
Datum tamed(const Datum& datum, bool zeros) {
  if (datum.tensor() == nullptr) return datum;
  Tensor tensor = *datum.tensor();
  dispatch<float, double>(tensor.dtype(), [&]<class T>(T) {
    std::vector<T> elements(tensor.data<T>().begin(), tensor.data<T>().end());
    std::ranges::replace_if(elements, [&](T x) { return !std::isfinite(x) || (zeros && x == T{0}); }, T{1});
    tensor = Tensor::of<T>(tensor.dims(), elements);
  });
  return tensor;
}

Datum magnitudes(const Datum& datum) {
  if (datum.tensor() == nullptr) return datum;
  Tensor tensor = *datum.tensor();
  dispatch<float, double>(tensor.dtype(), [&]<class T>(T) {
    std::vector<T> elements;
    for (const T x : tensor.data<T>()) elements.push_back(std::abs(x));
    tensor = Tensor::of<T>(tensor.dims(), elements);
  });
  return tensor;
}

bool has_infinity(const Datum& datum) {
  bool found = false;
  if (datum.tensor() == nullptr) return found;
  dispatch<float, double>(datum.tensor()->dtype(), [&]<class T>(T) {
    found = std::ranges::any_of(datum.tensor()->data<T>(), [](T x) { return std::isinf(x); });
  });
  return found;
}

// What a run does where a value is at the edge of a class: draws, or takes one side throughout. The sides are run first:
// what only shows where several values are at their edges would take many draws.
enum class Edges {
  kLow,   // what is tiny vanishes, what overflows is infinite, a sum of zeros or one that cancels is -0
  kHigh,  // what is tiny is a little larger, what overflows is the largest number, such a sum is 0
  kRandom,
};

bool is_exact(const Node& node) {
  if (chooses_of_first(node) || chooses_of_any(node)) return true;
  const auto reduction = get_string(node, "reduction", "none");
  if (reduction && (*reduction == "add" || *reduction == "mul")) return false;  // of ScatterElements and ScatterND
  return node.domain.empty() && std::ranges::find(kExact, node.op_type) != std::end(kExact);
}

// What is known of an output: from tiny numbers comes zero by underflow, where another order of operations may give a number.
struct Range {
  bool tiny = false;
  bool sum = false;                  // by an operator of kSums
  const Tensor* overflow = nullptr;  // infinite where the output is so by overflow
  const Tensor* terms = nullptr;     // the sums of the magnitudes of what was added: near 0 beside them, a sum may be 0
};

// Where a float that is no number of the integer's type was cast to it, ONNX leaves the result open: it may be any.
Datum with_any_for_undefined(const Datum& from, Datum to, std::mt19937_64& random) {
  if (from.tensor() == nullptr || to.tensor() == nullptr) return to;
  const Tensor& floats = *from.tensor();
  Tensor integers = *to.tensor();
  const auto replace = [&]<class T>(std::span<const T> x) {
    dispatch<std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t, std::uint32_t,
             std::uint64_t>(integers.dtype(), [&]<class I>(I) {
      const double low = std::numeric_limits<I>::min();
      const double beyond = std::ldexp(1.0, std::numeric_limits<I>::digits);
      std::vector<I> elements(integers.data<I>().begin(), integers.data<I>().end());
      for (std::size_t i = 0; i < elements.size(); ++i) {
        const double whole = std::trunc(static_cast<double>(x[i]));
        if (!(whole >= low && whole < beyond)) elements[i] = static_cast<I>(random());
      }
      integers = Tensor::of<I>(integers.dims(), elements);
    });
  };
  dispatch<float, double>(floats.dtype(), [&]<class T>(T) { replace(floats.data<T>()); });
  return integers;
}

class Perturbed {
 public:
  Perturbed(const ModelIr& model, std::uint64_t seed, Edges edges, double units = kUnits)
      : model_(model), random_(seed), edges_(edges), units_(units) {}

  Result<std::vector<Datum>> run(std::span<const Datum> inputs) {
    const Graph& graph = model_.graph;
    for (std::size_t i = 0; i < inputs.size(); ++i) values_.emplace(graph.inputs()[i], perturbed(inputs[i], true));
    for (const NodeId id : graph.nodes()) CYCLOID_TRY(compute(graph.node(id)));
    std::vector<Datum> outputs;
    for (const ValueId id : graph.outputs()) outputs.push_back(*find(id));
    return outputs;
  }

 private:
  Status compute(const Node& node) {
    std::vector<const Datum*> inputs;
    for (const ValueId input : node.inputs) inputs.push_back(input.valid() ? find(input) : nullptr);
    CYCLOID_ASSIGN(auto outputs,
                   evaluate_node(model_, model_.graph, node, inputs, [&](ValueId value) { return find(value); }));
    const bool exact = is_exact(node);
    Range range = range_of(inputs);
    range.sum = node.domain.empty() && std::ranges::find(kSums, node.op_type) != std::end(kSums);
    std::vector<Datum> by_overflow;
    if (!exact && std::ranges::any_of(outputs, has_infinity)) {
      const bool zeros = node.domain.empty() && std::ranges::find(kPoles, node.op_type) != std::end(kPoles);
      by_overflow = evaluate_with(node, inputs, [&](const Datum& input) { return tamed(input, zeros); });
    }
    std::vector<Datum> terms;
    if (range.sum && edges_ != Edges::kRandom && node.op_type != "Loop" && node.op_type != "Scan") {
      Node sum = node;
      if (sum.op_type == "Sub") sum.op_type = "Add";
      terms = evaluate_with(sum, inputs, magnitudes);
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (!node.outputs[i].valid()) continue;
      range.overflow = i < by_overflow.size() ? by_overflow[i].tensor() : nullptr;
      if (range.overflow != nullptr && range.overflow->dims() != outputs[i].tensor()->dims()) range.overflow = nullptr;
      range.terms = i < terms.size() ? terms[i].tensor() : nullptr;
      if (node.domain.empty() && node.op_type == "Cast")
        outputs[i] = with_any_for_undefined(*inputs[0], std::move(outputs[i]), random_);
      values_.insert_or_assign(node.outputs[i], exact ? std::move(outputs[i]) : perturbed(outputs[i], false, range));
    }
    return {};
  }

  // The node's outputs of changed inputs; none where it does not take these.
  template <class Change>
  std::vector<Datum> evaluate_with(const Node& node, const std::vector<const Datum*>& inputs, Change change) {
    std::vector<Datum> changed(inputs.size());
    std::vector<const Datum*> pointers;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] != nullptr) changed[i] = change(*inputs[i]);
      pointers.push_back(inputs[i] != nullptr ? &changed[i] : nullptr);
    }
    auto outputs = evaluate_node(model_, model_.graph, node, pointers, [&](ValueId value) { return find(value); });
    return outputs ? *std::move(outputs) : std::vector<Datum>{};
  }

  static Range range_of(const std::vector<const Datum*>& inputs) {
    Range range;
    for (const Datum* input : inputs) {
      const Tensor* tensor = input != nullptr ? input->tensor() : nullptr;
      if (tensor == nullptr) continue;
      dispatch<float, double>(tensor->dtype(), [&]<class T>(T) {
        for (const T x : tensor->data<T>()) {
          range.tiny = range.tiny || (x != 0 && std::abs(x) < T{1e-30F});
        }
      });
    }
    return range;
  }

  // Scalars are exponents, bounds, factors: exact, and what a small change of them does is no rounding.
  const Datum* find(ValueId id) {
    if (const auto at = values_.find(id); at != values_.end()) return &at->second;
    const Tensor* constant = model_.graph.constant(id);
    CYCLOID_CHECK(constant != nullptr);
    const Datum datum = constant->element_count() > 1 ? perturbed(Datum(*constant), true) : Datum(*constant);
    return &values_.emplace(id, datum).first->second;
  }

  // Whole numbers among what is given are indices or counts as often as not, and exact.
  Datum perturbed(const Datum& datum, bool given, Range range = {}) {
    if (datum.tensor() == nullptr) return datum;
    Tensor tensor = *datum.tensor();
    const auto change = [&]<class T>(T) {
      Tensor copy = Tensor::zeros(tensor.dtype(), tensor.dims()).value();
      const auto from = tensor.data<T>();
      const auto to = copy.mutable_data<T>();
      for (std::size_t i = 0; i < from.size(); ++i) {
        const bool over = range.overflow != nullptr && std::isinf(range.overflow->data<T>()[i]);
        const bool cancels = range.terms != nullptr && std::isfinite(from[i]) &&
                             std::abs(static_cast<double>(from[i])) <=
                                 kMostTimes * kUnits * static_cast<double>(std::numeric_limits<T>::epsilon()) *
                                     static_cast<double>(range.terms->data<T>()[i]);
        to[i] = given && from[i] == std::round(from[i]) ? from[i] : perturbed(cancels ? T{0} : from[i], range, over);
      }
      tensor = std::move(copy);
    };
    dispatch<float, double>(tensor.dtype(), change);
    return tensor;
  }

  template <class T>
  T perturbed(T x, Range range, bool over) {
    using Limits = std::numeric_limits<T>;
    std::uniform_real_distribution<double> share(-1, 1);
    const double by = share(random_);
    const bool low = edges_ == Edges::kRandom ? by < 0 : edges_ == Edges::kLow;
    if (std::isinf(x)) return over && !low ? std::copysign(Limits::max(), x) : x;
    if (range.tiny && std::abs(x) < T{1e-30F}) {
      const T most = static_cast<T>(kUnits) * Limits::denorm_min();
      if (edges_ == Edges::kLow && std::abs(x) <= most) return std::copysign(T{0}, x);
      if (edges_ == Edges::kHigh) return x + std::copysign(most, x);
      return x + static_cast<T>(by * kUnits) * Limits::denorm_min();
    }
    if (x == T{0} && range.sum) return low ? -T{0} : T{0};
    const auto moved =
        static_cast<T>(static_cast<double>(x) * (1 + by * units_ * static_cast<double>(Limits::epsilon())));
    return edges_ == Edges::kHigh && std::isinf(moved) ? x : moved;
  }

  const ModelIr& model_;
  std::mt19937_64 random_;
  Edges edges_;
  double units_;
  std::map<ValueId, Datum> values_;
};

enum class Class { kFinite, kNaN, kPositive, kNegative };
Class class_of(double x) {
  if (std::isnan(x)) return Class::kNaN;
  return std::isfinite(x) ? Class::kFinite : x > 0 ? Class::kPositive : Class::kNegative;
}

// Element by element, whether `actual` is as near to `expected` as the perturbed outputs say it can be.
template <class T>
bool within(const Tensor& expected, const Tensor& actual, const std::vector<const Tensor*>& moved,
            const RoundingOptions& options) {
  const auto e = expected.data<T>();
  const auto a = actual.data<T>();
  double scale = 0;
  for (const T x : e) scale = std::isfinite(x) ? std::max(scale, std::abs(static_cast<double>(x))) : scale;
  const double allowed =
      static_cast<double>(std::numeric_limits<T>::epsilon()) * (options.units * scale + options.of_one) +
      static_cast<double>(std::numeric_limits<T>::denorm_min()) * options.units;
  for (std::size_t i = 0; i < e.size(); ++i) {
    const auto x = static_cast<double>(e[i]);
    const auto y = static_cast<double>(a[i]);
    double farthest = 0;
    bool same_class = true;
    for (const Tensor* tensor : moved) {
      const auto m = static_cast<double>(tensor->data<T>()[i]);
      same_class = same_class && class_of(m) == class_of(x);
      if (std::isfinite(m) && std::isfinite(x)) farthest = std::max(farthest, std::abs(m - x));
    }
    if (!same_class) continue;
    if (class_of(x) != class_of(y)) return false;
    if (class_of(x) == Class::kFinite && std::abs(x - y) > allowed + kMostTimes * farthest) return false;
  }
  return true;
}

// Integers and bools: equal, or at a place that moved.
bool within_integers(const Tensor& expected, const Tensor& actual, const std::vector<const Tensor*>& moved) {
  if (identical(expected, actual)) return true;
  return std::ranges::any_of(moved, [&](const Tensor* tensor) { return !identical(expected, *tensor); });
}

}  // namespace

Result<std::vector<Datum>> evaluate_perturbed(const ModelIr& model, std::span<const Datum> inputs, std::uint64_t seed) {
  return Perturbed(model, seed, Edges::kRandom).run(inputs);
}

bool explained_by_rounding(const ModelIr& model, std::span<const Datum> inputs, std::span<const Datum> expected,
                           std::span<const Datum> actual, const RoundingOptions& options) {
  if (expected.size() != actual.size()) return false;
  std::vector<std::vector<Datum>> runs;
  for (int run = 0; run < options.runs; ++run) {
    const Edges edges = run == 0 ? Edges::kLow : run == 1 ? Edges::kHigh : Edges::kRandom;
    // A value that is near a pole is carried past it by what a change may cost, and into it by a single rounding.
    const double units = run % 2 == 0 ? kUnits : 1;
    auto outputs = Perturbed(model, options.seed * 1000 + static_cast<std::uint64_t>(run), edges, units).run(inputs);
    if (!outputs) return true;
    runs.push_back(*std::move(outputs));
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (compare(expected[i], actual[i], false, options.units, options.of_one).same) continue;
    const Tensor* e = expected[i].tensor();
    const Tensor* a = actual[i].tensor();
    if (e == nullptr || a == nullptr || e->dtype() != a->dtype()) return false;
    std::vector<const Tensor*> moved;
    bool reshaped = false;
    for (const auto& run : runs) {
      moved.push_back(run[i].tensor());
      reshaped = reshaped || moved.back() == nullptr || moved.back()->dims() != e->dims();
    }
    if (reshaped) continue;
    if (e->dims() != a->dims()) return false;
    bool same = false;
    const bool floats =
        dispatch<float, double>(e->dtype(), [&]<class T>(T) { same = within<T>(*e, *a, moved, options); });
    if (!(floats ? same : within_integers(*e, *a, moved))) return false;
  }
  return true;
}

}  // namespace cycloid
