// What the classical models do with their scores at the end: the attribute post_transform.
#pragma once

#include <span>

#include "cycloid/result.h"
#include "graph/graph.h"

namespace cycloid {

enum class PostTransform { kNone, kSoftmax, kLogistic, kSoftmaxZero, kProbit };

Result<PostTransform> parse_post_transform(const Node& node);
// TreeEnsemble's, which is a number: the order of the enumeration above.
Result<PostTransform> post_transform_of(std::int64_t number);

// Transforms the scores of one row in place.
void transform_scores(PostTransform transform, std::span<double> scores);

double logistic(double x);

}  // namespace cycloid
