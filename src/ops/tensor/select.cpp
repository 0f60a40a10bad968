// NonZero, Compress and ReverseSequence: elements picked by what they, or a condition, hold.
#include <algorithm>

#include "base/error.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

Status infer_non_zero(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0));
  const Dim rank = x.shape ? Dim(static_cast<std::int64_t>(x.shape->size())) : Dim::unknown();
  context.set_output(0, ValueType::tensor(DType::kInt64, {rank, Dim::unknown()}));
  return {};
}

// Whether each element is not 0 (not empty, for strings). -0 is 0.
std::vector<bool> non_zeros(const Tensor& x) {
  std::vector<bool> hits(static_cast<std::size_t>(x.element_count()));
  const bool done = dispatch<float, double, std::complex<float>, std::complex<double>, std::string>(
      x.dtype(), [&]<class T>(const T&) {
        const auto data = x.data<T>();
        for (std::size_t i = 0; i < hits.size(); ++i) hits[i] = data[i] != T();
      });
  if (done) return hits;
  const std::size_t size = size_of(x.dtype());
  const std::byte* at = x.bytes();
  for (std::size_t i = 0; i < hits.size(); ++i, at += size) {
    hits[i] = std::any_of(at, at + size, [](std::byte byte) { return byte != std::byte{0}; });
  }
  if (x.dtype() == DType::kFloat16 || x.dtype() == DType::kBFloat16) {  // the bits of -0 are not all 0
    for (std::size_t i = 0; i < hits.size(); ++i) {
      const auto* bytes = x.bytes() + 2 * i;
      hits[i] = hits[i] && !(bytes[0] == std::byte{0} && bytes[1] == std::byte{0x80});
    }
  }
  return hits;
}

Result<std::vector<Datum>> evaluate_non_zero(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  const std::vector<bool> hits = non_zeros(*x);
  const std::int64_t count = std::ranges::count(hits, true);
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(DType::kInt64, {static_cast<std::int64_t>(x->rank()), count}));
  const auto to = y.mutable_data<std::int64_t>();
  std::size_t flat = 0;
  std::size_t hit = 0;
  for_each_index(x->dims(), [&](const Dims& index) {
    if (!hits[flat++]) return;
    for (std::size_t i = 0; i < index.size(); ++i) to[i * static_cast<std::size_t>(count) + hit] = index[i];
    ++hit;
  });
  return outputs(std::move(y));
}

Status infer_compress(InferContext& context) {
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0));
  CYCLOID_ASSIGN(const ValueType condition, input_type(context, 1, kBools));
  CYCLOID_TRY(check_rank(condition, 1, "condition"));
  if (!has_attribute(context.node(), "axis")) {
    x.shape = Shape{Dim::unknown()};
  } else if (x.shape) {
    CYCLOID_ASSIGN(const std::int64_t given, get_int(context.node(), "axis", 0));
    CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(given, x.shape->size()));
    (*x.shape)[static_cast<std::size_t>(axis)] = Dim::unknown();
  }
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate_compress(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* input, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* condition, tensor_input(context, 1, kBools));
  CYCLOID_TRY(check_rank(*condition, 1, "condition"));
  std::size_t axis = 0;
  Tensor x = *input;
  if (has_attribute(context.node(), "axis")) {
    CYCLOID_ASSIGN(const std::int64_t given, get_int(context.node(), "axis", 0));
    CYCLOID_ASSIGN(const std::int64_t normal, normalize_axis(given, x.rank()));
    axis = static_cast<std::size_t>(normal);
  } else {
    x = x.reshaped({x.element_count()});
  }
  std::vector<std::int64_t> kept;
  const auto conditions = condition->data<bool>();
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    if (!conditions[i]) continue;
    if (static_cast<std::int64_t>(i) >= x.dim(axis)) {
      return invalid_argument("condition selects element {} of an axis of size {}", i, x.dim(axis));
    }
    kept.push_back(static_cast<std::int64_t>(i));
  }
  Dims dims = x.dims();
  dims[axis] = static_cast<std::int64_t>(kept.size());
  CYCLOID_ASSIGN(Tensor y, Tensor::empty(x.dtype(), dims));
  if (y.element_count() == 0) return outputs(std::move(y));
  const std::int64_t outer = product(dims, 0, axis);
  const std::int64_t run = product(dims, axis + 1, dims.size());
  const ElementCopier copier(x, y);
  std::int64_t to = 0;
  for (std::int64_t i = 0; i < outer; ++i) {
    for (const std::int64_t index : kept) {
      copier.copy(to, (i * x.dim(axis) + index) * run, run);
      to += run;
    }
  }
  return outputs(std::move(y));
}

