// cycloid._native: the library's Model and Session for Python. python/cycloid/session.py is what users see of it.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string>
#include <vector>

#include "base/suggest.h"
#include "convert.h"
#include "cycloid/cycloid.h"
#include "graph/graph.h"

namespace nb = nanobind;

namespace cycloid::python {
namespace {

std::string_view kind_name(ValueInfo::Kind kind) {
  switch (kind) {
    case ValueInfo::Kind::kTensor: return "tensor";
    case ValueInfo::Kind::kSequence: return "sequence";
    case ValueInfo::Kind::kOptional: return "optional";
    case ValueInfo::Kind::kMap: return "map";
    case ValueInfo::Kind::kUnknown: break;
  }
  return "unknown";
}

// A size: an int, its name, or None.
nb::list shape_of(const ValueInfo& info) {
  nb::list shape;
  for (std::size_t i = 0; i < info.shape.size(); ++i) {
    if (info.shape[i] >= 0) {
      shape.append(info.shape[i]);
    } else if (info.symbols[i].empty()) {
      shape.append(nb::none());
    } else {
      shape.append(info.symbols[i]);
    }
  }
  return shape;
}

Model load_model(const std::string& path, const std::vector<std::string>& overridden) {
  auto model = [&] {
    const nb::gil_scoped_release release;
    return Model::load(path, {.overridden = overridden});
  }();
  return take(std::move(model));
}

Model model_from_bytes(const nb::bytes& bytes, const std::string& base_dir,
                       const std::vector<std::string>& overridden) {
  const std::span data(reinterpret_cast<const std::byte*>(bytes.c_str()), bytes.size());
  auto model = [&] {
    const nb::gil_scoped_release release;
    return Model::from_bytes(data, base_dir, {.overridden = overridden});
  }();
  return take(std::move(model));
}

// The optimised model and its ledger, as JSON.
nb::tuple optimize_model(const Model& model) {
  auto optimization = [&] {
    const nb::gil_scoped_release release;
    return optimize(model);
  }();
  const Optimization done = take(std::move(optimization));
  return nb::make_tuple(done.model, done.to_json());
}

void save(const Model& model, const std::string& path) {
  const Status status = [&] {
    const nb::gil_scoped_release release;
    return save_model(model, path);
  }();
  take(status);
}

// What the Python caller of this thread's run may set to end it: an object with the attribute `terminate`, or None.
class Terminable {
 public:
  explicit Terminable(nb::handle options) : before_(options_) { options_ = options.is_none() ? nb::handle() : options; }
  ~Terminable() { options_ = before_; }
  Terminable(const Terminable&) = delete;
  Terminable& operator=(const Terminable&) = delete;

  // With the GIL held. False where Python itself fails, whose exception is then set.
  static bool asked() {
    if (!options_) return false;
    const nb::object value = nb::steal(PyObject_GetAttrString(options_.ptr(), "terminate"));
    return value.is_valid() && PyObject_IsTrue(value.ptr()) == 1;
  }

