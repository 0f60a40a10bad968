// LibTorch (the C++ API of PyTorch), as a library of its own (backends/plugin.h). The one file that includes torch's
// headers, which take longer to compile than the rest of the layer.
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/InferenceMode.h>
#include <torch/script.h>
#include <torch/version.h>

#include <cstring>

#include "backends/bind.h"
#include "backends/options.h"
#include "backends/plugin.h"

// No fmt here (so no base/error.h either): the wheel has a newer one among its headers, which would not fit the
// library.

namespace cycloid {
namespace {

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }
Error unsupported(std::string message) { return {ErrorCode::kUnsupported, std::move(message)}; }

std::string list_of(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list.append(list.empty() ? "" : ", ").append(name);
  return list;
}

std::vector<OptionInfo> options() {
  return {
      // The same choices, for the same reasons, as in python/cycloid/backends/torchscript.py.
      {"memory_format",
       "channels_last",
       "layout of the parameters and inputs of 2-D convolutions",
       {"contiguous", "channels_last"}},
      {"freeze", "true", "torch::jit::freeze: parameters become constants, batch norms are folded", bool_choices()},
      {"optimize_for_inference", "false",
       "torch::jit::optimize_for_inference: convolutions in oneDNN's own layouts; implies freeze", bool_choices()},
      {"warmup", "3", "runs at load in which the profiling executor specialises the graph, 0 to 100", {}},
      {"flush_denormals", "true", "treat subnormal floats as zero (at::Context::setFlushDenormal)", bool_choices()},
  };
}

// c10 appends a C++ stack to its messages. TorchScript's run-time errors put the cause last, below the script's stack.
std::string cause(const std::string& text) {
  std::string first;
  std::string last;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    std::string line = text.substr(start, end - start);
    start = end + 1;
    if (line.starts_with("Exception raised from ") || line.starts_with("frame #")) break;
    if (line.find_first_not_of(" \t~<-") == std::string::npos) continue;
    if (first.empty()) first = line;
    last = line;
  }
  const bool is_heading = first.starts_with("The following operation failed in the TorchScript interpreter");
  return first.empty() ? "no message" : is_heading ? last : first;
}

template <class Body>
auto guarded(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const c10::Error& e) {
    return Error(ErrorCode::kFailed, "LibTorch: " + cause(e.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kResourceExhausted, "LibTorch: out of memory");
  } catch (const std::exception& e) {
    return Error(ErrorCode::kFailed, "LibTorch: " + cause(e.what()));
  }
}

const std::map<DType, at::ScalarType>& scalar_types() {
  static const std::map<DType, at::ScalarType> kTypes = {{DType::kFloat32, at::kFloat},
                                                         {DType::kFloat64, at::kDouble},
                                                         {DType::kFloat16, at::kHalf},
                                                         {DType::kBFloat16, at::kBFloat16},
                                                         {DType::kInt8, at::kChar},
                                                         {DType::kInt16, at::kShort},
                                                         {DType::kInt32, at::kInt},
                                                         {DType::kInt64, at::kLong},
                                                         {DType::kUInt8, at::kByte},
                                                         {DType::kBool, at::kBool},
                                                         {DType::kComplex64, at::kComplexFloat},
                                                         {DType::kComplex128, at::kComplexDouble}};
  return kTypes;
}

Result<at::Tensor> to_torch(const NamedTensor& input) {
  const auto type = scalar_types().find(input.tensor.dtype());
  if (type == scalar_types().end()) {
    return unsupported("input '" + input.name + "': LibTorch has no dtype " +
                       std::string(to_string(input.tensor.dtype())));
  }
  const Dims& dims = input.tensor.dims();
  at::Tensor tensor = at::empty(std::vector<std::int64_t>(dims.begin(), dims.end()), type->second);
  if (input.tensor.byte_count() > 0) std::memcpy(tensor.data_ptr(), input.tensor.bytes(), input.tensor.byte_count());
  return tensor;
}

