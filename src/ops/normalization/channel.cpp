// BatchNormalization, InstanceNormalization and GroupNormalization: y = (x - mean) / sqrt(var + epsilon) * scale + bias,
// with scale and bias per channel (the second axis).
#include <cmath>

#include "base/error.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/infer.h"
#include "ops/normalization/list.h"

namespace cycloid {
namespace {

// x as [batch][channels][each].
struct Layout {
  std::int64_t batch = 1, channels = 1, each = 1;
};

Result<Layout> layout_of(const Tensor& x) {
  if (x.rank() < 2) {
    if (x.rank() == 1) return Layout{.batch = x.dim(0)};
    return invalid_argument("X must have rank 1 or more, but is a scalar");
  }
  Layout layout{.batch = x.dim(0), .channels = x.dim(1)};
  for (std::size_t i = 2; i < x.rank(); ++i) layout.each *= x.dim(i);
  return layout;
}

Result<std::vector<double>> channel_values(const EvalContext& context, std::size_t i, std::int64_t channels,
                                           std::string_view name) {
  CYCLOID_ASSIGN(const Tensor* tensor, context.tensor(i));
  if (tensor->rank() != 1 || tensor->dim(0) != channels) {
    return invalid_argument("{} must have shape [{}], but has {}", name, channels, to_string(tensor->dims()));
  }
  return load_all<double>(*tensor);
}

struct Moments {
  double mean = 0, variance = 0;
};

// Of the population, in two passes.
Moments moments_of(std::span<const double> values) {
  Moments m;
  if (values.empty()) return m;
  for (const double x : values) m.mean += x;
  m.mean /= static_cast<double>(values.size());
  for (const double x : values) m.variance += (x - m.mean) * (x - m.mean);
  m.variance /= static_cast<double>(values.size());
  return m;
}

void normalize(std::span<double> values, const Moments& m, double epsilon, double scale, double bias) {
  const double factor = scale / std::sqrt(m.variance + epsilon);
  for (double& x : values) x = (x - m.mean) * factor + bias;
}

Status infer_batch(InferContext& context) {
  CYCLOID_TRY(infer_same(context));
  for (std::size_t i = 1; i < 5; ++i) CYCLOID_TRY(check_rank(context, i, 1, 1));
  for (std::size_t i = 1; i < 3 && i < context.output_count(); ++i) context.set_output(i, *context.input(i + 2));
  return {};
}

// Mean and variance of each channel over the batch and the image.
std::vector<Moments> batch_moments(const Layout& layout, std::span<const double> x) {
  std::vector<Moments> moments;
  std::vector<double> channel;
  for (std::int64_t c = 0; c < layout.channels; ++c) {
    channel.clear();
    for (std::int64_t n = 0; n < layout.batch; ++n) {
      const auto from = x.subspan(static_cast<std::size_t>((n * layout.channels + c) * layout.each),
                                  static_cast<std::size_t>(layout.each));
      channel.insert(channel.end(), from.begin(), from.end());
    }
    moments.push_back(moments_of(channel));
  }
  return moments;
}

Result<std::vector<Datum>> evaluate_batch(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* input, context.tensor(0));
  CYCLOID_ASSIGN(const Layout layout, layout_of(*input));
  CYCLOID_ASSIGN(const auto scale, channel_values(context, 1, layout.channels, "scale"));
  CYCLOID_ASSIGN(const auto bias, channel_values(context, 2, layout.channels, "B"));
  CYCLOID_ASSIGN(auto mean, channel_values(context, 3, layout.channels, "input_mean"));
  CYCLOID_ASSIGN(auto variance, channel_values(context, 4, layout.channels, "input_var"));
  CYCLOID_ASSIGN(const float epsilon, get_float(context.node(), "epsilon", 1e-5F));
  CYCLOID_ASSIGN(const float momentum, get_float(context.node(), "momentum", 0.9F));
  CYCLOID_ASSIGN(const std::int64_t training, get_int(context.node(), "training_mode", 0));
  std::vector<double> x = load_all<double>(*input);
  std::vector<Moments> moments;
  if (training != 0) {
    moments = batch_moments(layout, x);
  } else {
    for (std::size_t c = 0; c < mean.size(); ++c) moments.push_back({mean[c], variance[c]});
  }
  for (std::int64_t i = 0; i < layout.batch * layout.channels; ++i) {
    const auto c = static_cast<std::size_t>(i % layout.channels);
    normalize(std::span(x).subspan(static_cast<std::size_t>(i * layout.each), static_cast<std::size_t>(layout.each)),
              moments[c], epsilon, scale[c], bias[c]);
  }
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, input->dtype(), input->dims(), x));
  std::vector<Datum> outputs{std::move(y)};
  if (training != 0) {
    for (std::size_t c = 0; c < mean.size(); ++c) {
      mean[c] = mean[c] * momentum + moments[c].mean * (1 - momentum);
      variance[c] = variance[c] * momentum + moments[c].variance * (1 - momentum);
    }
  }
  if (context.output_count() > 1) {
    CYCLOID_ASSIGN(Tensor running,
                   make_tensor<double>(context, (*context.tensor(3))->dtype(), {layout.channels}, mean));
    outputs.emplace_back(std::move(running));
  }
  if (context.output_count() > 2) {
    CYCLOID_ASSIGN(Tensor running,
                   make_tensor<double>(context, (*context.tensor(4))->dtype(), {layout.channels}, variance));
    outputs.emplace_back(std::move(running));
  }
  return outputs;
}

