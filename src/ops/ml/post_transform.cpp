#include "ops/ml/post_transform.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace cycloid {
namespace {

// The quantile of the standard normal distribution: Winitzki's closed form, made exact by Newton's method.
double probit(double p) {
  if (!(p > 0 && p < 1)) {
    if (p == 0 || p == 1)
      return p == 0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double y = 2 * p - 1;
  constexpr double kPi = 3.14159265358979323846;
  constexpr double kA = 0.147;
  const double log_term = std::log((1 - y) * (1 + y));
  const double middle = 2 / (kPi * kA) + log_term / 2;
  double x = std::copysign(std::sqrt(std::sqrt(middle * middle - log_term / kA) - middle), y);
  for (int i = 0; i < 3; ++i) {
    const double slope = 2 / std::sqrt(kPi) * std::exp(-x * x);
    if (slope < 1e-300) break;
    x -= (std::erf(x) - y) / slope;
  }
  return std::sqrt(2.0) * x;
}

}  // namespace

Result<PostTransform> parse_post_transform(const Node& node) {
  CYCLOID_ASSIGN(const std::string name, get_string(node, "post_transform", "NONE"));
  if (name == "NONE") return PostTransform::kNone;
  if (name == "SOFTMAX") return PostTransform::kSoftmax;
  if (name == "LOGISTIC") return PostTransform::kLogistic;
  if (name == "SOFTMAX_ZERO") return PostTransform::kSoftmaxZero;
  if (name == "PROBIT") return PostTransform::kProbit;
  return invalid_model("post_transform '{}' is none of NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO and PROBIT", name);
}

Result<PostTransform> post_transform_of(std::int64_t number) {
  if (number < 0 || number > 4) return invalid_model("post_transform {} is none of 0 to 4", number);
  return static_cast<PostTransform>(number);
}

double logistic(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : 1 - 1 / (1 + std::exp(x)); }

void transform_scores(PostTransform transform, std::span<double> scores) {
  if (transform == PostTransform::kNone || scores.empty()) return;
  if (transform == PostTransform::kLogistic || transform == PostTransform::kProbit) {
    for (double& score : scores) score = transform == PostTransform::kLogistic ? logistic(score) : probit(score);
    return;
  }
  // SOFTMAX_ZERO leaves scores of 0 out.
  const bool skip_zeros = transform == PostTransform::kSoftmaxZero;
  const double largest = *std::ranges::max_element(scores);
  double sum = 0;
  for (double& score : scores) {
    score = skip_zeros && std::abs(score) < 1e-7 ? 0 : std::exp(score - largest);
    sum += score;
  }
  for (double& score : scores) score = sum != 0 ? score / sum : score;
}

}  // namespace cycloid