 private:
  static thread_local nb::handle options_;
  const nb::handle before_;
};
thread_local nb::handle Terminable::options_;

// Whether a signal (Ctrl-C) came whose Python handler raised (the exception is then set on this thread; only the main
// thread handles signals), or somebody set the run's `terminate`.
bool stop_wanted() {
  const nb::gil_scoped_acquire acquire;
  return PyErr_CheckSignals() != 0 || Terminable::asked() || PyErr_Occurred() != nullptr;
}

// The library's error, unless it is that of a signal's exception, which goes on instead.
template <class T>
auto take_or_raise(Result<T> result) {
  if (!result.ok() && PyErr_Occurred() != nullptr) throw nb::python_error();
  if (!result.ok() && Terminable::asked())
    raise(Error(ErrorCode::kFailed, "the run was ended: RunOptions.terminate was set"));
  return take(std::move(result));
}

Session create_session(const Model& model, int threads, const std::string& isa, bool denormals, bool strict,
                       bool reference, std::size_t max_memory, double timeout_ms, int max_plans, int spin_microseconds,
                       bool pin_threads, bool tune, const std::string& tune_cache, int tune_milliseconds) {
  const SessionOptions options{.threads = threads,
                               .isa = isa,
                               .denormals = denormals,
                               .strict = strict,
                               .tune = tune,
                               .tune_cache = tune_cache,
                               .tune_milliseconds = tune_milliseconds,
                               .reference = reference,
                               .max_memory = max_memory,
                               .timeout_ms = timeout_ms,
                               .interrupted = stop_wanted,
                               .max_plans = max_plans,
                               .spin_microseconds = spin_microseconds,
                               .pin_threads = pin_threads};
  auto session = [&] {
    const nb::gil_scoped_release release;
    return Session::create(model, options);
  }();
  return take_or_raise(std::move(session));
}

Inputs read_inputs(const Session& session, const nb::list& values) {
  const std::span<const ValueInfo> infos = session.inputs();
  if (values.size() != infos.size()) {
    raise(Error(ErrorCode::kInvalidArgument, "the model takes " + std::to_string(infos.size()) + " inputs, " +
                                                 std::to_string(values.size()) + " given"));
  }
  Inputs inputs;
  for (std::size_t i = 0; i < infos.size(); ++i) inputs.add(infos[i].name, values[i]);
  return inputs;
}

nb::list run(const Session& session, const nb::list& values, const nb::object& options) {
  const Terminable terminable(options);
  Inputs inputs = read_inputs(session, values);
  const std::vector<AnyValue> any = inputs.all_views() ? std::vector<AnyValue>() : inputs.values();
  auto outputs = [&] {
    const nb::gil_scoped_release release;
    return inputs.all_views() ? session.run(inputs.views()) : session.evaluate(any);
  }();
  nb::list result;
  for (const AnyValue& value : take_or_raise(std::move(outputs))) result.append(to_python(value));
  return result;
}

// `into`: an array or None (not wanted) for each output.
void run_into(const Session& session, const nb::list& values, const nb::list& into, const nb::object& options) {
  const Terminable terminable(options);
  const Inputs inputs = read_inputs(session, values);
  if (!inputs.all_views()) raise(Error(ErrorCode::kInvalidArgument, "bound inputs must be tensors of numbers"));
  const std::span<const ValueInfo> infos = session.outputs();
  if (into.size() != infos.size()) {
    raise(Error(ErrorCode::kInvalidArgument, "the model gives " + std::to_string(infos.size()) +
                                                 " outputs, memory for " + std::to_string(into.size()) + " given"));
  }
  std::deque<Output> arrays;
  std::vector<MutableTensorView> views;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    if (into[i].is_none()) {
      views.emplace_back();
      continue;
    }
    Output array;
    if (!nb::try_cast(into[i], array, false)) {
      raise(Error(ErrorCode::kInvalidArgument,
                  "output '" + infos[i].name + "' needs a dense (C order), writable array on the CPU"));
    }
    arrays.push_back(std::move(array));
    views.push_back(writable_view(infos[i].name, infos[i].dtype, arrays.back()));
  }
  const Status status = [&] {
    const nb::gil_scoped_release release;
    return session.run(inputs.views(), views);
  }();
  take_or_raise(status);
}

// None for a size that depends on data; None as a whole where the rank is not known.
nb::list output_shapes(const Session& session, const std::vector<std::vector<std::int64_t>>& input_shapes) {
  const std::vector<Session::ShapeView> views(input_shapes.begin(), input_shapes.end());
  nb::list result;
  for (const auto& shape : take(session.output_shapes(views))) {
    if (!shape) {
      result.append(nb::none());
      continue;
    }
    nb::list sizes;
    for (const std::int64_t size : *shape) sizes.append(size < 0 ? nb::object(nb::none()) : nb::int_(size));
    result.append(sizes);
  }
  return result;
}

nb::list plan_steps(const PlanInfo& plan, const std::vector<StepProfile>& profile) {
  nb::list steps;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const StepInfo& info = plan.steps[i];
    nb::dict step;
    step["node"] = info.node;
    step["op"] = info.op;
    step["kernel"] = info.kernel;
    step["reason"] = info.reason;
    step["shape"] = info.shape;
    step["layout"] = info.layout;
    step["stage"] = info.stage;
    step["flops"] = info.flops;
    step["bytes"] = info.bytes;
    if (i < profile.size()) {
      step["runs"] = profile[i].runs;
      step["total_ns"] = profile[i].total_ns;
      step["min_ns"] = profile[i].min_ns;
    }
    steps.append(step);
  }
  return steps;
}

// One run in a context of its own with each step measured: (outputs, steps, [(step, thread, begin ns, end ns)]).
nb::tuple run_profiled(const Session& session, const nb::list& values, const nb::object& options) {
  const Terminable terminable(options);
  Inputs inputs = read_inputs(session, values);
  if (!inputs.all_views()) return nb::make_tuple(run(session, values, options), nb::list(), nb::list());
  RunContext context = session.new_context();
  for (std::size_t i = 0; i < inputs.views().size(); ++i) take(context.bind_input(i, inputs.views()[i]));
  const Status status = [&]() -> Status {
    const nb::gil_scoped_release release;
    if (Status made = context.prepare(); !made.ok()) return made;
    context.set_profiling(true);
    return context.run();
  }();
  take_or_raise(status);
  const nb::object copy =
      nb::module_::import_("copy").attr("deepcopy");  // the memory is the context's and goes with it
  nb::list outputs;
  for (std::size_t i = 0; i < session.outputs().size(); ++i) outputs.append(copy(to_python(take(context.output(i)))));
  nb::list spans;
  for (const StepSpan& span : context.spans())
    spans.append(nb::make_tuple(span.step, span.thread, span.begin_ns, span.end_ns));
  return nb::make_tuple(outputs, plan_steps(take(context.plan()), context.profile()), spans);
}

