// Gemm and MatMul of float64 and of integers.
#include <algorithm>

#include "kernels/product/product.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/product_shape.h"

namespace cycloid {
namespace {

using kernels::ProductParams;
using kernels::ProductPlan;
using kernels::ProductType;

std::optional<ProductType> product_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat64: return ProductType::kFloat64;
    case DType::kInt32:
    case DType::kUInt32: return ProductType::kInt32;
    case DType::kInt64:
    case DType::kUInt64: return ProductType::kInt64;
    default: return {};
  }
}

// Matrices of a batch: matrix i begins at i * step elements, or where the table says.
struct Batch {
  std::int64_t step = 0;
  const std::int64_t* offsets = nullptr;
  std::int64_t at(std::int64_t i) const { return offsets != nullptr ? offsets[i] : i * step; }
};

// Packs matrix after matrix of a B that is computed in the run. A unit is a panel.
class PackStep final : public Step {
 public:
  PackStep(ProductPlan plan, Place b, Place packed)
      : plan_(std::move(plan)), b_(std::move(b)), packed_(std::move(packed)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::int64_t matrix = plan_.params.k * plan_.params.n * plan_.element_bytes();
    while (begin < end) {
      const std::int64_t i = begin / plan_.panels, first = begin % plan_.panels;
      const std::int64_t count = std::min(plan_.panels - first, end - begin);
      plan_.pack(context.at<const std::byte>(b_) + i * matrix,
                 context.at<std::byte>(packed_) + static_cast<std::size_t>(i) * plan_.packed_bytes(), first,
                 first + count);
      begin += count;
    }
  }

 private:
  ProductPlan plan_;
  Place b_, packed_;
};

struct ProductPlaces {
  Place a, packed, y;
  std::optional<Place> c;
};

class ProductStep final : public Step {
 public:
  ProductStep(ProductPlan plan, ProductPlaces places, Batch a, Batch b)
      : plan_(std::move(plan)), places_(std::move(places)), a_(a), b_(b) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::int64_t bytes = plan_.element_bytes(), units = plan_.units();
    const std::int64_t matrix = plan_.params.m * plan_.params.n * bytes;
    while (begin < end) {
      const std::int64_t i = begin / units, first = begin % units, count = std::min(units - first, end - begin);
      plan_.run(
          context.at<const std::byte>(places_.a) + a_.at(i) * bytes,
          context.at<const std::byte>(places_.packed) + b_.at(i) * static_cast<std::int64_t>(plan_.packed_bytes()),
          places_.c ? context.at<const std::byte>(*places_.c) : nullptr, context.at<std::byte>(places_.y) + i * matrix,
          first, first + count);
      begin += count;
    }
  }

 private:
  ProductPlan plan_;
  ProductPlaces places_;
  Batch a_, b_;  // b_: in packed matrices
};

struct TypedProduct {
  ProductParams params;
  ValueId a, b, c, y;
  Batch a_at;
  const std::int64_t* b_matrices = nullptr;  // by matrix of the batch; null: the one, or each its own
  std::int64_t batch = 1, matrices = 1;      // of the result, and of B
};

void emit(Lowering& lowering, NodeId id, const TypedProduct& product) {
  const ProductPlan plan = kernels::plan_product(product.params, lowering.options().isa);
  const auto bytes = static_cast<std::size_t>(product.matrices) * plan.packed_bytes();
  ProductPlaces places{.a = lowering.read(product.a, Layout::kRowMajor), .packed = {}, .y = {}, .c = {}};
  const Tensor* weights = lowering.constant(product.b);
  if (weights != nullptr) {
    std::byte* memory = lowering.constant_memory(bytes, places.packed.buffer);
    for (std::int64_t i = 0; i < product.matrices; ++i)
      plan.pack(weights->bytes() + i * plan.params.k * plan.params.n * plan.element_bytes(),
                memory + static_cast<std::size_t>(i) * plan.packed_bytes(), 0, plan.panels);
  } else {
    const Place b = lowering.read(product.b, Layout::kRowMajor);
    places.packed = lowering.temporary(DType::kUInt8, {static_cast<std::int64_t>(bytes)});
    Lowering::Draft pack{.nodes = {id}, .kernel = "product.pack", .reads = {b}, .writes = {places.packed}};
    pack.units = plan.panels * product.matrices;
    lowering.add(std::make_unique<PackStep>(plan, b, places.packed), std::move(pack));
  }
  if (product.c.valid()) places.c = lowering.read(product.c, Layout::kRowMajor);
  places.y = lowering.define(product.y, Layout::kRowMajor);
  Lowering::Draft draft{.nodes = {id}, .kernel = plan.name, .reads = {places.a}, .writes = {places.y}};
  if (weights == nullptr) draft.reads.push_back(places.packed);
  if (places.c) draft.reads.push_back(*places.c);
  draft.units = plan.units() * product.batch;
  draft.flops = 2.0 * static_cast<double>(product.batch) * static_cast<double>(plan.params.m) *
                static_cast<double>(plan.params.n) * static_cast<double>(plan.params.k);
  draft.bytes = weights != nullptr ? static_cast<double>(bytes) : 0;
  draft.speed = 0.4;  // a vector has half as many doubles as floats
  const Batch b{.step = product.matrices == 1 ? 0 : 1, .offsets = product.b_matrices};
  lowering.add(std::make_unique<ProductStep>(plan, std::move(places), product.a_at, b), std::move(draft));
}

}  // namespace

