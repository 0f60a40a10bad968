// Arrays in numpy's .npz files: a zip archive of .npy files (numpy.savez).
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

#include "cycloid/result.h"
#include "tensor/tensor.h"

namespace cycloid {

// The arrays by name (that of the archive's entry without ".npy"). Entries must be stored, as numpy.savez does;
// compressed ones (numpy.savez_compressed) are an error that says so. Errors name the file and the entry.
Result<std::map<std::string, Tensor>> read_npz(const std::string& path);
Result<std::map<std::string, Tensor>> parse_npz(std::span<const std::byte> file);

}  // namespace cycloid
