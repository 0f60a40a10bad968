#include "backends/onnxruntime/partition.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "backends/onnxruntime/ort_library.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/temporary_folder.h"
#include "onnx/reader.h"
#include "ops/op.h"

namespace cycloid::ort {
namespace {

// What it costs that a node waits for one of another stream, in FLOPs: about 10 µs.
constexpr double kHandover = 1e6;

class Sessions {
 public:
  static Result<Sessions> open() {
    CYCLOID_ASSIGN(const Library library, open_library());
    OrtEnv* env = nullptr;
    CYCLOID_TRY(check(library.api, library.api(kCreateEnv, kLogError, "cycloid", &env)));
    Sessions sessions(library.api, env);
    CYCLOID_TRY(check(library.api, library.api(kDisableTelemetryEvents, env)));
    return sessions;
  }

  // Loads the model for parallel execution. `optimized`: where to save the graph that would run; `partition`: a file to
  // read. Either may be empty.
  Status load(const std::string& model, const std::string& optimized, const std::string& partition) const {
    OrtSessionOptions* raw = nullptr;
    CYCLOID_TRY(check(api_, api_(kCreateSessionOptions, &raw)));
    const auto options = own(api_, kReleaseSessionOptions, raw);
    CYCLOID_TRY(check(api_, api_(kSetGraphOptimizationLevel, raw, kAllOptimizations)));
    CYCLOID_TRY(check(api_, api_(kSetSessionExecutionMode, raw, kParallel)));
    CYCLOID_TRY(check(api_, api_(kSetIntraOpNumThreads, raw, 1)));
    if (!optimized.empty()) CYCLOID_TRY(check(api_, api_(kSetOptimizedModelFilePath, raw, optimized.c_str())));
    if (!partition.empty()) {
      CYCLOID_TRY(
          check(api_, api_(kAddSessionConfigEntry, raw, "session.node_partition_config_file", partition.c_str())));
    }
    OrtSession* session = nullptr;
    const Status status = check(api_, api_(kCreateSession, env_.get(), model.c_str(), raw, &session));
    if (!status) return status.error().in(model);
    own(api_, kReleaseSession, session);
    return {};
  }

 private:
  static constexpr int kAllOptimizations = 99;

  Sessions(Api api, OrtEnv* env) : api_(api), env_(own(api, kReleaseEnv, env)) {}

  Api api_;
  Owned<OrtEnv> env_;
};

// FLOPs where the operator and its sizes are known; else as many as its constants have elements.
double cost(const Graph& graph, const Node& node) {
  if (find_op(node.domain, node.op_type) != nullptr) {
    const Result<Cost> known = cost_of(graph, node);
    if (known && known->flops.known()) return static_cast<double>(*known->flops.known());
  }
  double elements = 0;
  for (const ValueId input : node.inputs) {
    const Tensor* tensor = input.valid() ? graph.constant(input) : nullptr;
    if (tensor != nullptr) elements += static_cast<double>(tensor->element_count());
  }
  return elements;
}

using Streams = std::vector<std::vector<std::string>>;

// What bodies capture counts as an input.
std::vector<ValueId> all_inputs(const Node& node, Streams& streams) {
  std::vector<ValueId> inputs = node.inputs;
  for_each_subgraph(node, [&](const std::string&, const Graph& body) {
    for (const ValueId capture : body.captures()) inputs.push_back(body.value(capture).outer);
    // Bodies have plans of their own, from the same file.
    for (const NodeId id : body.nodes()) {
      streams[0].push_back(body.node(id).name);
      all_inputs(body.node(id), streams);
    }
  });
  return inputs;
}

// List scheduling: in the order of the graph, each node goes to the stream in which it can begin first; to that of the
// producer it would wait for longest, where that is as good.
Streams schedule(const Graph& graph, int count) {
  struct Done {
    double at = 0;
    std::size_t stream = 0;
  };
  Streams streams(static_cast<std::size_t>(count));
  std::vector<double> free_at(streams.size());
  std::map<ValueId, Done> done;
  std::map<std::string, std::size_t> placed;  // nodes of one name, as those without, stay together
  for (const NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    const std::vector<ValueId> inputs = all_inputs(node, streams);
    std::size_t best = 0;
    double best_start = 0;
    for (std::size_t s = 0; s < streams.size(); ++s) {
      double start = free_at[s];
      for (const ValueId input : inputs) {
        const auto made = done.find(input);
        if (made != done.end()) start = std::max(start, made->second.at + (made->second.stream == s ? 0 : kHandover));
      }
      if (s == 0 || start < best_start) best = s, best_start = start;
    }
    const auto [place, fresh] = placed.try_emplace(node.name, best);
    best = place->second;
    if (fresh) streams[best].push_back(node.name);
    free_at[best] = std::max(best_start, free_at[best]) + cost(graph, node);
    for (const ValueId output : node.outputs) {
      if (output.valid()) done[output] = {free_at[best], best};
    }
  }
  std::erase_if(streams, [](const std::vector<std::string>& stream) { return stream.empty(); });
  return streams;
}

}  // namespace

Result<NodePartition> partition_nodes(const std::string& model_path, int streams) {
  CYCLOID_ASSIGN(const Sessions sessions, Sessions::open());
  CYCLOID_ASSIGN(const TemporaryFolder folder, TemporaryFolder::create());
  const std::string optimized = folder.path() + "/optimized.onnx", written = folder.path() + "/partition.json";
  CYCLOID_TRY(sessions.load(model_path, optimized, ""));
  CYCLOID_ASSIGN(const ModelIr model, onnx::read_model(optimized));
  const Streams names = schedule(model.graph, streams);
  NodePartition partition;
  for (const auto& stream : names) partition.nodes += stream.size();
  partition.streams = static_cast<int>(names.size());
  // A device for each stream; "0" is the processor.
  const nlohmann::json json = {
      {"type", "DeviceBasedPartitioner"}, {"devices", std::vector<std::string>(names.size(), "0")}, {"streams", names}};
  partition.json = json.dump(1) + "\n";
  CYCLOID_TRY(write_file_atomically(written, partition.json));
  CYCLOID_TRY(sessions.load(model_path, "", written));
  return partition;
}

}  // namespace cycloid::ort
