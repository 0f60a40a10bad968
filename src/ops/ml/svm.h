// SVMClassifier and SVMRegressor: support vector machines, as libsvm describes them.
#pragma once

#include <span>
#include <vector>

#include "ops/ml/post_transform.h"
#include "ops/ml/rows.h"

namespace cycloid {

enum class SvmKernel { kLinear, kPoly, kRbf, kSigmoid };

struct SvmModel {
  SvmKernel kernel = SvmKernel::kLinear;
  double gamma = 0, coef0 = 0, degree = 0;
  std::vector<float> coefficients, vectors, rho;
  PostTransform post_transform = PostTransform::kNone;

  static Result<SvmModel> parse(const Node& node);

  // The kernel function of `count` features and as many numbers of a support vector.
  double apply(const double* x, const float* y, std::int64_t count) const;
};

struct SvmRegressorModel {
  SvmModel svm;
  std::int64_t vectors = 0;  // 0: the coefficients take the place of one, of weight 1
  bool one_class = false;

  static Result<SvmRegressorModel> parse(const Node& node);
  // Whether vectors and coefficients fit these columns.
  Status check(std::int64_t columns) const;

  // From the weighted sum of kernels, without rho.
  double finish(double sum) const;
};

struct SvmClassifierModel {
  SvmModel svm;
  ClassLabels labels;
  std::vector<std::int64_t> per_class;  // support vectors of each class; none: one row of coefficients a class
  std::vector<std::int64_t> starts;     // the first of each class
  std::int64_t vectors = 0;
  std::vector<float> prob_a, prob_b;

  static Result<SvmClassifierModel> parse(const Node& node);
  Status check(std::int64_t columns) const;

  std::size_t classes() const { return labels.size(); }
  bool one_against_one() const { return vectors > 0; }
  std::size_t pairs() const { return classes() * (classes() - 1) / 2; }
  // What is decided of a row: each pair of classes i < j, positive where it speaks for i; or each class.
  std::size_t decisions() const { return one_against_one() ? pairs() : classes(); }
  // Columns of the scores.
  std::int64_t columns() const;

  // The decisions of a row, rho included. weighted(row, of) is the sum of kernels of class `of`, by coefficient row `row`;
  // kernel(c) that of class c's own coefficients.
  template <class Weighted, class OfClass>
  void decide(std::span<double> values, const Weighted& weighted, const OfClass& kernel) const {
    if (!one_against_one()) {
      for (std::size_t c = 0; c < classes(); ++c) values[c] = kernel(c) + static_cast<double>(svm.rho[0]);
      return;
    }
    std::size_t pair = 0;
    for (std::size_t i = 0; i < classes(); ++i) {
      for (std::size_t j = i + 1; j < classes(); ++j, ++pair)
        values[pair] = static_cast<double>(svm.rho[pair]) + weighted(j - 1, i) + weighted(i, j);
    }
  }

  // From the decisions of a row, its scores, ready for output; gives the class that they name. `work` has work_size() numbers.
  std::size_t work_size() const { return 2 * classes() * classes() + classes(); }
  std::size_t finish(std::span<const double> values, std::span<double> work, std::span<double> scores) const;

 private:
  void probabilities(std::span<const double> values, std::span<double> work, std::span<double> p) const;
};

}  // namespace cycloid