Result<Tensor> from_torch(const std::string& name, const at::Tensor& given) {
  at::Tensor tensor = given.is_quantized() ? given.dequantize() : given;
  if (tensor.layout() != at::kStrided) tensor = tensor.to_dense();
  tensor = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous();
  for (const auto& [dtype, type] : scalar_types()) {
    if (type != tensor.scalar_type()) continue;
    CYCLOID_ASSIGN(Tensor copy, Tensor::zeros(dtype, Dims(tensor.sizes().begin(), tensor.sizes().end())));
    if (copy.byte_count() > 0) std::memcpy(copy.mutable_bytes(), tensor.data_ptr(), copy.byte_count());
    return copy;
  }
  return unsupported("output '" + name + "': its dtype " + c10::toString(tensor.scalar_type()) + " has no counterpart");
}

// Names as python/cycloid/tensors.py gives them: "output", "output_0", ..., a dictionary's own keys.
Status flatten(const std::string& name, const c10::IValue& value, std::vector<NamedTensor>& outputs) {
  if (value.isNone()) return {};
  if (value.isTensor()) {
    CYCLOID_ASSIGN(Tensor tensor, from_torch(name, value.toTensor()));
    outputs.push_back({name, std::move(tensor)});
    return {};
  }
  if (value.isGenericDict()) {
    for (const auto& item : value.toGenericDict()) {
      const std::string key = item.key().isString() ? item.key().toStringRef() : std::to_string(item.key().toInt());
      CYCLOID_TRY(flatten(name == "output" ? key : name + "_" + key, item.value(), outputs));
    }
    return {};
  }
  if (value.isTuple() || value.isList()) {
    const std::vector<c10::IValue> items =
        value.isTuple() ? value.toTupleRef().elements().vec() : value.toListRef().vec();
    for (std::size_t i = 0; i < items.size(); ++i) {
      CYCLOID_TRY(flatten(name + "_" + std::to_string(i), items[i], outputs));
    }
    return {};
  }
  if (value.isScalar()) return flatten(name, at::scalar_tensor(value.toScalar()), outputs);
  return unsupported("output '" + name + "' is a " + value.tagKind() + ", not a tensor");
}

// The positional arguments: by name where every input has the name of an argument of forward(), else in the order
// given.
Result<std::vector<std::size_t>> order_inputs(const torch::jit::Module& module,
                                              const std::vector<NamedTensor>& inputs) {
  std::vector<std::string> names;
  std::size_t required = 0;
  const auto& arguments = module.get_method("forward").function().getSchema().arguments();
  for (std::size_t i = 1; i < arguments.size(); ++i) {  // the first is self
    names.push_back(arguments[i].name());
    if (!arguments[i].default_value()) required = i;
  }
  std::vector<std::size_t> order;
  for (const std::string& name : names) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].name == name) order.push_back(i);
    }
  }
  if (order.size() != inputs.size()) {  // some input has no argument's name
    order.resize(inputs.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  } else {
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (inputs[order[i]].name == names[i]) continue;
      return invalid("input '" + names[i] + "' is missing; the model takes (" + list_of(names) + ")");
    }
  }
  if (inputs.size() < required || inputs.size() > names.size()) {
    return invalid("the model takes " + std::to_string(required) + " to " + std::to_string(names.size()) + " inputs (" +
                   list_of(names) + "), " + std::to_string(inputs.size()) + " given");
  }
  return order;
}

bool has_2d_convolutions(const torch::jit::Module& module) {
  for (const torch::jit::Module& part : module.modules()) {
    const std::string type = part.type()->name() ? part.type()->name()->name() : "";
    if (type == "Conv2d" || type == "ConvTranspose2d") return true;
  }
  return false;
}

// nn.Module.to(memory_format) of the C++ API does not exist for TorchScript: the parameters' data are replaced.
void to_channels_last(torch::jit::Module& module) {
  for (at::Tensor parameter : module.parameters()) {
    if (parameter.dim() == 4) parameter.set_data(parameter.detach().contiguous(at::MemoryFormat::ChannelsLast));
  }
}

class LibTorchSession final : public BackendSession {
 public:
  LibTorchSession(torch::jit::Module signature, torch::jit::Module module, bool channels_last,
                  std::map<std::string, std::string> settings)
      : signature_(std::move(signature)),
        module_(std::move(module)),
        channels_last_(channels_last),
        settings_(std::move(settings)) {}

