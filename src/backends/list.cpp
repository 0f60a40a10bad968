#include "backends/list.h"

#include "backends/native.h"
#include "backends/noise.h"
#include "backends/onnxruntime/onnxruntime_backend.h"
#include "backends/plugin.h"
#include "backends/python_backend.h"
#include "base/error.h"

namespace cycloid {

const std::vector<const Backend*>& all_backends() {
  static const PythonBackend pytorch("pytorch", {Form::kPython});
  static const PythonBackend torchscript("torchscript", {Form::kTorchScript});
  static const PythonBackend torch_compile("torch-compile", {Form::kPython});
  static const PluginBackend libtorch("libtorch", {Form::kTorchScript}, "torch");
  static const OnnxRuntimeBackend onnxruntime;
  static const PluginBackend openvino("openvino", {Form::kOnnx}, "openvino");
  static const NativeBackend native;
  static const NoiseBackend noise;
  static const std::vector<const Backend*> kBackends = {&pytorch,     &torchscript, &torch_compile, &libtorch,
                                                        &onnxruntime, &openvino,    &native,        &noise};
  return kBackends;
}

Result<const Backend*> find_backend(std::string_view name) {
  std::string names;
  for (const Backend* backend : all_backends()) {
    if (backend->name() == name) return backend;
    names += (names.empty() ? "" : ", ") + std::string(backend->name());
  }
  return invalid_argument("there is no backend '{}'; there are: {}", name, names);
}

}  // namespace cycloid
