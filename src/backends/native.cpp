#include "backends/native.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <type_traits>

#include "backends/bind.h"
#include "backends/options.h"
#include "base/error.h"
#include "cycloid/model.h"
#include "cycloid/session.h"
#include "cycloid/version.h"

namespace cycloid {
namespace {

std::vector<OptionInfo> options() {
  return {
      {"isa",
       "auto",
       "instruction set of the kernels: the best this machine has, or one by name",
       {"auto", "scalar", "avx2", "avx512"}},
      {"strict", "false", "no Winograd: only sums with the error of a direct convolution", bool_choices()},
      {"tune", "false", "choose kernels by measuring them when it loads; what was measured is kept for the next time",
       bool_choices()},
      {"reference", "false", "everything by the slow reference evaluation", bool_choices()},
      {"flush_denormals", "true", "treat subnormal floats as zero", bool_choices()},
      {"spin_us", "60", "how long a thread spins for another before it sleeps, in microseconds, 0 to 1000000", {}},
      {"pin_threads", "false", "bind its threads to processors", bool_choices()},
      {"max_memory", "0", "bytes that a run's tensors and scratch may take; 0: no bound", {}},
      {"timeout_ms", "0", "milliseconds that one run, or planning, may take; 0: no bound", {}},
  };
}

// The option as a whole number from 0 to `most`.
template <class T>
Status read_number(const Options& options, std::string_view name, std::type_identity_t<T> most, T& number) {
  const std::string& text = options.text(name);
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc() && end == text.data() + text.size() && number >= 0 && number <= most) return {};
  return invalid_argument("backend 'cycloid': {}={} is not a whole number from 0 to {}", name, text, most);
}

Result<SessionOptions> session_options(const Options& resolved, int threads) {
  SessionOptions session;
  session.threads = threads;
  if (resolved.text("isa") != "auto") session.isa = resolved.text("isa");
  session.strict = resolved.flag("strict");
  session.tune = resolved.flag("tune");
  session.reference = resolved.flag("reference");
  session.denormals = !resolved.flag("flush_denormals");
  session.pin_threads = resolved.flag("pin_threads");
  CYCLOID_TRY(read_number(resolved, "spin_us", 1'000'000, session.spin_microseconds));
  CYCLOID_TRY(read_number(resolved, "max_memory", std::numeric_limits<std::size_t>::max(), session.max_memory));
  std::int64_t timeout_ms = 0;
  CYCLOID_TRY(read_number(resolved, "timeout_ms", std::numeric_limits<std::int64_t>::max(), timeout_ms));
  session.timeout_ms = static_cast<double>(timeout_ms);
  return session;
}

TensorView view_of(const Tensor& tensor) {
  if (tensor.dtype() == DType::kString) return TensorView(tensor.data<std::string>(), tensor.dims());
  return {tensor.dtype(), tensor.dims(), tensor.bytes(), tensor.byte_count()};
}

Result<Tensor> tensor_of(const AnyValue& value) {
  const TensorView view = value.tensor();
  CYCLOID_ASSIGN(Tensor tensor, Tensor::zeros(view.dtype, Dims(view.shape.begin(), view.shape.end())));
  if (view.dtype == DType::kString) {
    const auto* strings = static_cast<const std::string*>(view.data);
    std::copy_n(strings, tensor.element_count(), tensor.mutable_data<std::string>().begin());
  } else if (tensor.byte_count() > 0) {
    std::memcpy(tensor.mutable_bytes(), view.data, tensor.byte_count());
  }
  return tensor;
}

// As ONNX Runtime's backend does: the items of a sequence as "name_0", ..., maps as a row of their values each.
Status append_tensors(const std::string& name, const AnyValue& value, std::vector<NamedTensor>& tensors) {
  switch (value.kind()) {
    case AnyValue::Kind::kNone: return {};
    case AnyValue::Kind::kTensor: {
      CYCLOID_ASSIGN(Tensor tensor, tensor_of(value).in("output '" + name + "'"));
      tensors.push_back({name, std::move(tensor)});
      return {};
    }
    case AnyValue::Kind::kMap: return append_tensors(name, value.map_values(), tensors);
    case AnyValue::Kind::kSequence: break;
  }
  std::vector<Tensor> rows;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const AnyValue item = value.item(i);
    if (item.kind() != AnyValue::Kind::kMap) {
      CYCLOID_TRY(append_tensors(name + "_" + std::to_string(i), item, tensors));
      continue;
    }
    CYCLOID_ASSIGN(Tensor row, tensor_of(item.map_values()));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return {};
  CYCLOID_ASSIGN(Tensor stacked, stack_rows(name, rows));
  tensors.push_back({name, std::move(stacked)});
  return {};
}

ModelInput to_model_input(const ValueInfo& info) {
  ModelInput input;
  input.name = info.name;
  input.dtype = info.dtype;
  input.any_rank = !info.has_rank;
  input.dims.assign(info.shape.begin(), info.shape.end());
  return input;
}

class NativeSession final : public BackendSession {
 public:
  NativeSession(Session session, std::map<std::string, std::string> settings)
      : session_(std::move(session)), context_(session_.new_context()), settings_(std::move(settings)) {}

