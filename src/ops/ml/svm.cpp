#include "ops/ml/svm.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/ml/list.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

// The sum of term(x[i], y[i]): some terms side by side, so that no addition waits for the one before it.
template <class Term>
double sum_of(const double* x, const float* y, std::int64_t count, Term term) {
  constexpr std::int64_t kParts = 8;
  double parts[kParts] = {};
  std::int64_t i = 0;
  for (; i + kParts <= count; i += kParts) {
    for (std::int64_t k = 0; k < kParts; ++k) parts[k] += term(x[i + k], static_cast<double>(y[i + k]));
  }
  for (; i < count; ++i) parts[0] += term(x[i], static_cast<double>(y[i]));
  return std::accumulate(parts, parts + kParts, 0.0);
}

std::int64_t size(const std::vector<float>& list) { return static_cast<std::int64_t>(list.size()); }

std::size_t best_of(std::span<const double> list) {
  return static_cast<std::size_t>(std::ranges::max_element(list) - list.begin());
}

}  // namespace

Result<SvmModel> SvmModel::parse(const Node& node) {
  SvmModel m;
  CYCLOID_ASSIGN(const std::string kernel, get_string(node, "kernel_type", "LINEAR"));
  if (kernel == "POLY") {
    m.kernel = SvmKernel::kPoly;
  } else if (kernel == "RBF") {
    m.kernel = SvmKernel::kRbf;
  } else if (kernel == "SIGMOID") {
    m.kernel = SvmKernel::kSigmoid;
  } else if (kernel != "LINEAR") {
    return invalid_model("kernel_type '{}' is none of LINEAR, POLY, RBF and SIGMOID", kernel);
  }
  CYCLOID_ASSIGN(const auto parameters, get_floats(node, "kernel_params"));
  if (!parameters.empty() && parameters.size() != 3)
    return invalid_model("kernel_params must be gamma, coef0 and degree");
  if (parameters.size() == 3) {
    m.gamma = static_cast<double>(parameters[0]);
    m.coef0 = static_cast<double>(parameters[1]);
    m.degree = static_cast<double>(parameters[2]);
  }
  CYCLOID_ASSIGN(m.coefficients, get_floats(node, "coefficients"));
  CYCLOID_ASSIGN(m.vectors, get_floats(node, "support_vectors"));
  CYCLOID_ASSIGN(m.rho, get_floats(node, "rho"));
  CYCLOID_ASSIGN(m.post_transform, parse_post_transform(node));
  if (m.rho.empty()) return invalid_model("{} needs rho", node.op_type);
  return m;
}

double SvmModel::apply(const double* x, const float* y, std::int64_t count) const {
  const double sum = kernel == SvmKernel::kRbf
                         ? sum_of(x, y, count, [](double a, double b) { return (a - b) * (a - b); })
                         : sum_of(x, y, count, [](double a, double b) { return a * b; });
  switch (kernel) {
    case SvmKernel::kLinear: return sum;
    case SvmKernel::kPoly: return std::pow(gamma * sum + coef0, degree);
    case SvmKernel::kRbf: return std::exp(-gamma * sum);
    case SvmKernel::kSigmoid: return std::tanh(gamma * sum + coef0);
  }
  return 0;
}

Result<SvmRegressorModel> SvmRegressorModel::parse(const Node& node) {
  SvmRegressorModel m;
  CYCLOID_ASSIGN(m.svm, SvmModel::parse(node));
  CYCLOID_ASSIGN(m.vectors, get_int(node, "n_supports", 0));
  CYCLOID_ASSIGN(const std::int64_t one_class, get_int(node, "one_class", 0));
  m.one_class = one_class != 0;
  return m;
}

Status SvmRegressorModel::check(std::int64_t columns) const {
  const std::int64_t numbers = size(svm.vectors), weights = size(svm.coefficients);
  const bool fits = vectors > 0 ? numbers / vectors == columns && numbers % vectors == 0 && weights >= vectors
                                : vectors == 0 && weights == columns;
  if (fits) return {};
  return invalid_argument("{} support vectors of {} numbers and {} coefficients do not fit {} columns", vectors,
                          numbers, weights, columns);
}

double SvmRegressorModel::finish(double sum) const {
  sum += static_cast<double>(svm.rho[0]);
  if (one_class) sum = sum > 0 ? 1 : -1;
  transform_scores(svm.post_transform, std::span(&sum, 1));
  return sum;
}

