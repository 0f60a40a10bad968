#include "backends/onnxruntime/ort_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

#include "backends/locate.h"
#include "base/error.h"

namespace cycloid::ort {
namespace {

namespace fs = std::filesystem;

// "libonnxruntime.so.1.32.0" in `folder`, or "libonnxruntime.so".
Result<std::string> library_in(const fs::path& folder) {
  std::error_code failure;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    if (name == "libonnxruntime.so" || name.starts_with("libonnxruntime.so.")) return entry.path().string();
  }
  return make_error(ErrorCode::kUnavailable, "no libonnxruntime.so in {}", folder.string());
}

Result<std::string> find_library() {
  if (const char* named = std::getenv("CYCLOID_ONNXRUNTIME"); named != nullptr && *named != '\0') {
    std::error_code failure;
    return fs::is_directory(named, failure) ? library_in(named) : Result<std::string>(std::string(named));
  }
  CYCLOID_ASSIGN(const std::string package, find_python_module("onnxruntime"));
  return library_in(fs::path(package) / "capi");
}

}  // namespace

Result<Library> open_library() {
  CYCLOID_ASSIGN(const std::string path, find_library());
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return make_error(ErrorCode::kUnavailable, "{} cannot be loaded: {}", path, dlerror());
  auto* get_base = reinterpret_cast<GetApiBaseFunction*>(dlsym(handle, "OrtGetApiBase"));
  if (get_base == nullptr) return make_error(ErrorCode::kUnavailable, "{} is not ONNX Runtime", path);
  const OrtApiBase* base = get_base();
  const std::string version = base->GetVersionString();
  const void* const* table = base->GetApi(kApiVersion);
  if (table == nullptr) {
    return make_error(ErrorCode::kUnavailable, "{} is ONNX Runtime {}; 1.{} or newer is needed", path, version,
                      kApiVersion);
  }
  return Library{Api(table), version, path};
}

Status check(const Api& api, OrtStatus* status) {
  if (status == nullptr) return {};
  std::string message = api(kGetErrorMessage, status);
  api(kReleaseStatus, status);
  // Some messages go on with a stack of C++ frames or a trailing newline: the first line says it.
  message.erase(std::min(message.find('\n'), message.size()));
  return Error(ErrorCode::kFailed, "ONNX Runtime: " + message);
}

Result<std::vector<std::string>> available_providers(const Api& api) {
  char** names = nullptr;
  int count = 0;
  CYCLOID_TRY(check(api, api(kGetAvailableProviders, &names, &count)));
  std::vector<std::string> providers(names, names + count);
  CYCLOID_TRY(check(api, api(kReleaseAvailableProviders, names, count)));
  return providers;
}

}  // namespace cycloid::ort
