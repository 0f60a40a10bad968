// A backend whose worker is Python: python/cycloid/backends/NAME.py.
#pragma once

#include "backends/backend.h"

namespace cycloid {

class PythonBackend final : public Backend {
 public:
  PythonBackend(std::string name, std::vector<Form> forms) : name_(std::move(name)), forms_(std::move(forms)) {}

  std::string_view name() const override { return name_; }
  std::vector<Form> forms() const override { return forms_; }
  Probe probe() const override;
  // Always an error: this backend lives in the process of worker_command().
  Result<std::unique_ptr<BackendSession>> load(const LoadRequest& request) const override;
  Result<std::vector<std::string>> worker_command() const override;

 private:
  const std::string name_;
  const std::vector<Form> forms_;
};

}  // namespace cycloid