Result<SvmClassifierModel> SvmClassifierModel::parse(const Node& node) {
  SvmClassifierModel m;
  CYCLOID_ASSIGN(m.svm, SvmModel::parse(node));
  CYCLOID_ASSIGN(m.labels, ClassLabels::parse(node, "classlabels_ints"));
  CYCLOID_ASSIGN(m.per_class, get_ints(node, "vectors_per_class"));
  CYCLOID_ASSIGN(m.prob_a, get_floats(node, "prob_a"));
  CYCLOID_ASSIGN(m.prob_b, get_floats(node, "prob_b"));
  for (const std::int64_t count : m.per_class) {
    if (count < 0 || count > (std::int64_t{1} << 31)) return invalid_model("vectors_per_class has {}", count);
    m.starts.push_back(m.vectors);
    m.vectors += count;
  }
  const std::size_t classes = m.classes(), pairs = m.pairs();
  if (m.vectors > 0) {
    if (m.per_class.size() != classes)
      return invalid_model("vectors_per_class has {} counts for {} classes", m.per_class.size(), classes);
    if (m.svm.rho.size() < pairs)
      return invalid_model("rho has {} numbers for {} pairs of classes", m.svm.rho.size(), pairs);
    if (m.svm.coefficients.size() < static_cast<std::size_t>(m.vectors) * (classes - 1))
      return invalid_model("too few coefficients");
  }
  if (m.prob_a.size() != m.prob_b.size() || (!m.prob_a.empty() && (m.prob_a.size() < pairs || m.vectors == 0))) {
    return invalid_model("prob_a and prob_b do not fit {} pairs of classes", pairs);
  }
  return m;
}

Status SvmClassifierModel::check(std::int64_t width) const {
  const bool fits = one_against_one() ? size(svm.vectors) / vectors == width && size(svm.vectors) % vectors == 0
                                      : size(svm.coefficients) == static_cast<std::int64_t>(classes()) * width;
  if (!fits) return invalid_argument("the support vectors or coefficients do not fit {} columns", width);
  return {};
}

std::int64_t SvmClassifierModel::columns() const {
  const auto count = static_cast<std::int64_t>(classes());
  if (!one_against_one() || !prob_a.empty()) return count;
  return count == 2 ? 2 : count * (count - 1) / 2;
}

// Class probabilities from those of the pairs (Wu, Lin and Weng 2004, the second method, by its fixed-point iteration).
void SvmClassifierModel::probabilities(std::span<const double> values, std::span<double> work,
                                       std::span<double> p) const {
  const std::size_t k = classes();
  const std::span<double> r = work.first(k * k), q = work.subspan(k * k, k * k), qp = work.subspan(2 * k * k, k);
  std::size_t pair = 0;
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = i + 1; j < k; ++j, ++pair) {
      const double chance =
          logistic(-(static_cast<double>(prob_a[pair]) * values[pair] + static_cast<double>(prob_b[pair])));
      r[i * k + j] = std::clamp(chance, 1e-7, 1 - 1e-7);
      r[j * k + i] = 1 - r[i * k + j];
    }
  }
  std::ranges::fill(q, 0.0);
  for (std::size_t t = 0; t < k; ++t) {
    for (std::size_t j = 0; j < k; ++j) {
      if (j == t) continue;
      q[t * k + t] += r[j * k + t] * r[j * k + t];
      q[t * k + j] = -r[j * k + t] * r[t * k + j];
    }
  }
  std::ranges::fill(p, 1.0 / static_cast<double>(k));
  const std::size_t rounds = std::max<std::size_t>(100, k);
  for (std::size_t round = 0; round < rounds; ++round) {
    double pqp = 0;
    for (std::size_t t = 0; t < k; ++t) {
      qp[t] = 0;
      for (std::size_t j = 0; j < k; ++j) qp[t] += q[t * k + j] * p[j];
      pqp += p[t] * qp[t];
    }
    double error = 0;
    for (std::size_t t = 0; t < k; ++t) error = std::max(error, std::abs(qp[t] - pqp));
    if (error < 0.005 / static_cast<double>(k)) break;
    for (std::size_t t = 0; t < k; ++t) {
      const double step = (pqp - qp[t]) / q[t * k + t];
      p[t] += step;
      pqp = (pqp + step * (step * q[t * k + t] + 2 * qp[t])) / ((1 + step) * (1 + step));
      for (std::size_t j = 0; j < k; ++j) {
        qp[j] = (qp[j] + step * q[t * k + j]) / (1 + step);
        p[j] /= 1 + step;
      }
    }
  }
}

std::size_t SvmClassifierModel::finish(std::span<const double> values, std::span<double> work,
                                       std::span<double> scores) const {
  std::size_t winner = 0;
  if (!one_against_one()) {
    winner = best_of(values);
  } else {
    // The label is that of most pairs, with probabilities too: these are fitted apart and may prefer another class.
    const std::span<double> votes = work.first(classes());
    std::ranges::fill(votes, 0.0);
    std::size_t pair = 0;
    for (std::size_t i = 0; i < classes(); ++i) {
      for (std::size_t j = i + 1; j < classes(); ++j, ++pair) votes[values[pair] > 0 ? i : j] += 1;
    }
    winner = best_of(votes);
  }
  if (one_against_one() && !prob_a.empty()) {
    probabilities(values, work, scores);
  } else if (one_against_one() && classes() == 2) {
    // One decision value stands for both classes. ONNX Runtime puts it second, though it speaks for the first class, and
    // exporters turn the signs.
    scores[0] = -values[0];
    scores[1] = values[0];
  } else {
    std::ranges::copy(values, scores.begin());
  }
  transform_scores(svm.post_transform, scores);
  return winner;
}