Declined lower_typed_gemm(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const auto type = product_type(lowering.dtype(node.inputs[0]));
  const Result<std::int64_t> trans_a = get_int(node, "transA", 0), trans_b = get_int(node, "transB", 0);
  const Result<float> alpha = get_float(node, "alpha", 1), beta = get_float(node, "beta", 1);
  if (!trans_a || !trans_b || !alpha || !beta) return "an attribute of another type";
  if (!type || lowering.dtype(node.inputs[1]) != lowering.dtype(node.inputs[0])) return "no kernel for this type";
  const Dims a = *lowering.dims(node.inputs[0]), y = *lowering.dims(node.outputs[0]);
  TypedProduct product{.params = {.type = *type,
                                  .m = y[0],
                                  .n = y[1],
                                  .k = a[*trans_a != 0 ? 0 : 1],
                                  .a_transposed = *trans_a != 0,
                                  .b_transposed = *trans_b != 0,
                                  .alpha = static_cast<double>(*alpha)},
                       .a = node.inputs[0],
                       .b = node.inputs[1],
                       .c = {},
                       .y = node.outputs[0],
                       .a_at = {}};
  ProductParams& params = product.params;
  if (params.k == 0) return "the inner size is 0";
  if (*type != ProductType::kFloat64 && *alpha != 1) return "a factor of integers";
  const ValueId c = node.inputs.size() > 2 ? node.inputs[2] : ValueId{};
  if (c.valid() && *beta != 0) {
    if (*beta != 1) return "a factor of C";
    Dims dims = *lowering.dims(c);
    dims.insert(dims.begin(), 2 - std::min<std::size_t>(dims.size(), 2), 1);
    params.c_step = dims[1] == 1 ? 0 : 1;
    params.c_row = dims[0] == 1 ? 0 : dims[1];
    product.c = c;
  }
  emit(lowering, id, product);
  return {};
}

Declined lower_typed_matmul(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const auto type = product_type(lowering.dtype(node.inputs[0]));
  if (!type || lowering.dtype(node.inputs[1]) != lowering.dtype(node.inputs[0])) return "no kernel for this type";
  ProductShape shape;
  if (Declined reason = find_product_shape(lowering, node.inputs[0], node.inputs[1], node.outputs[0], shape);
      !reason.empty())
    return reason;
  TypedProduct product{.params = {.type = *type, .m = shape.m, .n = shape.n, .k = shape.k},
                       .a = node.inputs[0],
                       .b = node.inputs[1],
                       .c = {},
                       .y = node.outputs[0],
                       .a_at = {.step = shape.a_step, .offsets = shape.a_offsets}};
  product.batch = shape.batch;
  const std::int64_t matrix = shape.k * shape.n;
  product.matrices = element_count(*lowering.dims(product.b)).value() / matrix;
  if (shape.b_offsets != nullptr) {
    BufferId buffer;
    auto* table = reinterpret_cast<std::int64_t*>(
        lowering.constant_memory(static_cast<std::size_t>(shape.batch) * sizeof(std::int64_t), buffer));
    for (std::int64_t i = 0; i < shape.batch; ++i) table[i] = shape.b_offsets[i] / matrix;
    product.b_matrices = table;
  }
  emit(lowering, id, product);
  return {};
}

}  // namespace cycloid
