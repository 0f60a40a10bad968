// Cycloid's own engine, through its public C++ interface (include/cycloid/session.h).
#pragma once

#include "backends/backend.h"
#include "cycloid/session.h"

namespace cycloid {

// The session options that these options of the backend (those that differ from the default) mean.
Result<SessionOptions> native_session_options(const std::map<std::string, std::string>& given, int threads);

// The model with those of its initializers as inputs that are among these names.
Result<Model> load_native_model(const std::string& path, const std::vector<std::string>& given);

class NativeBackend final : public Backend {
 public:
  std::string_view name() const override { return "cycloid"; }
  std::vector<Form> forms() const override { return {Form::kOnnx}; }
  Probe probe() const override;
  Result<std::unique_ptr<BackendSession>> load(const LoadRequest& request) const override;
};

}  // namespace cycloid
