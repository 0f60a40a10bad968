// TensorProto and SparseTensorProto to Tensor.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "cycloid/result.h"
#include "onnx/external_data.h"
#include "tensor/tensor.h"

namespace cycloid::onnx {

// What reading a model shares between its messages.
struct ReadContext {
  std::shared_ptr<const void> owner;  // keeps the message's bytes, so that tensors may borrow them; null: tensors copy
  ExternalData external{std::nullopt};
  // Memory that a file may claim beyond what its own size explains.
  std::size_t sparse_bytes_left = std::size_t{256} << 20;
  std::size_t nodes_left = std::size_t{4} << 20;
  std::size_t values_left = std::size_t{16} << 20;
};

// Tensors of more dimensions are declined.
inline constexpr std::size_t kMaxRank = 64;

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

// Elements are borrowed from the message where they are aligned there, else copied. Elements narrower than a byte are
// unpacked, one a byte, sign-extended where the type is signed. Errors: a size or count that the bytes present do not
// match, a value out of the element type's range, an unknown element type, external data out of reach.
Result<NamedTensor> read_tensor(std::string_view message, ReadContext& context);

// The dense tensor, zero where the sparse one says nothing. The name is that of its values.
Result<NamedTensor> read_sparse_tensor(std::string_view message, ReadContext& context);

// TensorProto.DataType as a DType; an error that names types this build does not know.
Result<DType> to_dtype(std::int64_t data_type);

// Valid UTF-8 or an error; `what` says what the text is.
Status check_text(std::string_view text, std::string_view what);

}  // namespace cycloid::onnx
