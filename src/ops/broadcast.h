// Elementwise evaluation with broadcasting, in chunks of wide elements (ops/elements.h).
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "ops/elements.h"
#include "ops/op.h"

namespace cycloid {

// Walks the elements of an output of shape `to` in row-major order and gives the offsets of the elements of an input of
// shape `from` (which broadcasts to `to`) they come from.
class BroadcastWalk {
 public:
  BroadcastWalk(const Dims& from, const Dims& to);
  // The next offsets.size() offsets.
  void next(std::span<std::int64_t> offsets);

 private:
  Dims sizes_;    // of `to`, neighbours that step alike merged
  Dims strides_;  // of `from` along them, 0 where it is broadcast
  Dims index_;
  std::int64_t offset_ = 0;
};

// out[k] = f(in[0][k], in[1][k], ...) for k < n.
template <class T>
using ChunkFunction = std::function<void(const T* const* in, T* out, std::size_t n)>;

// The function of an operator in each wide type; empty where the operator takes no such dtype.
struct ElementKernel {
  ChunkFunction<double> f64;
  ChunkFunction<std::int64_t> i64;
  ChunkFunction<std::uint64_t> u64;
};

// A chunk function from a function of one or two elements.
template <class T, class F>
ChunkFunction<T> unary_chunk(F f) {
  return [f](const T* const* in, T* out, std::size_t n) {
    for (std::size_t k = 0; k < n; ++k) out[k] = static_cast<T>(f(in[0][k]));
  };
}
template <class T, class F>
ChunkFunction<T> binary_chunk(F f) {
  return [f](const T* const* in, T* out, std::size_t n) {
    for (std::size_t k = 0; k < n; ++k) out[k] = static_cast<T>(f(in[0][k], in[1][k]));
  };
}

// Broadcasts the inputs and computes in the wide type of the first one; the result is written as `out`.
Result<Tensor> map_broadcast(const EvalContext& context, std::span<const Tensor* const> inputs, DType out,
                             const ElementKernel& kernel);
// The same with all inputs of the node; `out` kUndefined: the dtype of input 0.
Result<std::vector<Datum>> map_inputs(const EvalContext& context, const ElementKernel& kernel,
                                      DType out = DType::kUndefined);
// A floating-point function of input 0.
Result<std::vector<Datum>> map_float(const EvalContext& context, const std::function<double(double)>& f);

}  // namespace cycloid