  Status set_inputs(const std::vector<NamedTensor>& inputs) override {
    CYCLOID_ASSIGN(const std::vector<std::size_t> order, order_inputs(signature_, inputs));
    std::vector<c10::IValue> arguments;
    for (std::size_t i : order) {
      CYCLOID_ASSIGN(at::Tensor tensor, to_torch(inputs[i]));
      if (channels_last_ && tensor.dim() == 4) tensor = tensor.contiguous(at::MemoryFormat::ChannelsLast);
      arguments.emplace_back(std::move(tensor));
    }
    arguments_ = std::move(arguments);
    return {};
  }

  Status run() override {
    return guarded([&]() -> Status {
      result_ = module_.forward(arguments_);
      return {};
    });
  }
  void discard_outputs() override { result_ = c10::IValue(); }

  Result<std::vector<NamedTensor>> outputs() override {
    return guarded([&]() -> Result<std::vector<NamedTensor>> {
      std::vector<NamedTensor> outputs;
      CYCLOID_TRY(flatten("output", result_, outputs));
      if (outputs.empty()) return Error(ErrorCode::kInvalidModel, "the model returns no tensor");
      return outputs;
    });
  }

  std::map<std::string, std::string> settings() const override { return settings_; }

 private:
  const c10::InferenceMode inference_mode_;  // of the thread that made and uses the session
  const torch::jit::Module signature_;
  torch::jit::Module module_;
  const bool channels_last_;
  const std::map<std::string, std::string> settings_;
  std::vector<c10::IValue> arguments_;
  c10::IValue result_;
};

Result<int> warmup_runs(const std::string& text) {
  int runs = 0;
  for (char c : text) runs = c >= '0' && c <= '9' && runs <= 100 ? runs * 10 + (c - '0') : 1000;
  if (text.empty() || runs > 100)
    return invalid("backend 'libtorch': warmup=" + text + " is not a number from 0 to 100");
  return runs;
}

class LibTorchBackend final : public Backend {
 public:
  std::string_view name() const override { return "libtorch"; }
  std::vector<Form> forms() const override { return {Form::kTorchScript}; }

  Probe probe() const override {
    Probe probe;
    probe.available = true;
    probe.version = TORCH_VERSION;
    probe.options = options();
    return probe;
  }

  Result<std::unique_ptr<BackendSession>> load(const LoadRequest& request) const override {
    using Loaded = Result<std::unique_ptr<BackendSession>>;
    CYCLOID_ASSIGN(const Options resolved, Options::resolve(name(), options(), request.options));
    CYCLOID_ASSIGN(const int warmup, warmup_runs(resolved.text("warmup")));
    Loaded loaded = guarded([&]() -> Loaded {
      // Before any thread of the pool exists: threads inherit the floating-point mode.
      at::globalContext().setFlushDenormal(resolved.flag("flush_denormals"));
      at::set_num_threads(request.threads);
      if (at::get_num_interop_threads() != 1) at::set_num_interop_threads(1);
      const torch::jit::Module original = torch::jit::load(request.model, at::kCPU);
      torch::jit::Module module = original.clone();
      module.eval();
      const bool channels_last = resolved.text("memory_format") == "channels_last" && has_2d_convolutions(original);
      if (channels_last) to_channels_last(module);
      if (resolved.flag("optimize_for_inference")) {
        module = torch::jit::optimize_for_inference(module);
      } else if (resolved.flag("freeze")) {
        module = torch::jit::freeze(module);
      }
      std::map<std::string, std::string> settings = resolved.all();
      settings["threads"] = std::to_string(at::get_num_threads());
      settings["interop_threads"] = std::to_string(at::get_num_interop_threads());
      auto session = std::make_unique<LibTorchSession>(original, std::move(module), channels_last, std::move(settings));
      CYCLOID_TRY(session->set_inputs(request.inputs));
      for (int i = 0; i < warmup; ++i) CYCLOID_TRY(session->run());
      return std::unique_ptr<BackendSession>(std::move(session));
    });
    if (!loaded && loaded.error().code() == ErrorCode::kFailed) return of_model(loaded.error(), request.model);
    return loaded;
  }
};

}  // namespace
}  // namespace cycloid

extern "C" __attribute__((visibility("default"))) const char* cycloid_backend_build() { return cycloid::kPluginBuild; }
extern "C" __attribute__((visibility("default"))) const cycloid::Backend* cycloid_backend() {
  static const cycloid::LibTorchBackend backend;
  return &backend;
}
