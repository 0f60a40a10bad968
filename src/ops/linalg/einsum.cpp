#include "ops/linalg/einsum.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/linalg/list.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// A term as letters, with '.' for the ellipsis.
Result<std::string> parse_term(std::string_view text) {
  std::string term;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_letter(text[i])) {
      term += text[i];
    } else if (text.substr(i, 3) == "...") {
      if (term.find('.') != std::string::npos) return invalid_model("the term '{}' has two ellipses", text);
      term += '.';
      i += 2;
    } else {
      return invalid_model("the term '{}' has the character '{}'", text, text[i]);
    }
  }
  return term;
}

struct Terms {
  std::vector<std::string> operands;
  std::optional<std::string> result;
};

Result<Terms> parse_terms(const std::string& equation) {
  std::string text;
  std::ranges::copy_if(equation, std::back_inserter(text), [](char c) { return c != ' '; });
  Terms terms;
  const std::size_t arrow = text.find("->");
  std::string left = text.substr(0, arrow);
  if (arrow != std::string::npos) {
    CYCLOID_ASSIGN(terms.result, parse_term(std::string_view(text).substr(arrow + 2)));
  }
  for (std::size_t begin = 0; begin <= left.size();) {
    const std::size_t end = std::min(left.find(',', begin), left.size());
    CYCLOID_ASSIGN(std::string term, parse_term(std::string_view(left).substr(begin, end - begin)));
    terms.operands.push_back(std::move(term));
    begin = end + 1;
  }
  return terms;
}

}  // namespace

Result<std::size_t> EinsumEquation::operand_count(const std::string& equation) {
  CYCLOID_ASSIGN(const Terms terms, parse_terms(equation));
  return terms.operands.size();
}

Result<EinsumEquation> EinsumEquation::parse(const std::string& equation, const std::vector<std::size_t>& ranks) {
  CYCLOID_ASSIGN(Terms terms, parse_terms(equation));
  if (terms.operands.size() != ranks.size()) {
    return invalid_model("the equation '{}' has {} operands, but Einsum {} inputs", equation, terms.operands.size(),
                         ranks.size());
  }
  // The axes an ellipsis stands for, the most of any operand; they align at their ends.
  std::size_t hidden = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const std::string& term = terms.operands[i];
    const bool ellipsis = term.find('.') != std::string::npos;
    const std::size_t letters = term.size() - (ellipsis ? 1 : 0);
    if (ranks[i] < letters || (!ellipsis && ranks[i] != letters)) {
      return invalid_argument("operand {} of '{}' has rank {}", i, equation, ranks[i]);
    }
    if (ellipsis) hidden = std::max(hidden, ranks[i] - letters);
  }
  if (!terms.result) {
    std::map<char, int> counts;
    for (const std::string& term : terms.operands) {
      for (const char c : term) ++counts[c];
    }
    terms.result = counts.contains('.') ? "." : "";
    for (const auto& [c, count] : counts) {
      if (c != '.' && count == 1) *terms.result += c;
    }
  }
  EinsumEquation made;
  std::map<std::string, std::size_t> labels;
  const auto label_of = [&](const std::string& name) {
    const auto [at, added] = labels.emplace(name, labels.size());
    if (added) made.broadcasts_.push_back(name.size() > 1);
    return at->second;
  };
  // Each letter is its own label; the axes of an ellipsis are ".0", ".1", ..., counted from the last.
  const auto expand = [&](const std::string& term, std::size_t dots, std::vector<std::size_t>& axes) {
    for (const char c : term) {
      if (c != '.') {
        axes.push_back(label_of(std::string(1, c)));
      } else {
        for (std::size_t i = dots; i-- > 0;) axes.push_back(label_of("." + std::to_string(i)));
      }
    }
  };
  std::vector<std::size_t> result;
  expand(*terms.result, hidden, result);
  made.result_rank = result.size();
  if (labels.size() != result.size()) return invalid_model("the result of '{}' has a letter twice", equation);
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    std::vector<std::size_t> axes;
    const std::string& term = terms.operands[i];
    expand(term, ranks[i] + 1 - std::min(term.size(), ranks[i] + 1), axes);
    made.operands.push_back(std::move(axes));
  }
  made.label_count = labels.size();
  for (std::size_t label = 0; label < made.result_rank; ++label) {
    const auto has = [label](const std::vector<std::size_t>& axes) {
      return std::ranges::find(axes, label) != axes.end();
    };
    if (!std::ranges::any_of(made.operands, has))
      return invalid_model("the result of '{}' has a letter that no operand has", equation);
  }
  return made;
}