struct SequenceAxes {
  std::size_t batch = 1;
  std::size_t time = 0;

  static Result<SequenceAxes> parse(const Node& node) {
    CYCLOID_ASSIGN(const std::int64_t batch, get_int(node, "batch_axis", 1));
    CYCLOID_ASSIGN(const std::int64_t time, get_int(node, "time_axis", 0));
    if ((batch != 0 && batch != 1) || time != 1 - batch) {
      return invalid_model("batch_axis {} and time_axis {} must be 0 and 1, or 1 and 0", batch, time);
    }
    return SequenceAxes{static_cast<std::size_t>(batch), static_cast<std::size_t>(time)};
  }
};

Status infer_reverse(InferContext& context) {
  CYCLOID_ASSIGN(const SequenceAxes axes, SequenceAxes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0));
  CYCLOID_ASSIGN(const ValueType lengths, input_type(context, 1, kInt64Type));
  CYCLOID_TRY(check_rank(lengths, 1, "sequence_lens"));
  if (x.shape) {
    if (x.shape->size() < 2)
      return invalid_argument("input must have rank 2 or more, but its shape is {}", to_string(*x.shape));
    if (lengths.shape)
      CYCLOID_TRY(check_equal((*lengths.shape)[0], (*x.shape)[axes.batch], "sequence_lens and the batch"));
  }
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate_reverse(EvalContext& context) {
  CYCLOID_ASSIGN(const SequenceAxes axes, SequenceAxes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* length_tensor, tensor_input(context, 1, kInt64Type));
  if (x->rank() < 2)
    return invalid_argument("input must have rank 2 or more, but its shape is {}", to_string(x->dims()));
  if (length_tensor->dims() != Dims{x->dim(axes.batch)})
    return invalid_argument("sequence_lens must have one length a batch element");
  const auto lengths = length_tensor->data<std::int64_t>();
  for (const std::int64_t length : lengths) {
    if (length < 0 || length > x->dim(axes.time))
      return invalid_argument("length {} is outside a time axis of {}", length, x->dim(axes.time));
  }
  CYCLOID_ASSIGN(Tensor y, Tensor::empty(x->dtype(), x->dims()));
  if (y.element_count() == 0) return outputs(std::move(y));
  const Dims strides = strides_of(x->dims());
  const std::int64_t run = product(x->dims(), 2, x->rank());
  const ElementCopier copier(*x, y);
  for (std::int64_t b = 0; b < x->dim(axes.batch); ++b) {
    const std::int64_t length = lengths[static_cast<std::size_t>(b)];
    for (std::int64_t t = 0; t < x->dim(axes.time); ++t) {
      const std::int64_t from = t < length ? length - 1 - t : t;
      copier.copy(b * strides[axes.batch] + t * strides[axes.time], b * strides[axes.batch] + from * strides[axes.time],
                  run);
    }
  }
  return outputs(std::move(y));
}

}  // namespace

const Op kNonZero = {.domain = "",
                     .name = "NonZero",
                     .since = 9,
                     .min_inputs = 1,
                     .max_inputs = 1,
                     .infer = infer_non_zero,
                     .evaluate = evaluate_non_zero};
const Op kCompress = {.domain = "",
                      .name = "Compress",
                      .since = 11,
                      .min_inputs = 2,
                      .max_inputs = 2,
                      .infer = infer_compress,
                      .evaluate = evaluate_compress};
const Op kReverseSequence = {.domain = "",
                             .name = "ReverseSequence",
                             .since = 10,
                             .min_inputs = 2,
                             .max_inputs = 2,
                             .infer = infer_reverse,
                             .evaluate = evaluate_reverse};

}  // namespace cycloid
