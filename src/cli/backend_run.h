// A backend as a runtime to compare in, in this process.
#pragma once

#include <map>
#include <string>

#include "backends/backend.h"
#include "cycloid/optimize.h"

namespace cycloid {

// The model in `backend`, which must take .onnx files and be available, with these of its options. The file lives as long as the result.
Result<OptimizationOptions::Run> load_in_backend(const Backend& backend, const Model& model,
                                                 const std::map<std::string, std::string>& options);

}  // namespace cycloid
