// cast(cast(x, a), b) => cast(x, b) where every value of x's type is one of a's
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Cast"};

struct Numbers {
  int bits = 0;  // of the integer without its sign, or of the fraction with its hidden bit
  bool is_signed = false;
  bool is_float = false;
  int exponent = 0;  // of a float: bits of the exponent
};

std::optional<Numbers> numbers(DType dtype) {
  switch (dtype) {
    case DType::kBool: return Numbers{1};
    case DType::kUInt8: return Numbers{8};
    case DType::kUInt16: return Numbers{16};
    case DType::kUInt32: return Numbers{32};
    case DType::kUInt64: return Numbers{64};
    case DType::kInt8: return Numbers{7, true};
    case DType::kInt16: return Numbers{15, true};
    case DType::kInt32: return Numbers{31, true};
    case DType::kInt64: return Numbers{63, true};
    case DType::kFloat16: return Numbers{11, true, true, 5};
    case DType::kBFloat16: return Numbers{8, true, true, 8};
    case DType::kFloat32: return Numbers{24, true, true, 8};
    case DType::kFloat64: return Numbers{53, true, true, 11};
    default: return std::nullopt;
  }
}

// Every value of `from` is a value of `to`.
bool widens(DType from, DType to) {
  const auto a = numbers(from);
  const auto b = numbers(to);
  if (!a || !b || to == DType::kBool) return false;
  if (a->is_float) return b->is_float && b->bits >= a->bits && b->exponent >= a->exponent;
  if (a->is_signed && !b->is_signed) return false;
  // The largest integer, 2^bits, must also be within the float's range: float16 ends at 2^16.
  return b->bits >= a->bits && (!b->is_float || b->exponent > 5 || a->bits <= 11);
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& outer = context.graph.node(root);
  const Node* inner = context.producer(outer.inputs[0], "Cast");
  if (inner == nullptr) return std::nullopt;
  const DType first = context.dtype(inner->inputs[0]);
  const DType last = context.dtype(outer.outputs[0]);
  if (!widens(first, context.dtype(outer.inputs[0])) || !numbers(last)) return std::nullopt;
  Patch patch;
  if (first == last) {
    patch.replace(outer.outputs[0], inner->inputs[0]);
  } else {
    patch.replace(outer.outputs[0], patch.node("Cast", {inner->inputs[0]}, outer.attributes));
  }
  return patch;
}

}  // namespace

const Rule kComposeCasts = {
    .name = "compose-casts",
    .law = "cast(cast(x, a), b) => cast(x, b) where a holds every value of x's type",
    .why = "The first cast changes no value, so the second finds what it would have found without it.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
