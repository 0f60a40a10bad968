// The backend "noise": a fixed amount of arithmetic in registers, so that its spread is the machine's own.
#pragma once

#include "backends/backend.h"

namespace cycloid {

class NoiseBackend final : public Backend {
 public:
  std::string_view name() const override { return "noise"; }
  std::vector<Form> forms() const override { return {Form::kNone}; }
  Probe probe() const override;
  Result<std::unique_ptr<BackendSession>> load(const LoadRequest& request) const override;
};

}  // namespace cycloid