namespace {

Status infer_regressor(InferContext& context) {
  CYCLOID_TRY(SvmModel::parse(context.node()));
  CYCLOID_ASSIGN(const Dim rows, feature_rows(context));
  context.set_output(0, ValueType::tensor(DType::kFloat32, {rows, 1}));
  return {};
}

Result<std::vector<Datum>> evaluate_regressor(EvalContext& context) {
  CYCLOID_ASSIGN(const SvmRegressorModel m, SvmRegressorModel::parse(context.node()));
  CYCLOID_ASSIGN(const FeatureRows x, FeatureRows::read(context));
  CYCLOID_TRY(m.check(x.columns));
  std::vector<double> scores;
  for (std::int64_t i = 0; i < x.rows; ++i) {
    CYCLOID_TRY(check_stop());
    double sum = m.vectors == 0 ? m.svm.apply(x.row(i), m.svm.coefficients.data(), x.columns) : 0;
    for (std::int64_t j = 0; j < m.vectors; ++j) {
      sum += static_cast<double>(m.svm.coefficients[static_cast<std::size_t>(j)]) *
             m.svm.apply(x.row(i), m.svm.vectors.data() + j * x.columns, x.columns);
    }
    scores.push_back(m.finish(sum));
  }
  CYCLOID_ASSIGN(Tensor y, score_tensor(scores, x.rows, 1));
  return outputs(std::move(y));
}

Status infer_classifier(InferContext& context) {
  CYCLOID_ASSIGN(const SvmClassifierModel m, SvmClassifierModel::parse(context.node()));
  CYCLOID_ASSIGN(const Dim rows, feature_rows(context));
  context.set_output(0, ValueType::tensor(m.labels.dtype(), {rows}));
  context.set_output(1, ValueType::tensor(DType::kFloat32, {rows, m.columns()}));
  return {};
}

// The decisions of a row, by one kernel after the other.
void decide(const SvmClassifierModel& m, const double* x, std::int64_t width, std::span<double> kernels,
            std::span<double> values) {
  const SvmModel& svm = m.svm;
  for (std::int64_t v = 0; v < m.vectors; ++v)
    kernels[static_cast<std::size_t>(v)] = svm.apply(x, svm.vectors.data() + v * width, width);
  const auto weighted = [&](std::size_t row, std::size_t of) {
    double sum = 0;
    const auto first = static_cast<std::size_t>(m.starts[of]);
    for (std::size_t v = first; v < first + static_cast<std::size_t>(m.per_class[of]); ++v)
      sum += static_cast<double>(svm.coefficients[row * static_cast<std::size_t>(m.vectors) + v]) * kernels[v];
    return sum;
  };
  m.decide(values, weighted, [&](std::size_t c) {
    return svm.apply(x, svm.coefficients.data() + c * static_cast<std::size_t>(width), width);
  });
}

Result<std::vector<Datum>> evaluate_classifier(EvalContext& context) {
  CYCLOID_ASSIGN(const SvmClassifierModel m, SvmClassifierModel::parse(context.node()));
  CYCLOID_ASSIGN(const FeatureRows x, FeatureRows::read(context));
  CYCLOID_TRY(m.check(x.columns));
  std::vector<std::size_t> picked;
  std::vector<double> all, values(m.decisions()), work(m.work_size());
  std::vector<double> kernels(static_cast<std::size_t>(m.vectors)), scores(static_cast<std::size_t>(m.columns()));
  for (std::int64_t i = 0; i < x.rows; ++i) {
    CYCLOID_TRY(check_stop());
    decide(m, x.row(i), x.columns, kernels, values);
    picked.push_back(m.finish(values, work, scores));
    all.insert(all.end(), scores.begin(), scores.end());
  }
  std::vector<Datum> data = outputs(m.labels.pick(picked));
  CYCLOID_ASSIGN(Tensor tensor, score_tensor(all, x.rows, m.columns()));
  data.emplace_back(std::move(tensor));
  return data;
}

// A kernel of 2 operations a number of each support vector, for each row.
Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const SvmModel m, SvmModel::parse(node));
  const Shape* x = input_shape(graph, node, 0);
  if (x == nullptr || x->empty()) return cost_with_flops(graph, node, Dim::unknown());
  const Dim rows = x->size() == 2 ? (*x)[0] : Dim(1);
  const auto numbers = static_cast<std::int64_t>(m.vectors.empty() ? m.coefficients.size() : m.vectors.size());
  return cost_with_flops(graph, node, rows * 2 * numbers);
}

}  // namespace

const Op kSVMClassifier = {.domain = "ai.onnx.ml",
                           .name = "SVMClassifier",
                           .since = 1,
                           .min_inputs = 1,
                           .max_inputs = 1,
                           .max_outputs = 2,
                           .infer = infer_classifier,
                           .evaluate = evaluate_classifier,
                           .cost = cost};
const Op kSVMRegressor = {.domain = "ai.onnx.ml",
                          .name = "SVMRegressor",
                          .since = 1,
                          .min_inputs = 1,
                          .max_inputs = 1,
                          .infer = infer_regressor,
                          .evaluate = evaluate_regressor,
                          .cost = cost};

}  // namespace cycloid
