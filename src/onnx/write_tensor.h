// Tensors to TensorProto, inside the model or in a file beside it.
#pragma once

#include <cstdint>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace cycloid::onnx {

// The tensors that go into a data file, in order, each at a multiple of kExternalAlignment.
class ExternalTensors {
 public:
  // A page, so that readers that map the file find tensors aligned.
  static constexpr std::uint64_t kAlignment = 4096;

  // `location`: the data file's name. Tensors of fewer than `from_bytes` stay inside.
  ExternalTensors(std::string location, std::size_t from_bytes)
      : location_(std::move(location)), from_bytes_(from_bytes) {}

  bool takes(const Tensor& tensor) const {
    return tensor.dtype() != DType::kString && tensor.byte_count() != 0 && tensor.byte_count() >= from_bytes_;
  }
  // The offset of the tensor's bytes in the data file.
  std::uint64_t add(const Tensor& tensor);

  const std::string& location() const { return location_; }
  const std::vector<std::pair<std::uint64_t, Tensor>>& tensors() const { return tensors_; }

 private:
  std::string location_;
  std::size_t from_bytes_;
  std::uint64_t end_ = 0;
  std::vector<std::pair<std::uint64_t, Tensor>> tensors_;
};

// The elements as files hold them: types narrower than a byte packed. Not for strings.
std::string packed(const Tensor& tensor);

// Fills a TensorProto. `external` may be nullptr: everything inside.
void write_tensor(protozero::pbf_writer& to, const Tensor& tensor, const std::string& name, ExternalTensors* external);

}  // namespace cycloid::onnx