// Runs `runs` times in a context of its own with each step measured.
nb::list profile(const Session& session, const nb::list& values, int runs) {
  const Inputs inputs = read_inputs(session, values);
  if (!inputs.all_views()) raise(Error(ErrorCode::kInvalidArgument, "profiled inputs must be tensors of numbers"));
  RunContext context = session.new_context();
  for (std::size_t i = 0; i < inputs.views().size(); ++i) take(context.bind_input(i, inputs.views()[i]));
  take(context.prepare());
  context.set_profiling(true);
  const Status status = [&]() -> Status {
    const nb::gil_scoped_release release;
    for (int i = 0; i < runs; ++i) {
      if (Status one = context.run(); !one.ok()) return one;
    }
    return {};
  }();
  take_or_raise(status);
  return plan_steps(take(context.plan()), context.profile());
}

void bind_model(nb::module_& m) {
  nb::class_<ValueInfo>(m, "ValueInfo")
      .def_ro("name", &ValueInfo::name)
      .def_prop_ro("kind", [](const ValueInfo& info) { return std::string(kind_name(info.kind)); })
      .def_prop_ro("dtype", [](const ValueInfo& info) { return std::string(to_string(info.dtype)); })
      .def_ro("has_rank", &ValueInfo::has_rank)
      .def_prop_ro("shape", &shape_of)
      .def_ro("type", &ValueInfo::type);

  nb::class_<Model>(m, "Model")
      .def_static("load", &load_model, nb::arg("path"), nb::arg("overridden") = std::vector<std::string>())
      .def_static("from_bytes", &model_from_bytes, nb::arg("data"), nb::arg("base_dir") = "",
                  nb::arg("overridden") = std::vector<std::string>())
      .def_prop_ro("inputs",
                   [](const Model& model) { return std::vector(model.inputs().begin(), model.inputs().end()); })
      .def_prop_ro("outputs",
                   [](const Model& model) { return std::vector(model.outputs().begin(), model.outputs().end()); })
      .def_prop_ro("overridable_initializers",
                   [](const Model& model) {
                     return std::vector(model.overridable_initializers().begin(),
                                        model.overridable_initializers().end());
                   })
      .def_prop_ro("graph_name", &Model::graph_name)
      .def_prop_ro("producer_name", &Model::producer_name)
      .def_prop_ro("doc", &Model::doc)
      .def_prop_ro("domain", [](const Model& model) { return model.ir()->domain; })
      .def_prop_ro("version", [](const Model& model) { return model.ir()->model_version; })
      .def_prop_ro("opsets", &Model::opsets)
      .def_prop_ro("metadata", &Model::metadata)
      .def_prop_ro("node_count", &Model::node_count);
}

void bind_session(nb::module_& m) {
  const SessionOptions defaults;
  nb::class_<Session>(m, "Session")
      .def_static("create", &create_session, nb::arg("model"), nb::kw_only(), nb::arg("threads") = defaults.threads,
                  nb::arg("isa") = defaults.isa, nb::arg("denormals") = defaults.denormals,
                  nb::arg("strict") = defaults.strict, nb::arg("reference") = defaults.reference,
                  nb::arg("max_memory") = defaults.max_memory, nb::arg("timeout_ms") = defaults.timeout_ms,
                  nb::arg("max_plans") = defaults.max_plans, nb::arg("spin_microseconds") = defaults.spin_microseconds,
                  nb::arg("pin_threads") = defaults.pin_threads, nb::arg("tune") = defaults.tune,
                  nb::arg("tune_cache") = defaults.tune_cache,
                  nb::arg("tune_milliseconds") = defaults.tune_milliseconds)
      .def_prop_ro("inputs",
                   [](const Session& session) { return std::vector(session.inputs().begin(), session.inputs().end()); })
      .def_prop_ro(
          "outputs",
          [](const Session& session) { return std::vector(session.outputs().begin(), session.outputs().end()); })
      .def_prop_ro("threads", [](const Session& session) { return session.options().threads; })
      .def_prop_ro("isa", [](const Session& session) { return session.options().isa; })
      .def("run", &run, nb::arg("inputs"), nb::arg("options") = nb::none())
      .def("run_into", &run_into, nb::arg("inputs"), nb::arg("outputs"), nb::arg("options") = nb::none())
      .def("output_shapes", &output_shapes, nb::arg("input_shapes"))
      .def("profile", &profile, nb::arg("inputs"), nb::arg("runs"))
      .def("run_profiled", &run_profiled, nb::arg("inputs"), nb::arg("options") = nb::none())
      .def(
          "plan_text",
          [](const Session& session, const std::vector<std::vector<std::int64_t>>& input_shapes) {
            const std::vector<Session::ShapeView> views(input_shapes.begin(), input_shapes.end());
            return take(session.plan(views)).to_text();
          },
          nb::arg("input_shapes"));
}

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "Cycloid's models and sessions. Use cycloid.InferenceSession; this module may change between versions.";
  m.attr("version") = std::string(version());
  bind_model(m);
  bind_session(m);
  m.def("optimize", &optimize_model, nb::arg("model"));
  m.def("save_model", &save, nb::arg("model"), nb::arg("path"));
  m.def(
      "did_you_mean",
      [](const std::string& word, const std::vector<std::string>& names) { return did_you_mean(word, names); },
      nb::arg("word"), nb::arg("names"));
}

}  // namespace cycloid::python
