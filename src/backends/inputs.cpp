#include "backends/inputs.h"

#include <algorithm>
#include <set>

#include "backends/file_names.h"
#include "base/error.h"
#include "base/suggest.h"
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

// The model with those of its initializers as inputs that are given; the others' names go to `overridable`.
Result<ModelIr> read_with_given(const std::string& model, const std::vector<Given>& given,
                                std::vector<std::string>& overridable) {
  onnx::OverridableInputs inputs;
  CYCLOID_ASSIGN(ModelIr ir, onnx::read_model(model, &inputs));
  for (const auto& input : inputs.all) {
    const auto is_given = [&](const Given& one) { return one.choice.name == input.name; };
    if (std::ranges::any_of(given, is_given)) inputs.open.insert(input.name);
    overridable.push_back(input.name);
  }
  if (inputs.open.empty()) return ir;
  inputs.all.clear();
  return onnx::read_model(model, &inputs);
}

Result<InputValues> inputs_of_onnx(const std::string& model, const std::vector<Given>& given, InputMaker& maker) {
  std::vector<std::string> overridable;
  CYCLOID_ASSIGN(const ModelIr ir, read_with_given(model, given, overridable));
  std::vector<Declared> declared;
  for (const ValueId id : ir.graph.inputs()) declared.push_back({ir.graph.value(id).name, ir.graph.value(id).type});
  Bindings bindings;
  std::map<std::string, const Given*> by_name;
  for (const Given& input : given) {
    const auto at =
        std::find_if(declared.begin(), declared.end(), [&](const Declared& d) { return d.name == input.choice.name; });
    if (at == declared.end()) {
      std::vector<std::string> names = overridable;
      for (const Declared& d : declared) names.push_back(d.name);
      return invalid_argument("{} has no input '{}'{}; {}", model, input.choice.name,
                              did_you_mean(input.choice.name, names), joined_names(declared));
    }
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

}  // namespace

Result<InputValues> make_inputs(const std::string& model, Form form, const std::vector<InputChoice>& choices,
                                std::uint64_t seed, const std::string& folder) {
  CYCLOID_ASSIGN(const std::vector<Given> given, read_choices(choices));
  InputMaker maker(seed, folder);
  return form == Form::kOnnx ? inputs_of_onnx(model, given, maker) : inputs_of_callable(model, given, maker);
}

}  // namespace cycloid
