// Reading ONNX files.
//
// Every byte of a file is untrusted: whatever is in it, the result is a Model whose graphs verify() or an error that
// says what is wrong and where; memory stays within a small multiple of the bytes read.
//
// What is read: ModelProto of IR versions 3 to 14 whole, but for training information, quantization annotations, device
// configurations and documentation of parts (the model's own is kept). Specially:
// - an initializer that is also an input is a constant (see assemble() in graph/draft.h), unless OverridableInputs says
//   otherwise;
// - sparse initializers and sparse constants become dense;
// - nodes out of order are put in order;
// - operators are left in the version the file uses: see onnx/import/import.h.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"

namespace cycloid::onnx {

inline constexpr std::int64_t kOldestIrVersion = 3;
inline constexpr std::int64_t kNewestIrVersion = 14;

// Inputs that have an initializer: the value of those that a run does not give. From IR version 4 on; before, every
// initializer had to be an input.
struct OverridableInputs {
  struct Input {
    std::string name;
    ValueType type;  // as declared
  };
  std::set<std::string, std::less<>> open;  // these stay inputs; all others become constants
  std::vector<Input> all;                   // set by the reader, in the model's order
};

// Maps the file; its tensors borrow from the mapping, which they keep alive. External data may lie in the file's
// folder.
Result<ModelIr> read_model(const std::string& path, OverridableInputs* overridable = nullptr);

// From bytes in memory. With an `owner` that keeps them alive, tensors borrow them; without, they copy. External data
// is looked for in `folder`, and is an error without one.
Result<ModelIr> read_model(std::span<const std::byte> bytes, const std::optional<std::string>& folder = {},
                           const std::shared_ptr<const void>& owner = nullptr,
                           OverridableInputs* overridable = nullptr);

// A file that holds one TensorProto (.pb), as models' test data does.
Result<Tensor> read_tensor_file(const std::string& path);

}  // namespace cycloid::onnx
