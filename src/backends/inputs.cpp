#include "backends/inputs.h"

#include <algorithm>
#include <random>
#include <set>

#include "backends/file_names.h"
#include "base/error.h"
#include "graph/graph.h"
#include "onnx/reader.h"
#include "tensor/npy.h"

namespace cycloid {
namespace {

using Bindings = std::map<std::string, std::int64_t, std::less<>>;

// What the model says of an input.
struct Declared {
  std::string name;
  ValueType type;
};

std::string joined_names(const std::vector<Declared>& declared) {
  std::string names;
  for (const Declared& input : declared) names += (names.empty() ? "'" : ", '") + input.name + "'";
  return names.empty() ? "it has none" : "it has " + names;
}

// "1x3x?x?", a shape for the user to complete.
std::string shape_hint(const Shape& shape) {
  std::string text;
  for (const Dim& dim : shape) {
    if (!text.empty()) text += "x";
    text += dim.is_known() ? std::to_string(dim.value()) : "?";
  }
  return text.empty() ? "scalar" : text;
}

Status check_choice(const Declared& declared, DType dtype, const Dims& dims) {
  const auto wrong = [&](std::string_view what) {
    return invalid_argument("input '{}': {} {} is given where the model takes {}{}", declared.name, to_string(dtype),
                            to_string(dims), to_string(declared.type), what);
  };
  if (declared.type.dtype != DType::kUndefined && declared.type.dtype != dtype) return wrong("");
  if (!declared.type.shape) return {};
  const Shape& shape = *declared.type.shape;
  if (shape.size() != dims.size()) return wrong(fmt::format(" (rank {})", shape.size()));
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    if (shape[axis].is_known() && shape[axis].value() != dims[axis])
      return wrong(fmt::format(" (axis {} is fixed)", axis));
  }
  return {};
}

void bind_symbols(const Declared& declared, const Dims& dims, Bindings& bindings) {
  if (!declared.type.shape || declared.type.shape->size() != dims.size()) return;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    if (const auto symbol = (*declared.type.shape)[axis].as_symbol()) bindings.emplace(*symbol, dims[axis]);
  }
}

Result<Dims> resolve_shape(const Declared& declared, const Bindings& bindings) {
  if (!declared.type.shape) {
    return invalid_argument("input '{}' is {}, of unknown rank: say its shape, as in --input '{}=1x3x224x224'",
                            declared.name, to_string(declared.type), declared.name);
  }
  Dims dims;
  for (const Dim& dim : *declared.type.shape) {
    const auto value = dim.evaluate(bindings);
    if (!value || *value < 0) {
      return invalid_argument(
          "input '{}' is {}: the size '{}' is not fixed; say it, as in --input '{}={}' with a number for each ?",
          declared.name, to_string(declared.type), dim.to_string(), declared.name, shape_hint(*declared.type.shape));
    }
    dims.push_back(*value);
  }
  return dims;
}

class InputMaker {
 public:
  InputMaker(std::uint64_t seed, std::string folder) : seed_(seed), folder_(std::move(folder)) {}

  Status add_file(const std::string& name, const Tensor& tensor, const std::string& path) {
    values_.inputs.push_back({name, tensor.dtype(), tensor.dims(), path});
    return {};
  }
  Status add_random(const std::string& name, DType dtype, const Dims& dims, const std::optional<IndexRange>& range) {
    auto tensor = random_tensor(dtype, dims, range, name, seed_);
    if (!tensor) return tensor.error().in(fmt::format("input '{}'", name));
    const std::string path = folder_ + "/" + unique_file_name(name, taken_) + ".npy";
    CYCLOID_TRY(write_npy(path, *tensor));
    values_.inputs.push_back({name, dtype, dims, path});
    values_.random = true;
    return {};
  }
  InputValues take() { return std::move(values_); }

 private:
  std::uint64_t seed_;
  std::string folder_;
  std::set<std::string> taken_;
  InputValues values_;
};

// The choices with their files read, so that all of them have dims and a dtype.
struct Given {
  InputChoice choice;
  std::optional<Tensor> tensor;
};

Result<std::vector<Given>> read_choices(const std::vector<InputChoice>& choices) {
  std::vector<Given> all;
  for (const InputChoice& choice : choices) {
    for (const Given& other : all) {
      if (other.choice.name == choice.name) return invalid_argument("input '{}' is given twice", choice.name);
    }
    Given& given = all.emplace_back(Given{choice, std::nullopt});
    if (choice.path.empty()) continue;
    auto tensor = read_npy(choice.path, choice.dtype.value_or(DType::kUndefined));
    if (!tensor) return tensor.error().in(fmt::format("input '{}'", choice.name));
    given.choice.dims = tensor->dims();
    given.choice.dtype = tensor->dtype();
    given.tensor = *std::move(tensor);
  }
  return all;
}

