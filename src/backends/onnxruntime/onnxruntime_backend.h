// ONNX Runtime, through the shared library of its PyPI wheel (or any other build of it).
#pragma once

#include "backends/backend.h"

namespace cycloid {

class OnnxRuntimeBackend final : public Backend {
 public:
  std::string_view name() const override { return "onnxruntime"; }
  std::vector<Form> forms() const override { return {Form::kOnnx}; }
  Probe probe() const override;
  Result<std::unique_ptr<BackendSession>> load(const LoadRequest& request) const override;
};

}  // namespace cycloid
