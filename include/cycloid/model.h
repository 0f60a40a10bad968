// Model: a trained model, read and checked, ready to make sessions of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cycloid/dtype.h"
#include "cycloid/export.h"
#include "cycloid/result.h"

namespace CYCLOID_API cycloid {

struct ModelIr;

// An input or output of a model.
struct ValueInfo {
  enum class Kind { kUnknown, kTensor, kSequence, kOptional, kMap };

  std::string name;
  Kind kind = Kind::kTensor;
  DType dtype = DType::kUndefined;  // of a tensor's elements; of a map's keys; kUndefined where unknown
  bool has_rank = false;            // of a tensor: whether `shape` means anything
  std::vector<std::int64_t> shape;  // -1: not fixed
  std::vector<std::string>
      symbols;  // as long as shape; the size's name or expression ("batch", "2*h"); "" where it is fixed or nameless
  std::string type;  // in words: "float[batch, 3, 224, 224]", "seq(map(int64, float))"
};

struct LoadOptions {
  // Names of overridable_initializers() whose value each run gives: they are inputs of the model then. All others are
  // constants, which plans fold and pack; so who overrides nothing pays nothing, and who does loads a second Model.
  std::vector<std::string> overridden;
};

// Immutable, and cheap to copy: copies share one model. Safe to use from several threads at once. Sessions keep what
// they need, so a Model may go before its sessions.
class Model {
 public:
  // Reads an ONNX file (a path in the native encoding). External data is read from the file's folder only.
  // Errors: kNotFound, kInvalidModel (broken or hostile file), kUnsupported (an operator, named with its node).
  static Result<Model> load(const std::string& path, const LoadOptions& options = {});
  // The same from memory, which is copied. `base_dir` is the folder of external data; where it is empty, there may be none.
  static Result<Model> from_bytes(std::span<const std::byte> bytes, const std::string& base_dir = {},
                                  const LoadOptions& options = {});

  Model(const Model&);
  Model(Model&&) noexcept;
  Model& operator=(const Model&);
  Model& operator=(Model&&) noexcept;
  ~Model();

  // In the model's order. Inputs that have an initializer are constants, unless LoadOptions::overridden names them.
  std::span<const ValueInfo> inputs() const;
  std::span<const ValueInfo> outputs() const;

  // The inputs that have an initializer, in the model's order, those overridden included. Of a model as it was loaded: an
  // optimised one has none.
  std::span<const ValueInfo> overridable_initializers() const;

  const std::string& graph_name() const;
  const std::string& producer_name() const;
  const std::string& doc() const;
  // Operator set versions by domain ("" is ai.onnx), of the normal form that the model was brought to.
  std::map<std::string, std::int64_t> opsets() const;
  std::map<std::string, std::string> metadata() const;
  // Nodes, those of subgraphs included.
  std::size_t node_count() const;

  // The version of ai.onnx of the file it came from; 0 where it came from none.
  std::int64_t source_opset() const;

  // For the library's own use.
  explicit Model(std::shared_ptr<const ModelIr> ir, std::int64_t source_opset = 0,
                 std::vector<ValueInfo> overridable_initializers = {});
  const std::shared_ptr<const ModelIr>& ir() const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace cycloid
