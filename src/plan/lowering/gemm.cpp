// Gemm and MatMul.
#include "kernels/gemm/gemm.h"

#include <algorithm>

#include "kernels/conv/conv.h"
#include "plan/lowering/conv_step.h"
#include "plan/lowering/epilogue.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/product.h"
#include "plan/lowering/product_shape.h"
#include "plan/tune/tuner.h"
#include "plan/weight_bytes.h"

namespace cycloid {
namespace {

using kernels::GemmArgs;
using kernels::GemmParams;
using kernels::GemmPlan;

struct GemmPlaces {
  Place a, c;
  std::optional<Place> b, bias, residual;
};

class GemmStep final : public Step {
 public:
  GemmStep(GemmPlan plan, GemmPlaces places, const void* packed)
      : plan_(std::move(plan)), places_(std::move(places)), packed_(packed) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const auto at = [&](const std::optional<Place>& place) {
      return place ? context.at<const float>(*place) : nullptr;
    };
    const GemmArgs args{.a = context.at<const float>(places_.a),
                        .b = at(places_.b),
                        .bias = at(places_.bias),
                        .residual = at(places_.residual),
                        .packed = packed_,
                        .c = context.at<float>(places_.c),
                        .scratch = context.scratch};
    plan_.run(args, begin, end);
  }

 private:
  GemmPlan plan_;
  GemmPlaces places_;
  const void* packed_;
};

// The product on tiles of bfloat16, as a pointwise convolution whose pixels are the rows of A; nullopt where it is none, or vectors
// are faster by estimate.
std::optional<kernels::ConvPlan> choose_tiles(const Lowering& lowering, const GemmParams& params) {
  const bool one_matrix = params.batch == 1 || (params.a_step == params.m * params.k && params.a_offsets == nullptr);
  if (!params.b_constant || !one_matrix || params.a_transposed || params.alpha != 1) return std::nullopt;
  kernels::ConvParams conv;
  conv.in_w = conv.out_w = params.batch * params.m;
  conv.in_c = params.k;
  conv.out_c = params.n;
  conv.activation = params.activation;
  conv.has_residual = params.has_residual;
  conv.residual_last = params.residual_last;
  conv.strict = true;  // as products are
  conv.subnormals = lowering.options().subnormals;
  conv.weights_far = weights_are_far(lowering.graph());
  const auto selection = kernels::select_conv(conv, lowering.options().isa);
  const auto* plan = std::get_if<kernels::ConvPlan>(&selection);
  if (plan == nullptr || plan->parts == 0) return std::nullopt;
  // Chosen for one thread, so that products have the same bits for any number.
  conv.threads = params.threads;
  return std::get<kernels::ConvPlan>(kernels::configure_conv(*plan->kernel, conv));
}

// A product to be lowered: what Gemm and MatMul have in common.
struct Product {
  explicit Product(const Node& node) : a(node.inputs[0]), b(node.inputs[1]), output(node.outputs[0]) {}

