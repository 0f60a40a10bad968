// Values between Python and the library.
//
// A tensor comes in as anything with DLPack or the buffer protocol on the CPU (numpy, torch: without a copy where it is
// dense), or as a pair (dtype name, such a view of its bytes) for types that these protocols cannot name, or as
// ("string", shape, list of str). A list or tuple-free sequence is a sequence, a dict a map, None an absent optional.
// Tensors go out the same way: as numpy arrays that share the library's memory, or as one of those tuples.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <deque>
#include <vector>

#include "cycloid/any_value.h"
#include "cycloid/tensor_view.h"

namespace cycloid::python {

// Raises cycloid.errors' exception for the error's code.
[[noreturn]] void raise(const Error& error);

template <class T>
T take(Result<T> result) {
  if (!result) raise(result.error());
  return *std::move(result);
}
void take(const Status& status);

// Inputs of one run, kept alive while views of them are in use.
class Inputs {
 public:
  // `name` goes into messages.
  void add(const std::string& name, nanobind::handle value);

  // Whether all are tensors with plain elements, so that views() says everything.
  bool all_views() const { return all_views_; }
  std::span<const TensorView> views() const { return views_; }
  // Any mix. The tensors share the caller's memory.
  std::vector<AnyValue> values();

 private:
  using Array = nanobind::ndarray<nanobind::ro, nanobind::c_contig, nanobind::device::cpu>;
  static TensorView view_of(const Array& array, DType dtype, const std::string& name);
  static DType dtype_of(const Array& array, const std::string& name);
  bool add_tensor(const std::string& name, nanobind::handle value);
  AnyValue to_value(const std::string& name, nanobind::handle value);

  std::deque<Array> arrays_;  // stays put, so that shapes stay valid
  std::vector<TensorView> views_;
  std::vector<AnyValue> values_;  // as long as views_ where !all_views_
  bool all_views_ = true;
};

// A writable view of a numpy array (or another) to run into.
using Output = nanobind::ndarray<nanobind::c_contig, nanobind::device::cpu>;
MutableTensorView writable_view(const std::string& name, DType dtype, const Output& array);

nanobind::object to_python(const AnyValue& value);

}  // namespace cycloid::python
