// NonMaxSuppression: of boxes that overlap, the one with the best score, for each class of each batch element.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/elements.h"
#include "ops/tensor/arguments.h"
#include "ops/vision/list.h"

namespace cycloid {
namespace {

constexpr DTypeSet kFloat32Type{DType::kFloat32};

// Boxes (batches, boxes, 4), scores (batches, classes, boxes).
Status check_shapes(const Shape& boxes, const Shape& scores) {
  if (boxes.size() != 3 || scores.size() != 3)
    return invalid_argument("boxes {} and scores {} must have rank 3", to_string(boxes), to_string(scores));
  CYCLOID_TRY(check_equal(boxes[2], 4, "the last size of boxes"));
  CYCLOID_TRY(check_equal(boxes[0], scores[0], "the batches of boxes and scores"));
  return check_equal(boxes[1], scores[2], "the number of boxes and of scores");
}

Status infer(InferContext& context) {
  CYCLOID_TRY(get_int(context.node(), "center_point_box", 0));
  CYCLOID_ASSIGN(const ValueType boxes, input_type(context, 0, kFloat32Type));
  CYCLOID_ASSIGN(const ValueType scores, input_type(context, 1, kFloat32Type));
  CYCLOID_TRY(optional_input_type(context, 2, kInt64Type));
  CYCLOID_TRY(optional_input_type(context, 3, kFloat32Type));
  CYCLOID_TRY(optional_input_type(context, 4, kFloat32Type));
  if (boxes.shape && scores.shape) CYCLOID_TRY(check_shapes(*boxes.shape, *scores.shape));
  context.set_output(0, ValueType::tensor(DType::kInt64, Shape{Dim::unknown(), 3}));
  return {};
}

struct Box {
  float x0, y0, x1, y1;

  float area() const { return (x1 - x0) * (y1 - y0); }

  // By two opposite corners (y, x, y, x), or by centre and size (x, y, width, height).
  static Box read(const float* from, bool center) {
    if (center) return {from[0] - from[2] / 2, from[1] - from[3] / 2, from[0] + from[2] / 2, from[1] + from[3] / 2};
    return {std::min(from[1], from[3]), std::min(from[0], from[2]), std::max(from[1], from[3]),
            std::max(from[0], from[2])};
  }
};

// Whether intersection over union passes the threshold. In float32, as everyone computes it: a tie is decided alike.
bool overlap(const Box& a, const Box& b, float threshold) {
  const float width = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  const float height = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (!(width > 0) || !(height > 0)) return false;
  const float intersection = width * height;
  const float all = a.area() + b.area() - intersection;
  if (a.area() <= 0 || b.area() <= 0 || all <= 0) return false;
  return intersection / all > threshold;
}

struct Limits {
  std::int64_t most = 0;  // boxes for each class
  float overlap = 0;
  std::optional<float> score;  // boxes with no more are not taken

  static Result<Limits> read(const EvalContext& context) {
    Limits limits;
    CYCLOID_ASSIGN(const Tensor* most, optional_tensor_input(context, 2, kInt64Type));
    CYCLOID_ASSIGN(const Tensor* overlap, optional_tensor_input(context, 3, kFloat32Type));
    CYCLOID_ASSIGN(const Tensor* score, optional_tensor_input(context, 4, kFloat32Type));
    if (most != nullptr && most->element_count() != 0) {
      CYCLOID_ASSIGN(limits.most, load_scalar<std::int64_t>(*most, "max_output_boxes_per_class"));
    }
    if (overlap != nullptr && overlap->element_count() != 0) {
      CYCLOID_ASSIGN(const double value, load_scalar<double>(*overlap, "iou_threshold"));
      limits.overlap = static_cast<float>(value);
    }
    if (!(limits.overlap >= 0 && limits.overlap <= 1))
      return invalid_argument("iou_threshold must lie in [0, 1], but is {}", limits.overlap);
    if (score != nullptr && score->element_count() != 0) {
      CYCLOID_ASSIGN(const double value, load_scalar<double>(*score, "score_threshold"));
      limits.score = static_cast<float>(value);
    }
    return limits;
  }
};

// The boxes of one class that are kept, best first.
std::vector<std::int64_t> select(const std::vector<Box>& boxes, const float* scores, const Limits& limits) {
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (!limits.score || scores[i] > *limits.score) order.push_back(static_cast<std::int64_t>(i));
  }
  const auto key = [&](std::int64_t i) {
    return std::isnan(scores[i]) ? -std::numeric_limits<float>::infinity() : scores[i];
  };
  std::ranges::stable_sort(order, std::greater<>(), key);
  std::vector<std::int64_t> kept;
  for (const std::int64_t i : order) {
    if (stopping()) break;
    if (static_cast<std::int64_t>(kept.size()) >= limits.most) break;
    const bool hidden = std::ranges::any_of(kept, [&](std::int64_t k) {
      return overlap(boxes[static_cast<std::size_t>(i)], boxes[static_cast<std::size_t>(k)], limits.overlap);
    });
    if (!hidden) kept.push_back(i);
  }
  return kept;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t center, get_int(context.node(), "center_point_box", 0));
  CYCLOID_ASSIGN(const Tensor* box_tensor, tensor_input(context, 0, kFloat32Type));
  CYCLOID_ASSIGN(const Tensor* scores, tensor_input(context, 1, kFloat32Type));
  CYCLOID_ASSIGN(const Limits limits, Limits::read(context));
  CYCLOID_TRY(check_shapes(to_shape(box_tensor->dims()), to_shape(scores->dims())));
  const std::int64_t count = box_tensor->dim(1);
  const std::int64_t classes = scores->dim(1);
  std::vector<std::int64_t> selected;
  std::vector<Box> boxes(static_cast<std::size_t>(count));
  for (std::int64_t b = 0; b < box_tensor->dim(0) && count > 0; ++b) {
    for (std::int64_t i = 0; i < count; ++i)
      boxes[static_cast<std::size_t>(i)] =
          Box::read(box_tensor->data<float>().data() + (b * count + i) * 4, center != 0);
    for (std::int64_t c = 0; c < classes; ++c) {
      if (stopping()) break;
      const float* of_class = scores->data<float>().data() + (b * classes + c) * count;
      for (const std::int64_t i : select(boxes, of_class, limits)) selected.insert(selected.end(), {b, c, i});
    }
  }
  const auto rows = static_cast<std::int64_t>(selected.size() / 3);
  CYCLOID_ASSIGN(Tensor y, make_tensor<std::int64_t>(context, DType::kInt64, {rows, 3}, selected));
  return outputs(std::move(y));
}

}  // namespace

const Op kNonMaxSuppression = {.domain = "",
                               .name = "NonMaxSuppression",
                               .since = 10,
                               .min_inputs = 2,
                               .max_inputs = 5,
                               .infer = infer,
                               .evaluate = evaluate};

}  // namespace cycloid
