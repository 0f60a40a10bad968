#include "ops/sample_inputs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

#include "base/error.h"

namespace cycloid {
namespace {

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

// What kSpecial strews among floats.
template <class T>
void strew_special(std::span<T> elements, std::mt19937_64& random) {
  using Limits = std::numeric_limits<T>;
  const T values[] = {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(), T(-0.0), T(0),
                      Limits::denorm_min()};
  std::size_t next = random() % std::size(values);
  for (T& element : elements) {
    if (random() % 8 == 0) element = values[next++ % std::size(values)];
  }
  if (!elements.empty()) elements[random() % elements.size()] = values[next % std::size(values)];
}

template <class T>
void strew_extremes(std::span<T> elements, std::mt19937_64& random) {
  const T values[] = {std::numeric_limits<T>::max(), std::numeric_limits<T>::lowest(), T(0), static_cast<T>(-1)};
  for (T& element : elements) {
    if (random() % 4 == 0) element = values[random() % std::size(values)];
  }
}

// Standard normal by Box and Muller's transform: the distributions of <random> differ between libraries.
double normal(std::mt19937_64& random) {
  const double radius = std::sqrt(-2 * std::log(1 - uniform(random)));
  return radius * std::cos(2 * 3.14159265358979323846 * uniform(random));
}

void make_special(Tensor& tensor, bool indexes, std::mt19937_64& random) {
  (void)(dispatch<float, double>(tensor.dtype(),
                                 [&]<class T>(T) { strew_special<T>(tensor.mutable_data<T>(), random); }) ||
         dispatch<Float16, BFloat16>(tensor.dtype(),
                                     [&]<class T>(T) {
                                       std::vector<float> values(tensor.mutable_data<T>().size());
                                       std::ranges::transform(tensor.mutable_data<T>(), values.begin(),
                                                              [](T x) { return to_float(x); });
                                       strew_special<float>(values, random);
                                       std::ranges::transform(values, tensor.mutable_data<T>().begin(), [](float x) {
                                         if constexpr (std::is_same_v<T, Float16>) {
                                           return to_float16(x);
                                         } else {
                                           return to_bfloat16(x);
                                         }
                                       });
                                     }) ||
         (!indexes && dispatch<std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t,
                               std::uint32_t, std::uint64_t>(
                          tensor.dtype(), [&]<class T>(T) { strew_extremes<T>(tensor.mutable_data<T>(), random); })));
}

// Floats of [0, 1) become normal ones; other types stay.
void make_normal(Tensor& tensor, std::mt19937_64& random) {
  (void)(dispatch<float, double>(tensor.dtype(),
                                 [&]<class T>(T) {
                                   for (T& x : tensor.mutable_data<T>()) x = static_cast<T>(normal(random));
                                 }) ||
         dispatch<Float16>(tensor.dtype(),
                           [&]<class T>(T) {
                             for (T& x : tensor.mutable_data<T>()) x = to_float16(static_cast<float>(normal(random)));
                           }) ||
         dispatch<BFloat16>(tensor.dtype(), [&]<class T>(T) {
           for (T& x : tensor.mutable_data<T>()) x = to_bfloat16(static_cast<float>(normal(random)));
         }));
}

void make_zeros(Tensor& tensor) {
  (void)dispatch<float, double>(tensor.dtype(), [&]<class T>(T) {
    bool negative = false;
    for (T& x : tensor.mutable_data<T>()) {
      x = negative ? T(-0.0) : T(0);
      negative = !negative;
    }
  });
}

Result<Tensor> sample_tensor(const Value& value, const Dims& dims, SampleKind kind,
                             const std::optional<IndexRange>& range, std::uint64_t seed) {
  if (kind == SampleKind::kZeros) {
    CYCLOID_ASSIGN(Tensor zeros, Tensor::zeros(value.type.dtype, dims));
    make_zeros(zeros);
    return zeros;
  }
  CYCLOID_ASSIGN(Tensor tensor, random_tensor(value.type.dtype, dims, range, value.name, seed));
  std::mt19937_64 random(seed * 0x9E3779B97F4A7C15U ^ hash_of(value.name + "\n"));
  if (kind != SampleKind::kUniform) make_normal(tensor, random);
  if (kind == SampleKind::kSpecial) make_special(tensor, range.has_value(), random);
  return tensor;
}

// A size of which nothing is known; of an input's shape, as models leave it without a name.
bool is_unnamed(const Dim& dim) {
  const std::string text = dim.to_string();
  return text.starts_with('?') && text.find(' ') == std::string::npos;
}

// Stands for such a size.
std::string unnamed(const Graph& graph, ValueId id, std::size_t axis) {
  return fmt::format("{} {}", graph.value(id).name, axis);
}

// Each symbol of the inputs' shapes with the axis it stands in first.
std::vector<std::pair<std::string, std::size_t>> symbol_axes(const Graph& graph) {
  std::vector<std::pair<std::string, std::size_t>> found;
  for (const ValueId id : graph.inputs()) {
    const ValueType& type = graph.value(id).type;
    if (!type.is_tensor() || !type.shape) continue;
    for (std::size_t axis = 0; axis < type.shape->size(); ++axis) {
      const Dim& dim = (*type.shape)[axis];
      const auto symbol = is_unnamed(dim) ? std::optional(unnamed(graph, id, axis)) : dim.as_symbol();
      if (!symbol) continue;
      const bool known = std::ranges::any_of(found, [&](const auto& other) { return other.first == *symbol; });
      if (!known) found.emplace_back(*symbol, axis);
    }
  }
  return found;
}

// The constants that an integer is compared with by Equal, itself or another type's.
std::vector<std::int64_t> compared_with(const Graph& graph, ValueId id, int depth = 0) {
  constexpr int kMaxDepth = 64;
  std::vector<std::int64_t> constants;
  for (const Use& use : graph.value(id).uses) {
    const Node& node = graph.node(use.node);
    if (use.input == Use::kCaptured || !node.domain.empty()) continue;
    if (keeps_values(node) && use.input == 0 && depth < kMaxDepth && node.outputs[0].valid()) {
      for (const std::int64_t k : compared_with(graph, node.outputs[0], depth + 1)) constants.push_back(k);
    }
    if (node.op_type != "Equal") continue;
    const Tensor* constant = graph.constant(node.inputs[1 - use.input]);
    if (constant == nullptr || !is_integer(constant->dtype()) || constant->element_count() != 1) continue;
    constants.push_back(to_int64s(*constant)[0]);
  }
  return constants;
}

void choose_compared(const Graph& graph, ValueId id, std::uint64_t seed, Tensor& tensor) {
  if (!is_integer(tensor.dtype()) || tensor.element_count() != 1) return;
  const std::vector<std::int64_t> constants = compared_with(graph, id);
  if (constants.empty()) return;
  const std::int64_t chosen = constants[seed % constants.size()];
  (void)dispatch<std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t, std::uint32_t,
                 std::uint64_t>(tensor.dtype(),
                                [&]<class T>(T) { tensor.mutable_data<T>()[0] = static_cast<T>(chosen); });
}

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

std::vector<std::string> inner_symbols(const Graph& graph) {
  std::vector<std::string> inner;
  for (const auto& [symbol, axis] : symbol_axes(graph)) {
    if (axis != 0) inner.push_back(symbol);
  }
  return inner;
}

Result<std::vector<Datum>> sample_inputs(const Graph& graph, SampleKind kind, std::int64_t size,
                                         std::int64_t inner_size, std::uint64_t seed, const std::string& long_symbol) {
  std::map<std::string, std::int64_t, std::less<>> symbols;
  for (const auto& [symbol, axis] : symbol_axes(graph)) {
    const bool is_long = long_symbol.empty() ? axis != 0 : symbol == long_symbol;
    symbols.emplace(symbol, is_long ? inner_size : size);
  }
  const std::map<std::string, IndexRange> ranges = index_ranges(graph);
  std::vector<Datum> inputs;
  for (const ValueId id : graph.inputs()) {
    const Value& value = graph.value(id);
    if (!value.type.is_tensor() || !value.type.shape || value.type.dtype == DType::kUndefined) {
      return unsupported("no values can be drawn for the input '{}', which is {}", value.name, to_string(value.type));
    }
    Dims dims;
    for (std::size_t axis = 0; axis < value.type.shape->size(); ++axis) {
      const Dim& dim = (*value.type.shape)[axis];
      const auto known = is_unnamed(dim) ? symbols.at(unnamed(graph, id, axis)) : dim.evaluate(symbols);
      dims.push_back(known.value_or(axis == 0 || !long_symbol.empty() ? size : inner_size));
      if (dims.back() < 0)
        return unsupported("the size '{}' of input '{}' would be negative", dim.to_string(), value.name);
    }
    const auto range = ranges.find(value.name);
    auto tensor =
        sample_tensor(value, dims, kind, range == ranges.end() ? std::nullopt : std::optional(range->second), seed);
    if (!tensor) return tensor.error().in(fmt::format("input '{}'", value.name));
    if (kind == SampleKind::kUniform || kind == SampleKind::kNormal) choose_compared(graph, id, seed, *tensor);
    inputs.emplace_back(*std::move(tensor));
  }
  return inputs;
}

}  // namespace cycloid
