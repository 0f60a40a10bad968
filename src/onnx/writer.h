// Writing ONNX files.
#pragma once

#include <cstddef>
#include <string>

#include "cycloid/result.h"
#include "graph/graph.h"

namespace cycloid::onnx {

// A protobuf message may not be larger (2 GiB); what does not fit goes into a file beside the model.
inline constexpr std::size_t kMaxMessageBytes = (std::size_t{1} << 31) - 1;

struct WriteOptions {
  // Tensors of at least this many bytes go into the file "<model's file name>.data" beside the model. Where the whole
  // would exceed kMaxMessageBytes, tensors of 1 KiB and more do, whatever this says.
  std::size_t external_from_bytes = SIZE_MAX;
};

// The model as a ModelProto, everything inside. Error: it would exceed kMaxMessageBytes.
// Captures are written as the names of what they capture; names that would hide others are replaced by fresh ones.
Result<std::string> to_bytes(const ModelIr& model);

// Writes the file, and the data file first where there is one. Each appears whole or not at all.
Status write_model(const ModelIr& model, const std::string& path, const WriteOptions& options = {});

// One TensorProto.
std::string to_bytes(const Tensor& tensor, const std::string& name = "");

}  // namespace cycloid::onnx
