// A backend whose code is a shared library of this project beside the program, so that the program itself needs neither
// the framework's headers nor its libraries: libcycloid_backend_NAME.so, built from src/backends/NAME/.
#pragma once

#include "backends/backend.h"

namespace cycloid {

// What the library exports as C functions. Both are built from one tree by one compiler; the text proves that.
using PluginBuildFunction = const char*();       // cycloid_backend_build: kPluginBuild
using PluginBackendFunction = const Backend*();  // cycloid_backend: lives as long as the process
inline constexpr const char* kPluginBuild = "cycloid 0.1.0, backend interface 1, " __VERSION__;

class PluginBackend final : public Backend {
 public:
  // `package` is the Python package whose wheel brings the framework: named in the remedy.
  PluginBackend(std::string name, std::vector<Form> forms, std::string package)
      : name_(std::move(name)), forms_(std::move(forms)), package_(std::move(package)) {}

  std::string_view name() const override { return name_; }
  std::vector<Form> forms() const override { return forms_; }
  Probe probe() const override;
  Result<std::unique_ptr<BackendSession>> load(const LoadRequest& request) const override;

 private:
  Result<const Backend*> open() const;

  const std::string name_;
  const std::vector<Form> forms_;
  const std::string package_;
};

}  // namespace cycloid
