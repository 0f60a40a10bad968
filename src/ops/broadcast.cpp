#include "ops/broadcast.h"

#include <algorithm>

#include "base/error.h"
#include "ops/infer.h"

namespace cycloid {
namespace {

constexpr std::size_t kChunk = 512;  // elements: a few inputs' buffers fit the first-level cache

// One input, chunk by chunk.
template <class T>
class Source {
 public:
  Source(const Tensor& tensor, const Dims& to)
      : tensor_(tensor), same_(tensor.dims() == to), walk_(tensor.dims(), to), buffer_(kChunk) {
    if (tensor.element_count() != 1) return;
    scalar_ = true;
    T value{};
    load<T>(tensor, 0, std::span<T>(&value, 1));
    std::ranges::fill(buffer_, value);
  }

  const T* next(std::int64_t position, std::size_t n) {
    if (scalar_) return buffer_.data();
    const std::span<T> to(buffer_.data(), n);
    if (same_) {
      load<T>(tensor_, position, to);
    } else {
      offsets_.resize(n);
      walk_.next(offsets_);
      load_at<T>(tensor_, offsets_, to);
    }
    return buffer_.data();
  }

 private:
  const Tensor& tensor_;
  bool same_;
  bool scalar_ = false;
  BroadcastWalk walk_;
  std::vector<T> buffer_;
  std::vector<std::int64_t> offsets_;
};

template <class T>
void map_chunks(std::span<const Tensor* const> inputs, Tensor& out, const ChunkFunction<T>& function) {
  std::vector<Source<T>> sources;
  for (const Tensor* input : inputs) sources.emplace_back(*input, out.dims());
  std::vector<const T*> in(inputs.size());
  std::vector<T> result(kChunk);
  for (std::int64_t at = 0; at < out.element_count();) {
    const auto n = static_cast<std::size_t>(std::min<std::int64_t>(kChunk, out.element_count() - at));
    for (std::size_t i = 0; i < in.size(); ++i) in[i] = sources[i].next(at, n);
    function(in.data(), result.data(), n);
    store<T>(out, at, std::span<const T>(result.data(), n));
    at += static_cast<std::int64_t>(n);
  }
}

}  // namespace

BroadcastWalk::BroadcastWalk(const Dims& from, const Dims& to) {
  const std::size_t offset = to.size() - from.size();
  std::int64_t stride = 1;
  // Innermost first; an axis that steps as a longer run of the one inside it is merged with that.
  for (std::size_t axis = to.size(); axis-- > 0;) {
    const std::int64_t size = axis >= offset ? from[axis - offset] : 1;
    const std::int64_t step = size == 1 ? 0 : stride;
    stride *= size;
    if (to[axis] == 1) continue;
    if (!sizes_.empty() && step == strides_.back() * sizes_.back()) {
      sizes_.back() *= to[axis];
    } else {
      sizes_.push_back(to[axis]);
      strides_.push_back(step);
    }
  }
  if (sizes_.empty()) {
    sizes_.push_back(1);
    strides_.push_back(0);
  }
  index_.assign(sizes_.size(), 0);
}

void BroadcastWalk::next(std::span<std::int64_t> offsets) {
  for (std::int64_t& to : offsets) {
    to = offset_;
    for (std::size_t axis = 0; axis < sizes_.size(); ++axis) {
      offset_ += strides_[axis];
      if (++index_[axis] < sizes_[axis]) break;
      offset_ -= strides_[axis] * sizes_[axis];
      index_[axis] = 0;
    }
  }
}

Result<Tensor> map_broadcast(const EvalContext& context, std::span<const Tensor* const> inputs, DType out,
                             const ElementKernel& kernel) {
  Dims dims;
  for (const Tensor* input : inputs) {
    if (!(kAllDTypes - kStrings - kComplexes).contains(input->dtype())) {
      return unsupported("there is no arithmetic on {} tensors here", to_string(input->dtype()));
    }
    CYCLOID_ASSIGN(dims, broadcast(dims, input->dims()));
  }
  CYCLOID_ASSIGN(Tensor result, context.allocate(out, dims));
  const Wide wide = wide_of(inputs[0]->dtype());
  if (wide == Wide::kDouble && kernel.f64) {
    map_chunks<double>(inputs, result, kernel.f64);
  } else if (wide == Wide::kInt64 && kernel.i64) {
    map_chunks<std::int64_t>(inputs, result, kernel.i64);
  } else if (wide == Wide::kUInt64 && kernel.u64) {
    map_chunks<std::uint64_t>(inputs, result, kernel.u64);
  } else {
    return unsupported("it takes no {} tensors", to_string(inputs[0]->dtype()));
  }
  return result;
}

Result<std::vector<Datum>> map_inputs(const EvalContext& context, const ElementKernel& kernel, DType out) {
  std::vector<const Tensor*> inputs;
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    CYCLOID_ASSIGN(const Tensor* tensor, context.tensor(i));
    inputs.push_back(tensor);
  }
  if (inputs.empty()) return invalid_argument("it needs an input");
  CYCLOID_ASSIGN(Tensor result,
                 map_broadcast(context, inputs, out == DType::kUndefined ? inputs[0]->dtype() : out, kernel));
  return std::vector<Datum>{std::move(result)};
}

Result<std::vector<Datum>> map_float(const EvalContext& context, const std::function<double(double)>& f) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  ElementKernel kernel;
  kernel.f64 = unary_chunk<double>(std::cref(f));
  const std::span<const Tensor* const> inputs(&x, 1);
  CYCLOID_ASSIGN(Tensor result, map_broadcast(context, inputs, x->dtype(), kernel));
  return std::vector<Datum>{std::move(result)};
}

}  // namespace cycloid