  GemmParams params;
  ValueId a, b;
  ValueId bias;                  // [n]; invalid: none
  std::optional<Tensor> folded;  // a bias made at plan time instead
  std::vector<NodeId> nodes;
  ValueId output;
};

// y = product + c with a row c: into the bias.
void take_bias(Lowering& lowering, Product& product) {
  const NodeId user = lowering.only_user(product.output);
  if (!user.valid() || product.bias.valid() || product.folded) return;
  const Node& add = lowering.graph().node(user);
  if (!add.domain.empty() || add.op_type != "Add") return;
  const ValueId other = add.inputs[0] == product.output ? add.inputs[1] : add.inputs[0];
  const Dims* dims = lowering.dims(other);
  const Dims* result = lowering.dims(add.outputs[0]);
  if (other == product.output || dims == nullptr || result == nullptr || *result != *lowering.dims(product.output) ||
      !lowering.is_float(other) || !lowering.available(other))
    return;
  if (!is_row(*dims, product.params.n)) return;
  product.bias = other;
  product.nodes.push_back(user);
  product.output = add.outputs[0];
}

void add_tiled(Lowering& lowering, const Product& product, const GemmParams& params, const kernels::ConvPlan& plan,
               const Tensor& weights, const Tensor* bias, const GemmPlaces& places) {
  const std::span<const float> b = weights.data<float>();
  std::vector<float> transposed;
  if (!params.b_transposed) {
    transposed.resize(b.size());
    for (std::int64_t i = 0; i < params.k; ++i) {
      for (std::int64_t j = 0; j < params.n; ++j)
        transposed[static_cast<std::size_t>(j * params.k + i)] = b[static_cast<std::size_t>(i * params.n + j)];
    }
  }
  BufferId buffer;
  std::byte* packed = lowering.constant_memory(plan.packed_bytes, buffer);
  plan.pack(params.b_transposed ? b.data() : transposed.data(), bias == nullptr ? nullptr : bias->data<float>().data(),
            packed);
  Lowering::Draft draft;
  draft.nodes = product.nodes;
  draft.kernel = "gemm.bf16x3.avx512";
  draft.reads = {places.a};
  if (places.residual) draft.reads.push_back(*places.residual);
  draft.writes = {places.c};
  draft.units = plan.units;
  draft.scratch_bytes = plan.scratch_bytes;
  draft.flops = params.flops();
  draft.arithmetic = kernels::conv_arithmetic(plan);
  draft.bytes = static_cast<double>(plan.packed_bytes);
  draft.cost_ns = kernels::conv_cost_ns(plan);
  draft.range_ns = kernels::conv_range_cost_ns(plan);
  lowering.add(std::make_unique<ConvStep<kernels::ConvPlan>>(plan, places.a, places.c, places.residual, packed),
               std::move(draft));
}

Declined emit(Lowering& lowering, Product product, NodeId id) {
  product.nodes.insert(product.nodes.begin(), id);
  GemmParams params = product.params;
  params.threads = lowering.threads();
  params.b_constant = lowering.constant(product.b) != nullptr && (params.batch == 1 || params.b_step == 0) &&
                      params.b_offsets == nullptr;
  if (auto probe = kernels::select_gemm(params, lowering.options().isa); std::holds_alternative<std::string>(probe))
    return std::get<std::string>(probe);

  take_bias(lowering, product);
  const Dims dims = *lowering.dims(product.output);
  EpilogueMatch epilogue = match_epilogue(lowering, product.output, dims.empty() ? 0 : dims.size() - 1);
  product.nodes.insert(product.nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());

  GemmPlaces places;
  places.a = lowering.read(product.a, Layout::kRowMajor);
  const Tensor* weights = params.b_constant ? lowering.constant(product.b) : nullptr;
  if (weights == nullptr) places.b = lowering.read(product.b, Layout::kRowMajor);
  if (product.folded) places.bias = lowering.constant_place(*product.folded);
  const Tensor* const constant_bias = product.bias.valid() ? lowering.constant(product.bias) : nullptr;
  if (product.bias.valid()) places.bias = lowering.read(product.bias, Layout::kRowMajor);
  if (epilogue.residual.valid()) places.residual = lowering.read(epilogue.residual, Layout::kRowMajor);
  places.c = lowering.define(epilogue.output, Layout::kRowMajor);
  params.has_bias = places.bias.has_value();
  params.has_residual = places.residual.has_value();
  params.residual_last = epilogue.residual_last;
  params.residual_step = params.m * params.n;
  params.c_step = params.m * params.n;
  params.activation = epilogue.activation;

  if (const Tensor* bias = product.folded ? &*product.folded : constant_bias; bias != nullptr || !places.bias) {
    if (const std::optional<kernels::ConvPlan> tiles = choose_tiles(lowering, params)) {
      add_tiled(lowering, product, params, *tiles, *weights, bias, places);
      return {};
    }
  }
  const auto selection = choose_gemm(lowering.options(), params);
  CYCLOID_CHECK(std::holds_alternative<GemmPlan>(selection));
  const GemmPlan& plan = std::get<GemmPlan>(selection);
  const void* packed = nullptr;
  if (weights != nullptr) {
    BufferId buffer;
    std::byte* memory = lowering.constant_memory(plan.packed_bytes, buffer);
    plan.pack(weights->data<float>().data(), memory);
    packed = memory;
  }

  Lowering::Draft draft;
  draft.nodes = product.nodes;
  draft.kernel = plan.name;
  draft.reads = {places.a};
  for (const std::optional<Place>& place : {places.b, places.bias, places.residual}) {
    if (place) draft.reads.push_back(*place);
  }
  draft.writes = {places.c};
  draft.units = plan.units;
  draft.scratch_bytes = plan.scratch_bytes;
  draft.flops = params.flops();
  draft.bytes = static_cast<double>(plan.packed_bytes);
  lowering.add(std::make_unique<GemmStep>(plan, places, packed), std::move(draft));
  return {};
}

}  // namespace

