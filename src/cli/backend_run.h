// A backend as a runtime to compare in, in this process.
#pragma once

#include "backends/backend.h"
#include "cycloid/optimize.h"

namespace cycloid {

// The model in `backend`, which must take .onnx files and be available. The file lives as long as the result.
Result<OptimizationOptions::Run> load_in_backend(const Backend& backend, const Model& model);

}  // namespace cycloid
