#include "backends/onnxruntime/onnxruntime_backend.h"

#include <algorithm>
#include <map>
#include <set>

#include "backends/bind.h"
#include "backends/onnxruntime/ort_library.h"
#include "backends/onnxruntime/ort_session.h"
#include "backends/options.h"
#include "base/error.h"

namespace cycloid {
namespace {

using namespace ort;  // NOLINT(google-build-using-namespace): this file is all about it

// The defaults are what is fastest in fp32 without changing results. Spinning is left as ONNX Runtime has it (on):
// threads then spin between the nodes of a run and for a moment after it, and the worker waits for that before it
// replies, so a turn of another worker is not disturbed. session.force_spinning_stop=1 gains nothing and makes each run
// wake its threads.
std::vector<OptionInfo> options() {
  return {
      {"optimization",
       "all",
       "graph optimisations: none, basic, extended, layout (adds layout changes) or all",
       {"none", "basic", "extended", "layout", "all"}},
      // Parallel mode runs branches beside one another through a second pool: the CPU provider has none to gain from it
      // at one or two threads.
      {"execution_mode",
       "sequential",
       "whether branches of the graph may run beside one another",
       {"sequential", "parallel"}},
      {"inter_op_threads", "1", "threads that run nodes beside one another, with execution_mode=parallel", {}},
      {"mem_pattern", "true", "plan one block of memory from the shapes of the first run", bool_choices()},
      {"arena", "true", "keep freed memory in an arena", bool_choices()},
      // Sizes known at load let constant folding remove shape arithmetic; a benchmark's sizes are known.
      {"static_shapes", "true", "tell the session the sizes that the model names only", bool_choices()},
      {"flush_denormals", "true", "treat subnormal floats as zero (session.set_denormal_as_zero)", bool_choices()},
      {"providers",
       "CPU",
       "execution providers, first choice first: CPU, CUDA, TensorRT or another that `facts` lists",
       {}},
      {"provider.*", "", "an option of a provider: provider.cuda.device_id=0", {}},
      {"session.*", "", "any configuration entry of the session: session.intra_op.allow_spinning=0", {}},
  };
}

int optimization_level(const std::string& text) {
  static const std::map<std::string, int> kLevels = {
      {"none", 0}, {"basic", 1}, {"extended", 2}, {"layout", 3}, {"all", 99}};
  return kLevels.at(text);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return text;
}

// "CUDA", "cuda" and "CUDAExecutionProvider" alike.
std::string short_name(std::string provider) {
  constexpr std::string_view kSuffix = "ExecutionProvider";
  if (provider.ends_with(kSuffix)) provider.resize(provider.size() - kSuffix.size());
  return provider;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    if (end > start) parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

Status append_cuda(const Api& api, OrtSessionOptions* session, In keys, In values, std::size_t count) {
  OrtCudaOptions* raw = nullptr;
  CYCLOID_TRY(check(api, api(kCreateCudaOptions, &raw)));
  const auto cuda = own(api, kReleaseCudaOptions, raw);
  if (count > 0) CYCLOID_TRY(check(api, api(kUpdateCudaOptions, raw, keys, values, count)));
  return check(api, api(kAppendCuda, session, raw));
}

Status append_tensorrt(const Api& api, OrtSessionOptions* session, In keys, In values, std::size_t count) {
  OrtTensorRtOptions* raw = nullptr;
  CYCLOID_TRY(check(api, api(kCreateTensorRtOptions, &raw)));
  const auto tensorrt = own(api, kReleaseTensorRtOptions, raw);
  if (count > 0) CYCLOID_TRY(check(api, api(kUpdateTensorRtOptions, raw, keys, values, count)));
  return check(api, api(kAppendTensorRt, session, raw));
}

Status append_providers(const Api& api, OrtSessionOptions* session, const Options& resolved) {
  CYCLOID_ASSIGN(const std::vector<std::string> available, available_providers(api));
  for (const std::string& wanted : split(resolved.text("providers"))) {
    const std::string name = lower(short_name(wanted));
    auto found = std::find_if(available.begin(), available.end(),
                              [&](const std::string& a) { return lower(short_name(a)) == name; });
    if (found == available.end()) {
      return make_error(ErrorCode::kUnavailable, "this ONNX Runtime has no execution provider '{}'; it has: {}", wanted,
                        fmt::join(available, ", "));
    }
    if (name == "cpu") continue;  // always there, always last
    const auto given = resolved.with_prefix("provider." + name + ".");
    std::vector<const char*> keys;
    std::vector<const char*> values;
    for (const auto& [key, value] : given) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
    if (name == "cuda") {
      CYCLOID_TRY(append_cuda(api, session, keys.data(), values.data(), keys.size()));
    } else if (name == "tensorrt") {
      CYCLOID_TRY(append_tensorrt(api, session, keys.data(), values.data(), keys.size()));
    } else {
      const std::string as_named = short_name(*found);
      CYCLOID_TRY(check(api, api(kAppendProvider, session, as_named.c_str(), keys.data(), values.data(), keys.size())));
    }
  }
  return {};
}

Result<int> thread_count(const std::string& name, const std::string& text) {
  int count = 0;
  for (char c : text) count = c >= '0' && c <= '9' && count < 10000 ? count * 10 + (c - '0') : 1'000'000;
  if (text.empty() || count < 1 || count > 4096) {
    return invalid_argument("backend 'onnxruntime': {}={} is not a number of threads from 1 to 4096", name, text);
  }
  return count;
}

Result<Owned<OrtSessionOptions>> session_options(const Api& api, const Options& resolved, int threads) {
  OrtSessionOptions* raw = nullptr;
  CYCLOID_TRY(check(api, api(kCreateSessionOptions, &raw)));
  auto session = own(api, kReleaseSessionOptions, raw);
  const bool parallel = resolved.text("execution_mode") == "parallel";
  CYCLOID_ASSIGN(const int inter_op, thread_count("inter_op_threads", resolved.text("inter_op_threads")));
  CYCLOID_TRY(check(api, api(kSetGraphOptimizationLevel, raw, optimization_level(resolved.text("optimization")))));
  CYCLOID_TRY(check(api, api(kSetSessionExecutionMode, raw, parallel ? kParallel : kSequential)));
  CYCLOID_TRY(check(api, api(kSetIntraOpNumThreads, raw, threads)));
  CYCLOID_TRY(check(api, api(kSetInterOpNumThreads, raw, inter_op)));
  CYCLOID_TRY(check(api, api(resolved.flag("mem_pattern") ? kEnableMemPattern : kDisableMemPattern, raw)));
  CYCLOID_TRY(check(api, api(resolved.flag("arena") ? kEnableCpuMemArena : kDisableCpuMemArena, raw)));
  const char* flush = resolved.flag("flush_denormals") ? "1" : "0";
  CYCLOID_TRY(check(api, api(kAddSessionConfigEntry, raw, "session.set_denormal_as_zero", flush)));
  for (const auto& [key, value] : resolved.with_prefix("session.")) {
    CYCLOID_TRY(check(api, api(kAddSessionConfigEntry, raw, ("session." + key).c_str(), value.c_str())));
  }
  CYCLOID_TRY(append_providers(api, raw, resolved));
  return session;
}

// The sizes that the inputs give to the model's symbols; empty where a symbol would need two.
std::map<std::string, std::int64_t> sizes_of_symbols(const Signature& signature,
                                                     const std::vector<NamedTensor>& inputs) {
  std::map<std::string, std::int64_t> sizes;
  for (std::size_t i = 0; i < signature.symbols.size(); ++i) {
    const auto [input, axis] = signature.symbol_places[i];
    for (const NamedTensor& given : inputs) {
      if (given.name != signature.inputs[input].name || given.tensor.rank() <= axis) continue;
      const auto [place, is_new] = sizes.emplace(signature.symbols[i], given.tensor.dim(axis));
      if (!is_new && place->second != given.tensor.dim(axis)) return {};
    }
  }
  return sizes;
}

Result<Owned<OrtSession>> create_session(const Api& api, const OrtEnv* env, const std::string& model,
                                         const OrtSessionOptions* session) {
  OrtSession* raw = nullptr;
  Status status = check(api, api(kCreateSession, env, model.c_str(), session, &raw));
  if (!status) return of_model(status.error(), model);
  return own(api, kReleaseSession, raw);
}

}  // namespace

Probe OnnxRuntimeBackend::probe() const {
  Probe probe;
  Result<Library> library = open_library();
  if (!library) {
    probe.reason = library.error().message();
    probe.remedy = "pip install onnxruntime, or set CYCLOID_ONNXRUNTIME to a libonnxruntime.so";
    return probe;
  }
  probe.available = true;
  probe.version = library->version;
  probe.options = options();
  probe.facts.emplace_back("library", library->path);
  probe.facts.emplace_back("build", library->api(kGetBuildInfoString));
  if (auto providers = available_providers(library->api)) {
    probe.facts.emplace_back("providers", fmt::format("{}", fmt::join(*providers, ", ")));
  }
  return probe;
}

Result<std::unique_ptr<BackendSession>> OnnxRuntimeBackend::load(const LoadRequest& request) const {
  CYCLOID_ASSIGN(const Library library, open_library());
  const Api& api = library.api;
  CYCLOID_ASSIGN(const Options resolved, Options::resolve(name(), options(), request.options));
  OrtEnv* raw_env = nullptr;
  CYCLOID_TRY(check(api, api(kCreateEnv, kLogError, "cycloid", &raw_env)));
  auto env = own(api, kReleaseEnv, raw_env);
  CYCLOID_TRY(check(api, api(kDisableTelemetryEvents, env.get())));
  OrtAllocator* allocator = nullptr;
  CYCLOID_TRY(check(api, api(kGetAllocatorWithDefaultOptions, &allocator)));

  CYCLOID_ASSIGN(Owned<OrtSessionOptions> with, session_options(api, resolved, request.threads));
  CYCLOID_ASSIGN(Owned<OrtSession> session, create_session(api, env.get(), request.model, with.get()));
  CYCLOID_ASSIGN(Signature signature, read_signature(api, allocator, session.get(), request.inputs));

  std::map<std::string, std::string> settings = resolved.all();
  settings["threads"] = std::to_string(request.threads);
  const auto sizes = resolved.flag("static_shapes") ? sizes_of_symbols(signature, request.inputs)
                                                    : std::map<std::string, std::int64_t>();
  if (!sizes.empty()) {
    for (const auto& [symbol, size] : sizes) {
      CYCLOID_TRY(check(api, api(kAddFreeDimensionOverrideByName, with.get(), symbol.c_str(), size)));
    }
    // A model whose annotations are wrong loads only without them.
    if (auto fixed = create_session(api, env.get(), request.model, with.get())) {
      session = *std::move(fixed);
    } else {
      settings["static_shapes"] = "declined: " + fixed.error().message();
    }
  }
  auto loaded = std::make_unique<Session>(library, std::move(env), std::move(session), allocator, std::move(signature),
                                          std::move(settings));
  CYCLOID_TRY(loaded->prepare());
  CYCLOID_TRY(loaded->set_inputs(request.inputs));
  return std::unique_ptr<BackendSession>(std::move(loaded));
}

}  // namespace cycloid