Result<Shape> EinsumEquation::label_sizes(const std::vector<Shape>& shapes) const {
  std::vector<std::optional<Dim>> sizes(label_count);
  for (std::size_t i = 0; i < operands.size(); ++i) {
    for (std::size_t axis = 0; axis < operands[i].size(); ++axis) {
      auto& size = sizes[operands[i][axis]];
      const Dim& own = shapes[i][axis];
      if (!size) {
        size = own;
      } else if (broadcasts_[operands[i][axis]]) {
        CYCLOID_ASSIGN(size, broadcast(*size, own));
      } else {
        CYCLOID_TRY(check_equal(*size, own, "sizes of one letter"));
        size = known_of(*size, own);
      }
    }
  }
  Shape all;
  for (const auto& size : sizes) all.push_back(size.value_or(Dim(1)));
  return all;
}

namespace {

constexpr DTypeSet kTypes = kNumbers;

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const std::string equation, get_string(context.node(), "equation", ""));
  CYCLOID_ASSIGN(const std::size_t count, EinsumEquation::operand_count(equation));
  if (count != context.input_count())
    return invalid_model("'{}' has {} operands, but Einsum {} inputs", equation, count, context.input_count());
  CYCLOID_ASSIGN(const DType dtype, common_dtype(context));
  std::vector<Shape> shapes;
  std::vector<std::size_t> ranks;
  for (std::size_t i = 0; i < count; ++i) {
    CYCLOID_ASSIGN(const ValueType type, input_type(context, i, kTypes));
    if (!type.shape) continue;
    shapes.push_back(*type.shape);
    ranks.push_back(type.shape->size());
  }
  ValueType y = ValueType::tensor(dtype);
  if (shapes.size() == count) {
    CYCLOID_ASSIGN(const EinsumEquation parsed, EinsumEquation::parse(equation, ranks));
    CYCLOID_ASSIGN(Shape sizes, parsed.label_sizes(shapes));
    sizes.resize(parsed.result_rank);
    y.shape = std::move(sizes);
  }
  context.set_output(0, std::move(y));
  return {};
}

// For each label, the step in the operand's elements; 0 where the operand is broadcast along it or lacks it.
Dims label_strides(const std::vector<std::size_t>& axes, const Dims& dims, std::size_t labels) {
  const Dims own = strides_of(dims);
  Dims strides(labels, 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (dims[i] != 1) strides[axes[i]] += own[i];  // a repeated label walks the diagonal
  }
  return strides;
}

// The next index in row-major order; false after the last.
bool advance(Dims& index, const Dims& dims) {
  for (std::size_t axis = dims.size(); axis-- > 0;) {
    if (++index[axis] < dims[axis]) return true;
    index[axis] = 0;
  }
  return false;
}

