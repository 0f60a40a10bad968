// Tensors in numpy's .npy files (format versions 1.0 to 3.0,
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
//
// numpy names no bfloat16, float8 or 4-bit types: ml_dtypes' arrays are saved as raw bytes ('|V2', '|V1'), one byte for
// each element narrower than that. They are written so, and read back where the caller says which type they are.
// Strings are numpy's fixed-width Unicode ('<U12'); bytes ('|S12') are read as well.
#pragma once

#include <span>
#include <string>

#include "cycloid/result.h"
#include "tensor/tensor.h"

namespace cycloid {

// `raw_type` is the element type that raw elements ('|V1', '|V2') have; an array with a type of its own keeps it.
// Column-major and big-endian arrays are brought to row-major little-endian. Errors: no such file, not a .npy file, a
// type that Cycloid has not (objects, dates, records), or a size that does not fit the file.
Result<Tensor> read_npy(const std::string& path, DType raw_type = DType::kUndefined);
Result<Tensor> parse_npy(std::span<const std::byte> file, DType raw_type = DType::kUndefined);

// Writes `path` whole or not at all. Errors: the file cannot be written, or the dtype is kUndefined.
Status write_npy(const std::string& path, const Tensor& tensor);
Result<std::string> to_npy(const Tensor& tensor);

}  // namespace cycloid
