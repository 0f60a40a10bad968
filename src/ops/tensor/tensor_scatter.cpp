// TensorScatter: a key or value cache with new entries written in.
#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

struct Options {
  bool circular = false;
  std::int64_t axis = -2;

  static Result<Options> parse(const Node& node) {
    Options options;
    CYCLOID_ASSIGN(const std::string mode, get_string(node, "mode", "linear"));
    if (mode != "linear" && mode != "circular") return invalid_model("mode '{}' is neither linear nor circular", mode);
    options.circular = mode == "circular";
    CYCLOID_ASSIGN(options.axis, get_int(node, "axis", -2));
    return options;
  }
  Result<std::size_t> axis_of(std::size_t rank) const {
    CYCLOID_ASSIGN(const std::int64_t at, normalize_axis(axis, rank));
    if (at == 0) return invalid_model("axis 0 is the batch and cannot be that of the sequence");
    return static_cast<std::size_t>(at);
  }
};

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const Options options, Options::parse(context.node()));
  CYCLOID_ASSIGN(ValueType cache, input_type(context, 0));
  CYCLOID_ASSIGN(const ValueType update, input_type(context, 1));
  CYCLOID_TRY(check_same_dtype(cache, update, "past_cache and update"));
  CYCLOID_ASSIGN(const auto places, optional_input_type(context, 2, kInt64Type));
  if (places) CYCLOID_TRY(check_rank(*places, 1, "write_indices"));
  if (cache.shape) {
    CYCLOID_TRY(options.axis_of(cache.shape->size()));
    CYCLOID_TRY(check_rank(update, cache.shape->size(), "update"));
  }
  context.set_output(0, std::move(cache));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Options options, Options::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* cache, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* update, tensor_input(context, 1));
  CYCLOID_ASSIGN(const Tensor* places, optional_tensor_input(context, 2, kInt64Type));
  CYCLOID_TRY(check_same_dtype(*cache, *update, "past_cache and update"));
  CYCLOID_ASSIGN(const std::size_t axis, options.axis_of(cache->rank()));
  Dims expected = cache->dims();
  if (update->rank() == cache->rank()) expected[axis] = update->dim(axis);
  if (update->dims() != expected || update->dim(axis) > cache->dim(axis)) {
    return invalid_argument("update {} does not fit past_cache {}", to_string(update->dims()),
                            to_string(cache->dims()));
  }
  if (places != nullptr && places->dims() != Dims{cache->dim(0)})
    return invalid_argument("write_indices must have one index a batch element");
  const std::int64_t length = cache->dim(axis);
  const std::int64_t added = update->dim(axis);
  Tensor y = *cache;
  if (update->element_count() == 0) return outputs(std::move(y));
  const std::int64_t per_batch = product(cache->dims(), 1, axis);
  const std::int64_t run = product(cache->dims(), axis + 1, cache->rank());
  const ElementCopier copier(*update, y);
  for (std::int64_t b = 0; b < cache->dim(0); ++b) {
    const std::int64_t first = places != nullptr ? places->data<std::int64_t>()[static_cast<std::size_t>(b)] : 0;
    if (first < 0 || (!options.circular && first > length - added)) {
      return invalid_argument("write index {} leaves a cache of {} entries", first, length);
    }
    for (std::int64_t p = 0; p < per_batch; ++p) {
      const std::int64_t prefix = b * per_batch + p;
      for (std::int64_t t = 0; t < added; ++t) {
        copier.copy((prefix * length + (first % length + t) % length) * run, (prefix * added + t) * run, run);
      }
    }
  }
  return outputs(std::move(y));
}

}  // namespace

const Op kTensorScatter = {.domain = "",
                           .name = "TensorScatter",
                           .since = 24,
                           .min_inputs = 2,
                           .max_inputs = 3,
                           .infer = infer,
                           .evaluate = evaluate};

}  // namespace cycloid
