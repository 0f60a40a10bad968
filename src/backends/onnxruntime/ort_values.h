// Tensors to ONNX Runtime's values and back.
#pragma once

#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/bind.h"
#include "backends/onnxruntime/ort_library.h"

namespace cycloid::ort {

// A value in memory of ONNX Runtime's allocator with a copy of the tensor's elements.
Result<Owned<OrtValue>> to_value(const Api& api, OrtAllocator* allocator, const Tensor& tensor);

// A copy of a value: a tensor as itself; a sequence of tensors as "name_0", "name_1", ...; a sequence of maps (what the
// ONNX-ML operator ZipMap gives: one map from class to probability for each row) as one tensor of its values, a row for
// each map.
Status append_tensors(const Api& api, OrtAllocator* allocator, const std::string& name, const OrtValue* value,
                      std::vector<NamedTensor>& tensors);

// Type and shape of an input or an output; kUnsupported where it is no tensor.
Result<ModelInput> to_model_input(const Api& api, std::string name, const OrtTypeInfo* type);

}  // namespace cycloid::ort
