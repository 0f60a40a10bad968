// Op: all the library knows of one operator, in one place: its arity, how types and shapes follow, what it computes
// (reference evaluation, written for clarity) and what it costs.
//
// An operator is a folder-less pair of files ops/<family>/<op>.{h,cpp} that defines `extern const Op kConv;` and is named
// once in ops/op_list.cpp. Attributes that others need (rules, kernels) are parsed by a struct in the header:
// `struct ConvAttributes { static Result<ConvAttributes> parse(const Node&); ... };`.
// All functions here are pure: they may be called from several threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"
#include "ops/datum.h"
#include "ops/dtype_set.h"

namespace cycloid {

// What is known of an integer value before the model runs: its elements, known or symbolic, in row-major order (rank 0
// or 1). It carries sizes through Shape -> Gather -> Concat -> Reshape chains.
using ShapeData = std::vector<Dim>;

// What type inference of one node sees and says. Inputs that are absent have no type.
class InferContext {
 public:
  virtual ~InferContext() = default;

  virtual const Node& node() const = 0;
  std::size_t input_count() const { return node().inputs.size(); }
  std::size_t output_count() const { return node().outputs.size(); }

  // nullptr where the input is absent. Unknown parts of a type are left unknown, not guessed.
  virtual const ValueType* input(std::size_t i) const = 0;
  // The input's value where it is a constant, else nullptr.
  virtual const Tensor* constant(std::size_t i) const = 0;
  // The input's elements where it is an integer tensor of rank 0 or 1 whose elements are known or symbolic.
  virtual std::optional<ShapeData> shape_data(std::size_t i) const = 0;

  virtual void set_output(std::size_t i, ValueType type) = 0;
  virtual void set_shape_data(std::size_t i, ShapeData data) = 0;

  // Infers the subgraph attribute `name` under these types of its inputs, and gives the types of its outputs.
  virtual Result<std::vector<ValueType>> infer_subgraph(std::string_view name, std::span<const ValueType> inputs) = 0;

  // The version of the operator set of this node's domain.
  virtual std::int64_t opset() const = 0;
};

// What the reference evaluation of one node sees. Inputs are of the types that inference accepted, but shapes may be
// any: evaluation checks again what it relies on.
class EvalContext {
 public:
  virtual ~EvalContext() = default;

  virtual const Node& node() const = 0;
  std::size_t input_count() const { return node().inputs.size(); }
  std::size_t output_count() const { return node().outputs.size(); }
  virtual std::int64_t opset() const = 0;

  // nullptr where the optional input is absent.
  virtual const Datum* input(std::size_t i) const = 0;
  // The input's tensor; an error that names the input where it is absent or no tensor.
  Result<const Tensor*> tensor(std::size_t i) const;
  // The input's tensor, or nullptr where it is absent.
  const Tensor* optional_tensor(std::size_t i) const;

  virtual Result<std::vector<Datum>> run_subgraph(std::string_view name, std::span<const Datum> inputs) = 0;

  // The bytes that may still be allocated under the caller's limit.
  virtual std::size_t bytes_left() const { return SIZE_MAX; }
  // An uninitialised tensor for an output or a large temporary; an error where it would pass the limit. Operators
  // allocate what a model's data makes large through this, so that a hostile size is an error before it is memory.
  Result<Tensor> allocate(DType dtype, Dims dims) const;
};

// Floating-point operations (a multiply-add is two) and bytes read and written by one evaluation, from value types.
// Symbolic where shapes are. Data movement and comparisons count no FLOPs.
struct Cost {
  Dim flops = 0;
  Dim bytes = 0;
};

struct Op {
  std::string_view domain = {};  // "" is ai.onnx
  std::string_view name = {};
  // The versions of the operator this definition stands for: from `since` (the newest version whose meaning differs) on.
  // Import converts nodes of older versions (src/onnx/import).
  std::int64_t since = 1;

  static constexpr std::size_t kVariadic = SIZE_MAX;
  std::size_t min_inputs = 0;
  std::size_t max_inputs = 0;  // kVariadic: any number
  std::size_t min_outputs = 1;
  std::size_t max_outputs = 1;

  Status (*infer)(InferContext&) = nullptr;
  Result<std::vector<Datum>> (*evaluate)(EvalContext&) = nullptr;
  // nullptr: no FLOPs, bytes of all inputs and outputs.
  Result<Cost> (*cost)(const Graph&, const Node&) = nullptr;
  // Same inputs may give different outputs (RandomNormal, ...): never folded or merged.
  bool random = false;
  // The element types that input 0 may have, checked before infer() runs. Empty: any, or infer() checks.
  DTypeSet dtypes = {};
};

// The definition, or nullptr for an operator this build does not know.
const Op* find_op(std::string_view domain, std::string_view name);
// All definitions, sorted by domain and name.
std::span<const Op* const> all_ops();

// The newest ai.onnx operator set this build knows: the normal form every model is brought to.
inline constexpr std::int64_t kNewestOpset = 28;

// Runs type and shape inference over the graph and its subgraphs. An error names the node: an unknown operator, wrong
// arity, attributes, dtypes or shapes.
// What follows from the inputs wins over what the model declares of intermediate values, because files carry stale
// shapes (an edited batch size, a traced one): a declared type only fills in what inference left wholly unknown. A
// declared graph output of another dtype is an error; one of another rank or size is corrected, as in ONNX Runtime.
Status infer_types(ModelIr& model);

// The cost of a node, from the types in the graph. Unknown shapes give unknown Dims.
Result<Cost> cost_of(const Graph& graph, const Node& node);

// Bounds that keep a hostile model from taking the machine.
struct EvaluateLimits {
  std::size_t max_bytes = SIZE_MAX;        // of all live intermediate tensors
  std::int64_t max_node_runs = INT64_MAX;  // loops included
  // Compares every value with its inferred type, symbolic sizes included: for tests of the inference.
  bool check_types = false;
};

// The reference interpreter: runs the graph node by node, with the ops' reference evaluation. Inputs in the order of
// graph.inputs(). Checks them against the declared types. For correctness, not for speed.
Result<std::vector<Datum>> evaluate(const ModelIr& model, std::span<const Datum> inputs,
                                    const EvaluateLimits& limits = {});

// The reference evaluation of one node outside any graph (used by constant folding, tests and the native backend's
// fallback steps). `inputs` in the node's order, nullptr where absent; `captures` gives subgraphs' captured values.
Result<std::vector<Datum>> evaluate_node(const ModelIr& model, const Graph& graph, const Node& node,
                                         std::span<const Datum* const> inputs,
                                         const std::function<const Datum*(ValueId)>& captures,
                                         const EvaluateLimits& limits = {});

}  // namespace cycloid