  Status set_inputs(const std::vector<NamedTensor>& inputs) override {
    std::vector<ModelInput> takes;
    for (const ValueInfo& info : session_.inputs()) takes.push_back(to_model_input(info));
    CYCLOID_ASSIGN(const std::vector<std::size_t> matches, match_inputs(takes, inputs));
    std::vector<Tensor> copies;
    for (std::size_t i = 0; i < matches.size(); ++i) {
      copies.push_back(inputs[matches[i]].tensor);  // shares the elements, which nobody writes
      CYCLOID_TRY(context_.bind_input(i, view_of(copies.back())));
    }
    inputs_ = std::move(copies);
    return context_.prepare();
  }

  Status run() override { return context_.run(); }

  Result<std::vector<NamedTensor>> outputs() override {
    std::vector<NamedTensor> tensors;
    for (std::size_t i = 0; i < session_.outputs().size(); ++i) {
      CYCLOID_ASSIGN(const AnyValue value, context_.output(i));
      CYCLOID_TRY(append_tensors(session_.outputs()[i].name, value, tensors));
    }
    return tensors;
  }

  std::map<std::string, std::string> settings() const override { return settings_; }

  // What of the plan a reader of the report wants to know.
  Status describe_plan() {
    CYCLOID_ASSIGN(const PlanInfo plan, context_.plan());
    settings_["plan"] = fmt::format("{} steps in {} stages, {} layout conversions, {} reference steps",
                                    plan.steps.size(), plan.stages, plan.conversions, plan.reference_steps);
    return {};
  }

 private:
  Session session_;
  std::vector<Tensor> inputs_;
  RunContext context_;
  std::map<std::string, std::string> settings_;
};

}  // namespace

Result<SessionOptions> native_session_options(const std::map<std::string, std::string>& given, int threads) {
  CYCLOID_ASSIGN(const Options resolved, Options::resolve("cycloid", options(), given));
  return session_options(resolved, threads);
}

Result<Model> load_native_model(const std::string& path, const std::vector<std::string>& given) {
  CYCLOID_ASSIGN(Model model, Model::load(path));
  LoadOptions options;
  for (const ValueInfo& initializer : model.overridable_initializers()) {
    if (std::ranges::find(given, initializer.name) != given.end()) options.overridden.push_back(initializer.name);
  }
  if (options.overridden.empty()) return model;
  return Model::load(path, options);
}

Probe NativeBackend::probe() const {
  Probe probe;
  probe.available = true;
  probe.version = version();
  probe.options = options();
  return probe;
}

Result<std::unique_ptr<BackendSession>> NativeBackend::load(const LoadRequest& request) const {
  CYCLOID_ASSIGN(const Options resolved, Options::resolve(name(), options(), request.options));
  CYCLOID_ASSIGN(const SessionOptions wanted, session_options(resolved, request.threads));
  std::vector<std::string> given;
  for (const NamedTensor& input : request.inputs) given.push_back(input.name);
  CYCLOID_ASSIGN(const Model model, load_native_model(request.model, given));
  CYCLOID_ASSIGN(Session session, Session::create(model, wanted));
  std::map<std::string, std::string> settings = resolved.all();
  settings["threads"] = std::to_string(session.options().threads);
  settings["isa"] = session.options().isa;
  auto loaded = std::make_unique<NativeSession>(std::move(session), std::move(settings));
  CYCLOID_TRY(loaded->set_inputs(request.inputs));
  CYCLOID_TRY(loaded->describe_plan());
  return std::unique_ptr<BackendSession>(std::move(loaded));
}

}  // namespace cycloid
