// Tensor data that a model keeps in files beside it (TensorProto.external_data).
//
// A model file is untrusted, so it may only name files within its own folder: a location that is absolute, climbs with
// "..", passes through a symbolic link, or is a hard link to another file is an error. The path is opened component by
// component from the folder's descriptor, so nobody can swap a component for a link between check and use.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/mapped_file.h"
#include "cycloid/result.h"

namespace cycloid::onnx {

class ExternalData {
 public:
  // `folder` is the model's own; nullopt: the model came as bytes, and any external data is an error.
  explicit ExternalData(std::optional<std::string> folder) : folder_(std::move(folder)) {}

  struct Bytes {
    std::span<const std::byte> data;
    std::shared_ptr<const void> owner;
  };
  // `length` bytes at `offset` of the file; without a length, all bytes from there on.
  Result<Bytes> get(const std::string& location, std::uint64_t offset, std::optional<std::uint64_t> length);

 private:
  Result<std::shared_ptr<const MappedFile>> open(const std::string& location) const;

  std::optional<std::string> folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

}  // namespace cycloid::onnx
