// OpenVINO through its C++ API, as a library of its own (backends/plugin.h).
#include <algorithm>
#include <cstring>
#include <openvino/openvino.hpp>
#include <openvino/runtime/intel_cpu/properties.hpp>

#include "backends/bind.h"
#include "backends/options.h"
#include "backends/plugin.h"
#include "base/error.h"

namespace cycloid {
namespace {

const std::map<std::string, DType>& dtypes() {
  static const std::map<std::string, DType> kTypes = {
      {"f32", DType::kFloat32}, {"f64", DType::kFloat64}, {"f16", DType::kFloat16}, {"bf16", DType::kBFloat16},
      {"i8", DType::kInt8},     {"i16", DType::kInt16},   {"i32", DType::kInt32},   {"i64", DType::kInt64},
      {"u8", DType::kUInt8},    {"u16", DType::kUInt16},  {"u32", DType::kUInt32},  {"u64", DType::kUInt64},
      {"boolean", DType::kBool}};
  return kTypes;
}

Result<DType> to_dtype(const ov::element::Type& type) {
  auto found = dtypes().find(type.get_type_name());
  if (found == dtypes().end())
    return unsupported("OpenVINO's element type '{}' has no counterpart", type.get_type_name());
  return found->second;
}

// The defaults are its best latency in fp32, one request at a time.
std::vector<OptionInfo> options() {
  return {
      {"hint", "LATENCY", "PERFORMANCE_HINT", {"LATENCY", "THROUGHPUT", "CUMULATIVE_THROUGHPUT"}},
      {"num_streams", "1", "NUM_STREAMS: requests that run beside one another; one is all a latency needs", {}},
      // f32, because on machines with bf16 or AMX the device's default is bf16, which is another result.
      {"precision", "f32", "INFERENCE_PRECISION_HINT", {"f32", "bf16", "f16", "dynamic"}},
      {"cpu_pinning", "false", "ENABLE_CPU_PINNING: bind its threads to cores", bool_choices()},
      {"flush_denormals", "true", "CPU_DENORMALS_OPTIMIZATION: treat subnormal floats as zero", bool_choices()},
      // Sizes known at load: the plugin then plans memory and chooses kernels at compile time.
      {"static_shapes", "true", "reshape the model to the inputs' shapes before it is compiled", bool_choices()},
      {"device", "CPU", "device to compile for", {}},
      {"ov.*", "", "any property by its name: ov.ENABLE_HYPER_THREADING=NO", {}},
  };
}

bool begins_with_any(const std::string& line, std::initializer_list<std::string_view> beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(), [&](std::string_view b) { return line.starts_with(b); });
}

// The line of a message that tells a person something. Before it come places in OpenVINO's own source and headings; the
// model's node, where a line names it, is worth keeping.
std::string cause(const std::string& text) {
  std::string node;
  std::string fallback = "no message";
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string line = text.substr(start, end - start);
    start = end + 1;
    if (line.starts_with("While validating")) {
      node = line + " ";
    } else if (begins_with_any(line, {"Check '", "FrontEnd API failed"})) {
      fallback = line;
    } else if (!line.empty() && !line.ends_with(':') &&
               !begins_with_any(line, {"Exception from ", "Loading input model", "Model wasn't fully converted"})) {
      return node + (line.starts_with("-- ") ? line.substr(3) : line);
    }
  }
  return fallback;
}

// Runs `body`, whose exceptions become errors.
template <class Body>
auto guarded(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kResourceExhausted, "OpenVINO: out of memory");
  } catch (const std::exception& e) {
    return Error(ErrorCode::kFailed, "OpenVINO: " + cause(e.what()));
  }
}

// A name by which the port can be asked for; outputs without one are numbered.
std::string name_of(const ov::Output<const ov::Node>& port, std::size_t index) {
  return port.get_names().empty() ? fmt::format("output_{}", index) : port.get_any_name();
}

// The port's name that the caller uses, if any: a port may have several.
std::string name_given(const ov::Output<ov::Node>& port, const std::vector<NamedTensor>& given) {
  for (const NamedTensor& input : given) {
    if (port.get_names().contains(input.name)) return input.name;
  }
  return port.get_names().empty() ? "" : port.get_any_name();
}

class OpenVinoSession final : public BackendSession {
 public:
  OpenVinoSession(std::vector<ModelInput> inputs, ov::CompiledModel compiled,
                  std::map<std::string, std::string> settings)
      : inputs_(std::move(inputs)),
        compiled_(std::move(compiled)),
        request_(compiled_.create_infer_request()),
        settings_(std::move(settings)) {}

  Status set_inputs(const std::vector<NamedTensor>& inputs) override {
    CYCLOID_ASSIGN(const std::vector<std::size_t> matches, match_inputs(inputs_, inputs));
    return guarded([&]() -> Status {
      for (std::size_t i = 0; i < matches.size(); ++i) {
        const Tensor& from = inputs[matches[i]].tensor;
        ov::Tensor to(compiled_.input(i).get_element_type(), ov::Shape(from.dims().begin(), from.dims().end()));
        if (from.byte_count() > 0) std::memcpy(to.data(), from.bytes(), from.byte_count());
        request_.set_input_tensor(i, to);
      }
      return {};
    });
  }

  Status run() override {
    return guarded([&]() -> Status {
      request_.infer();
      return {};
    });
  }

