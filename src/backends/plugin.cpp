#include "backends/plugin.h"

#include <dlfcn.h>

#include <string>

#include "backends/locate.h"
#include "base/error.h"

namespace cycloid {

Result<const Backend*> PluginBackend::open() const {
  Result<std::string> path = find_plugin("libcycloid_backend_" + name_ + ".so");
  if (!path) return path.error().in("this build has no " + name_ + " backend");
  // RTLD_LOCAL: the framework's symbols stay its own. RTLD_NOW: a missing library is an error here, not a crash later.
  void* library = dlopen(path->c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return make_error(ErrorCode::kUnavailable, "{} cannot be loaded: {}", *path, dlerror());
  }
  auto* build = reinterpret_cast<PluginBuildFunction*>(dlsym(library, "cycloid_backend_build"));
  auto* backend = reinterpret_cast<PluginBackendFunction*>(dlsym(library, "cycloid_backend"));
  if (build == nullptr || backend == nullptr || std::string_view(build()) != kPluginBuild) {
    return make_error(ErrorCode::kUnavailable, "{} is of another build of Cycloid", *path);
  }
  return backend();
}

Probe PluginBackend::probe() const {
  Result<const Backend*> backend = open();
  if (backend) return (*backend)->probe();
  Probe probe;
  probe.reason = backend.error().message();
  probe.remedy = "pip install " + package_ + " and build Cycloid again (./dev build)";
  return probe;
}

Result<std::unique_ptr<BackendSession>> PluginBackend::load(const LoadRequest& request) const {
  CYCLOID_ASSIGN(const Backend* backend, open());
  return backend->load(request);
}

}  // namespace cycloid