Result<InputValues> inputs_of_callable(const std::string& model, const std::vector<Given>& given, InputMaker& maker) {
  if (given.empty()) {
    return invalid_argument(
        "{}: its inputs are not known; name each, in the order of forward()'s parameters: --input x=1x3x224x224",
        model);
  }
  for (const Given& input : given) {
    const InputChoice& choice = input.choice;
    if (input.tensor) {
      CYCLOID_TRY(maker.add_file(choice.name, *input.tensor, choice.path));
    } else {
      CYCLOID_TRY(maker.add_random(choice.name, choice.dtype.value_or(DType::kFloat32), choice.dims, std::nullopt));
    }
  }
  return maker.take();
}

Result<InputValues> inputs_of_onnx(const std::string& model, const std::vector<Given>& given, InputMaker& maker) {
  CYCLOID_ASSIGN(const ModelIr ir, onnx::read_model(model));
  std::vector<Declared> declared;
  for (const ValueId id : ir.graph.inputs()) declared.push_back({ir.graph.value(id).name, ir.graph.value(id).type});
  Bindings bindings;
  std::map<std::string, const Given*> by_name;
  for (const Given& input : given) {
    const auto at =
        std::find_if(declared.begin(), declared.end(), [&](const Declared& d) { return d.name == input.choice.name; });
    if (at == declared.end())
      return invalid_argument("{} has no input '{}'; {}", model, input.choice.name, joined_names(declared));
    CYCLOID_TRY(check_choice(*at, input.choice.dtype.value_or(at->type.dtype), input.choice.dims));
    bind_symbols(*at, input.choice.dims, bindings);
    by_name[input.choice.name] = &input;
  }
  const std::map<std::string, IndexRange> ranges = index_ranges(ir.graph);
  for (const Declared& input : declared) {
    const auto found = by_name.find(input.name);
    if (found != by_name.end() && found->second->tensor) {
      CYCLOID_TRY(maker.add_file(input.name, *found->second->tensor, found->second->choice.path));
      continue;
    }
    if (!input.type.is_tensor()) {
      return unsupported("input '{}' is {}; only tensors can be inputs of a measurement", input.name,
                         to_string(input.type));
    }
    Dims dims;
    if (found != by_name.end()) {
      dims = found->second->choice.dims;
    } else {
      CYCLOID_ASSIGN(dims, resolve_shape(input, bindings));
    }
    const auto range = ranges.find(input.name);
    CYCLOID_TRY(maker.add_random(input.name, input.type.dtype, dims,
                                 range == ranges.end() ? std::nullopt : std::optional(range->second)));
  }
  return maker.take();
}

// Operators whose output holds only values of their first input.
bool keeps_values(const Node& node) {
  static const std::set<std::string_view> kNames = {"Identity", "Cast",      "Reshape", "Squeeze", "Unsqueeze",
                                                    "Flatten",  "Transpose", "Expand",  "Slice",   "Split",
                                                    "Tile",     "Gather",    "CastLike"};
  return node.domain.empty() && kNames.contains(node.op_type);
}

class RangeFinder {
 public:
  // The smallest extent that `id` indexes, also within subgraphs.
  std::optional<std::int64_t> extent(const Graph& graph, ValueId id) {
    extent_.reset();
    follow(graph, id, 0);
    return extent_;
  }

 private:
  static constexpr int kMaxDepth = 64;  // of operators between the input and the index; beyond it nothing is claimed

  void note(std::optional<std::int64_t> size) {
    if (size && *size > 0) extent_ = std::min(extent_.value_or(*size), *size);
  }

  static std::optional<std::int64_t> dim(const Graph& graph, ValueId id, std::int64_t axis) {
    if (!id.valid()) return std::nullopt;
    const ValueType& type = graph.value(id).type;
    if (const Tensor* constant = graph.constant(id)) {
      if (axis < 0) axis += static_cast<std::int64_t>(constant->rank());
      if (axis < 0 || axis >= static_cast<std::int64_t>(constant->rank())) return std::nullopt;
      return constant->dim(static_cast<std::size_t>(axis));
    }
    if (!type.shape) return std::nullopt;
    if (axis < 0) axis += static_cast<std::int64_t>(type.shape->size());
    if (axis < 0 || axis >= static_cast<std::int64_t>(type.shape->size())) return std::nullopt;
    return (*type.shape)[static_cast<std::size_t>(axis)].known();
  }

  static std::int64_t axis_of(const Node& node) {
    const auto found = node.attributes.find("axis");
    const std::int64_t* axis = found == node.attributes.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
    return axis == nullptr ? 0 : *axis;
  }