  Result<std::vector<NamedTensor>> outputs() override {
    return guarded([&]() -> Result<std::vector<NamedTensor>> {
      std::vector<NamedTensor> outputs;
      for (std::size_t i = 0; i < compiled_.outputs().size(); ++i) {
        const std::string name = name_of(compiled_.output(i), i);
        const ov::Tensor from = request_.get_output_tensor(i);
        CYCLOID_ASSIGN(const DType dtype, to_dtype(from.get_element_type()).in("output '" + name + "'"));
        const ov::Shape& shape = from.get_shape();
        CYCLOID_ASSIGN(Tensor to, Tensor::zeros(dtype, Dims(shape.begin(), shape.end())));
        if (to.byte_count() > 0) std::memcpy(to.mutable_bytes(), from.data(), to.byte_count());
        outputs.push_back({name, std::move(to)});
      }
      return outputs;
    });
  }

  std::map<std::string, std::string> settings() const override { return settings_; }

 private:
  const std::vector<ModelInput> inputs_;
  ov::CompiledModel compiled_;
  ov::InferRequest request_;
  const std::map<std::string, std::string> settings_;
};

// What the model takes, with the caller's name for each input.
Result<std::vector<ModelInput>> read_inputs(const ov::Model& model, const std::vector<NamedTensor>& given) {
  std::vector<ModelInput> inputs;
  for (const ov::Output<const ov::Node>& constant : model.inputs()) {
    const ov::Output<ov::Node> port(std::const_pointer_cast<ov::Node>(constant.get_node_shared_ptr()),
                                    constant.get_index());
    ModelInput input;
    input.name = name_given(port, given);
    CYCLOID_ASSIGN(input.dtype, to_dtype(port.get_element_type()).in("input '" + input.name + "'"));
    const ov::PartialShape& shape = port.get_partial_shape();
    input.any_rank = shape.rank().is_dynamic();
    if (!input.any_rank) {
      for (const ov::Dimension& d : shape) input.dims.push_back(d.is_static() ? d.get_length() : -1);
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

// The model with the sizes of the inputs; says so in `settings` where it declines.
void make_static(const std::shared_ptr<ov::Model>& model, const std::vector<NamedTensor>& given,
                 const std::vector<std::size_t>& matches, std::map<std::string, std::string>& settings) {
  if (!model->is_dynamic()) return;
  std::map<std::size_t, ov::PartialShape> shapes;
  for (std::size_t i = 0; i < matches.size(); ++i) {
    const Dims& dims = given[matches[i]].tensor.dims();
    shapes[i] = ov::PartialShape(std::vector<ov::Dimension>(dims.begin(), dims.end()));
  }
  try {
    model->reshape(shapes);
  } catch (const std::exception& e) {
    settings["static_shapes"] = "declined: " + cause(e.what());
  }
}

ov::AnyMap properties(const Options& resolved, int threads) {
  ov::AnyMap map;
  map["PERFORMANCE_HINT"] = resolved.text("hint");
  map["NUM_STREAMS"] = resolved.text("num_streams");
  map["INFERENCE_NUM_THREADS"] = std::to_string(threads);
  map["INFERENCE_PRECISION_HINT"] = resolved.text("precision");
  map["ENABLE_CPU_PINNING"] = resolved.flag("cpu_pinning");
  map["CPU_DENORMALS_OPTIMIZATION"] = resolved.flag("flush_denormals");
  for (const auto& [name, value] : resolved.with_prefix("ov.")) map[name] = value;
  return map;
}

class OpenVinoBackend final : public Backend {
 public:
  std::string_view name() const override { return "openvino"; }
  std::vector<Form> forms() const override { return {Form::kOnnx}; }

  Probe probe() const override {
    Probe probe;
    try {
      probe.version = ov::get_openvino_version().buildNumber;
      ov::Core core;
      const std::vector<std::string> devices = core.get_available_devices();
      probe.facts.emplace_back("devices", fmt::format("{}", fmt::join(devices, ", ")));
      probe.options = options();
      probe.available = true;
    } catch (const std::exception& e) {
      probe.reason = "OpenVINO does not start: " + cause(e.what());
    }
    return probe;
  }

  Result<std::unique_ptr<BackendSession>> load(const LoadRequest& request) const override {
    using Loaded = Result<std::unique_ptr<BackendSession>>;
    CYCLOID_ASSIGN(const Options resolved, Options::resolve(name(), options(), request.options));
    Loaded loaded = guarded([&]() -> Loaded {
      ov::Core core;
      const std::shared_ptr<ov::Model> model = core.read_model(request.model);
      CYCLOID_ASSIGN(std::vector<ModelInput> inputs, read_inputs(*model, request.inputs));
      CYCLOID_ASSIGN(const std::vector<std::size_t> matches, match_inputs(inputs, request.inputs));
      std::map<std::string, std::string> settings = resolved.all();
      if (resolved.flag("static_shapes")) make_static(model, request.inputs, matches, settings);
      ov::CompiledModel compiled =
          core.compile_model(model, resolved.text("device"), properties(resolved, request.threads));
      settings["threads"] = std::to_string(compiled.get_property(ov::inference_num_threads));
      auto session = std::make_unique<OpenVinoSession>(std::move(inputs), std::move(compiled), std::move(settings));
      CYCLOID_TRY(session->set_inputs(request.inputs));
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
  static const cycloid::OpenVinoBackend backend;
  return &backend;
}