template <class T>
void sum_products(const std::vector<Tensor>& operands, const std::vector<Dims>& strides, const Dims& kept,
                  const Dims& summed, Tensor& y) {
  using Sum = Accumulator<T>;
  std::vector<const T*> data;
  for (const Tensor& operand : operands) data.push_back(operand.data<T>().data());
  T* to = y.mutable_data<T>().data();
  unsigned turns = 0;
  bool stopped = false;
  for_each_index(kept, [&](const Dims& outer) {
    if (stopped) return;
    std::vector<std::int64_t> bases(operands.size(), 0);
    for (std::size_t p = 0; p < operands.size(); ++p) {
      for (std::size_t i = 0; i < outer.size(); ++i) bases[p] += outer[i] * strides[p][i];
    }
    Sum sum = 0;
    bool first = true;  // a sum of -0 is -0
    Dims inner(summed.size(), 0);
    for (bool more = std::ranges::find(summed, 0) == summed.end(); more; more = advance(inner, summed)) {
      if ((++turns & 1023U) == 0 && stopping()) {
        stopped = true;
        return;
      }
      Sum term = 1;
      for (std::size_t p = 0; p < operands.size(); ++p) {
        std::int64_t at = bases[p];
        for (std::size_t i = 0; i < inner.size(); ++i) at += inner[i] * strides[p][outer.size() + i];
        term *= static_cast<Sum>(data[p][at]);
      }
      sum = first ? term : sum + term;
      first = false;
    }
    *to++ = static_cast<T>(sum);
  });
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const std::string equation, get_string(context.node(), "equation", ""));
  std::vector<Tensor> operands;
  std::vector<Shape> shapes;
  std::vector<std::size_t> ranks;
  DType dtype = DType::kUndefined;
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, i, kTypes));
    if (i > 0 && tensor->dtype() != dtype) return invalid_argument("the operands of Einsum must have one type");
    dtype = tensor->dtype();
    CYCLOID_ASSIGN(Tensor wide, widened(*tensor));
    operands.push_back(std::move(wide));
    shapes.push_back(to_shape(tensor->dims()));
    ranks.push_back(tensor->rank());
  }
  CYCLOID_ASSIGN(const EinsumEquation parsed, EinsumEquation::parse(equation, ranks));
  CYCLOID_ASSIGN(const Shape sizes, parsed.label_sizes(shapes));
  CYCLOID_ASSIGN(const Dims all, concrete(sizes));
  const Dims kept(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(parsed.result_rank));
  const Dims summed(all.begin() + static_cast<std::ptrdiff_t>(parsed.result_rank), all.end());
  CYCLOID_TRY(check_fits(context, dtype, kept));
  std::vector<Dims> strides;
  for (std::size_t i = 0; i < operands.size(); ++i)
    strides.push_back(label_strides(parsed.operands[i], operands[i].dims(), parsed.label_count));
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(operands.empty() ? DType::kFloat32 : operands[0].dtype(), kept));
  dispatch<float, double, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t,
           std::uint32_t, std::uint64_t>(y.dtype(),
                                         [&]<class T>(T) { sum_products<T>(operands, strides, kept, summed, y); });
  CYCLOID_ASSIGN(Tensor result, narrowed(std::move(y), dtype));
  return outputs(std::move(result));
}

// A multiplication for each operand but the first and an addition, at every combination of the labels.
Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const std::string equation, get_string(node, "equation", ""));
  std::vector<Shape> shapes;
  std::vector<std::size_t> ranks;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const Shape* shape = input_shape(graph, node, i);
    if (shape == nullptr) return cost_with_flops(graph, node, Dim::unknown());
    shapes.push_back(*shape);
    ranks.push_back(shape->size());
  }
  CYCLOID_ASSIGN(const EinsumEquation parsed, EinsumEquation::parse(equation, ranks));
  CYCLOID_ASSIGN(const Shape sizes, parsed.label_sizes(shapes));
  return cost_with_flops(graph, node,
                         element_count(sizes) * static_cast<std::int64_t>(std::max<std::size_t>(shapes.size(), 1)));
}

}  // namespace

const Op kEinsum = {.domain = "",
                    .name = "Einsum",
                    .since = 12,
                    .min_inputs = 1,
                    .max_inputs = Op::kVariadic,
                    .infer = infer,
                    .evaluate = evaluate,
                    .cost = cost};

}  // namespace cycloid