  void use(const Graph& graph, const Node& node, std::uint32_t input) {
    const auto other = [&](std::size_t i) { return i < node.inputs.size() ? node.inputs[i] : ValueId{}; };
    if (node.domain.empty() && (node.op_type == "Gather" || node.op_type == "GatherElements") && input == 1) {
      note(dim(graph, other(0), axis_of(node)));
    } else if (node.domain.empty() && node.op_type == "GatherND" && input == 1) {
      note(dim(graph, other(0), 0));
    } else if (node.domain.empty() && node.op_type == "OneHot" && input == 0) {
      const Tensor* depth = graph.constant(other(1));
      if (depth != nullptr && depth->element_count() == 1 && is_integer(depth->dtype())) note(to_int64s(*depth)[0]);
    } else if (node.op_type == "EmbedLayerNormalization" &&
               input < 2) {  // com.microsoft: ids and segments, then their tables
      note(dim(graph, other(input == 0 ? 2 : 4), 0));
    }
  }

  void follow(const Graph& graph, ValueId id, int depth) {
    if (depth > kMaxDepth || !seen_.insert({&graph, id.index}).second) return;
    for (const Use& where : graph.value(id).uses) {
      const Node& node = graph.node(where.node);
      if (where.input == Use::kCaptured) {
        for_each_subgraph(node, [&](const std::string&, const Graph& body) {
          for (const ValueId capture : body.captures()) {
            if (body.value(capture).outer == id) follow(body, capture, depth + 1);
          }
        });
        continue;
      }
      use(graph, node, where.input);
      if (where.input != 0 || !keeps_values(node)) continue;
      for (const ValueId output : node.outputs) {
        if (output.valid()) follow(graph, output, depth + 1);
      }
    }
  }

  std::optional<std::int64_t> extent_;
  std::set<std::pair<const Graph*, std::uint32_t>> seen_;
};

// FNV-1a: the same everywhere, unlike std::hash.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

// [0, 1) with 24 bits, which float32 holds exactly.
double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 40) * 0x1p-24; }

}  // namespace

std::map<std::string, IndexRange> index_ranges(const Graph& graph) {
  std::map<std::string, IndexRange> ranges;
  for (const ValueId id : graph.inputs()) {
    const Value& value = graph.value(id);
    if (!value.type.is_tensor() || !is_integer(value.type.dtype)) continue;
    if (const auto extent = RangeFinder().extent(graph, id)) ranges[value.name] = {0, *extent};
  }
  return ranges;
}

Result<Tensor> random_tensor(DType dtype, const Dims& dims, const std::optional<IndexRange>& range,
                             const std::string& name, std::uint64_t seed) {
  if (dtype == DType::kString || dtype == DType::kUndefined) {
    return unsupported("{} elements cannot be drawn at random; give them with --input-data '{}=FILE.npy'",
                       to_string(dtype), name);
  }
  CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(dtype, dims));
  std::mt19937_64 random(seed * 0x9E3779B97F4A7C15U ^ hash_of(name));
  const bool narrow = dtype == DType::kInt8 || dtype == DType::kUInt8;
  const std::int64_t low = range ? range->low : dtype == DType::kInt8 ? -128 : 0;
  const std::int64_t high = range ? range->high : dtype == DType::kInt8 ? 128 : narrow ? 256 : 2;
  const auto fill = [&]<class T>(T, auto draw) {
    for (T& element : tensor.mutable_data<T>()) element = draw();
  };
  const bool done =
      dispatch<float, double>(dtype,
                              [&]<class T>(T zero) { fill(zero, [&] { return static_cast<T>(uniform(random)); }); }) ||
      dispatch<Float16>(dtype,
                        [&]<class T>(T zero) {
                          fill(zero, [&] { return to_float16(static_cast<float>(uniform(random)) * 0.999F); });
                        }) ||
      dispatch<BFloat16>(dtype,
                         [&]<class T>(T zero) {
                           fill(zero, [&] { return to_bfloat16(static_cast<float>(uniform(random)) * 0.996F); });
                         }) ||
      dispatch<std::complex<float>, std::complex<double>>(
          dtype,
          [&]<class T>(T zero) {
            fill(zero, [&] { return T(static_cast<typename T::value_type>(uniform(random)), 0); });
          }) ||
      dispatch<bool>(dtype, [&]<class T>(T zero) { fill(zero, [&] { return (random() >> 63) != 0; }); }) ||
      dispatch<std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t, std::uint32_t,
               std::uint64_t>(dtype, [&]<class T>(T zero) {
        const auto span = static_cast<std::uint64_t>(std::max<std::int64_t>(1, high - low));
        fill(zero, [&] { return static_cast<T>(low + static_cast<std::int64_t>(random() % span)); });
      });
  if (!done)
    return unsupported("{} elements cannot be drawn at random; give them with --input-data '{}=FILE.npy'",
                       to_string(dtype), name);
  return tensor;
}

Result<InputValues> make_inputs(const std::string& model, Form form, const std::vector<InputChoice>& choices,
                                std::uint64_t seed, const std::string& folder) {
  CYCLOID_ASSIGN(const std::vector<Given> given, read_choices(choices));
  InputMaker maker(seed, folder);
  return form == Form::kOnnx ? inputs_of_onnx(model, given, maker) : inputs_of_callable(model, given, maker);
}

}  // namespace cycloid