Declined lower_gemm(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  Product product(node);
  if (!lowering.is_float(product.a)) return lower_typed_gemm(lowering, id);
  const Result<std::int64_t> trans_a = get_int(node, "transA", 0), trans_b = get_int(node, "transB", 0);
  const Result<float> alpha = get_float(node, "alpha", 1), beta = get_float(node, "beta", 1);
  if (!trans_a || !trans_b || !alpha || !beta) return "an attribute of another type";
  const Dims a = *lowering.dims(product.a), c = *lowering.dims(node.outputs[0]);
  GemmParams& params = product.params;
  params.m = c[0];
  params.n = c[1];
  params.k = a[*trans_a != 0 ? 0 : 1];
  params.a_transposed = *trans_a != 0;
  params.b_transposed = *trans_b != 0;
  params.alpha = *alpha;
  if (params.k == 0) return "the inner size is 0";

  const ValueId bias = node.inputs.size() > 2 ? node.inputs[2] : ValueId{};
  if (bias.valid() && *beta != 0) {
    const Dims dims = *lowering.dims(bias);
    const Tensor* constant = lowering.constant(bias);
    const bool row = is_row(dims, params.n) || (dims.empty() && params.n == 1);
    if (row && *beta == 1) {
      product.bias = bias;
    } else if (constant != nullptr && (row || element_count(dims) == 1)) {
      std::vector<float> values(static_cast<std::size_t>(params.n));
      const std::span<const float> data = constant->data<float>();
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = *beta * data[data.size() == 1 ? 0 : i];
      product.folded = Tensor::of<float>({params.n}, std::span<const float>(values));
    } else {
      return "a bias that is no constant row";
    }
  }
  return emit(lowering, std::move(product), id);
}

Declined lower_matmul(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  Product product(node);
  if (!lowering.is_float(product.a)) return lower_typed_matmul(lowering, id);
  ProductShape shape;
  if (Declined reason = find_product_shape(lowering, product.a, product.b, node.outputs[0], shape); !reason.empty())
    return reason;
  GemmParams& params = product.params;
  params.batch = shape.batch;
  params.m = shape.m;
  params.n = shape.n;
  params.k = shape.k;
  params.a_step = shape.a_step;
  params.b_step = shape.b_step;
  params.a_offsets = shape.a_offsets;
  params.b_offsets = shape.b_offsets;
  return emit(lowering, std::move(product), id);
}

void add_constant_product(Lowering& lowering, GemmParams params, const Place& a, const float* b,
                          const std::optional<Place>& bias, const Place& c, NodeId node) {
  params.b_constant = true;
  params.has_bias = bias.has_value();
  params.threads = lowering.threads();
  const auto selection = choose_gemm(lowering.options(), params);
  CYCLOID_CHECK(std::holds_alternative<GemmPlan>(selection));
  const GemmPlan& plan = std::get<GemmPlan>(selection);
  BufferId buffer;
  std::byte* memory = lowering.constant_memory(plan.packed_bytes, buffer);
  plan.pack(b, memory);
  GemmPlaces places{.a = a, .c = c, .b = {}, .bias = bias, .residual = {}};
  Lowering::Draft draft;
  draft.nodes = {node};
  draft.kernel = plan.name;
  draft.reads = {a};
  if (bias) draft.reads.push_back(*bias);
  draft.writes = {c};
  draft.units = plan.units;
  draft.scratch_bytes = plan.scratch_bytes;
  draft.flops = params.flops();
  draft.bytes = static_cast<double>(plan.packed_bytes);
  lowering.add(std::make_unique<GemmStep>(plan, std::move(places), memory), std::move(draft));
}

}  // namespace cycloid