Status infer_groups(InferContext& context) {
  CYCLOID_TRY(infer_same(context));
  for (std::size_t i = 1; i < 3; ++i) CYCLOID_TRY(check_rank(context, i, 1, 1));
  return check_rank(context, 0, 2, SIZE_MAX);
}

// Each group of channels of each image is normalised by its own moments.
Result<std::vector<Datum>> evaluate_grouped(EvalContext& context, std::int64_t groups) {
  CYCLOID_ASSIGN(const Tensor* input, context.tensor(0));
  if (input->rank() < 2)
    return invalid_argument("X must have rank 2 or more, but has shape {}", to_string(input->dims()));
  CYCLOID_ASSIGN(const Layout layout, layout_of(*input));
  if (groups == 0) groups = layout.channels;
  if (groups < 1 || (layout.channels % groups) != 0)
    return invalid_argument("{} channels cannot be {} groups", layout.channels, groups);
  CYCLOID_ASSIGN(const auto scale, channel_values(context, 1, layout.channels, "scale"));
  CYCLOID_ASSIGN(const auto bias, channel_values(context, 2, layout.channels, "bias"));
  CYCLOID_ASSIGN(const float epsilon, get_float(context.node(), "epsilon", 1e-5F));
  std::vector<double> x = load_all<double>(*input);
  const std::int64_t per_group = layout.channels / std::max<std::int64_t>(groups, 1);
  const auto each = static_cast<std::size_t>(layout.each);
  for (std::int64_t first = 0; first < layout.batch * layout.channels; first += per_group) {
    const auto group =
        std::span(x).subspan(static_cast<std::size_t>(first) * each, static_cast<std::size_t>(per_group) * each);
    const Moments moments = moments_of(group);
    for (std::int64_t i = 0; i < per_group; ++i) {
      const auto c = static_cast<std::size_t>((first + i) % layout.channels);
      normalize(group.subspan(static_cast<std::size_t>(i) * each, each), moments, epsilon, scale[c], bias[c]);
    }
  }
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, input->dtype(), input->dims(), x));
  return std::vector<Datum>{std::move(y)};
}

Result<std::vector<Datum>> evaluate_instance(EvalContext& context) { return evaluate_grouped(context, 0); }

Result<std::vector<Datum>> evaluate_group(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t groups, get_int(context.node(), "num_groups", 0));
  if (groups < 1) return invalid_model("num_groups must be 1 or more");
  return evaluate_grouped(context, groups);
}

constinit const Op kBatchNormalization{.name = "BatchNormalization",
                                       .since = 15,
                                       .min_inputs = 5,
                                       .max_inputs = 5,
                                       .max_outputs = 3,
                                       .infer = infer_batch,
                                       .evaluate = evaluate_batch,
                                       .cost = cost_per_output<2>,
                                       .dtypes = kFloats};
constinit const Op kInstanceNormalization{.name = "InstanceNormalization",
                                          .since = 22,
                                          .min_inputs = 3,
                                          .max_inputs = 3,
                                          .infer = infer_groups,
                                          .evaluate = evaluate_instance,
                                          .cost = cost_per_output<6>,
                                          .dtypes = kFloats};
constinit const Op kGroupNormalization{.name = "GroupNormalization",
                                       .since = 21,
                                       .min_inputs = 3,
                                       .max_inputs = 3,
                                       .infer = infer_groups,
                                       .evaluate = evaluate_group,
                                       .cost = cost_per_output<6>,
                                       .dtypes = kFloats};

}  // namespace

void add_channel_normalization_ops(OpList& list) {
  list.insert(list.end(), {&kBatchNormalization, &kInstanceNormalization, &kGroupNormalization});
}

}  // namespace cycloid
