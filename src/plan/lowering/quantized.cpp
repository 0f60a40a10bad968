#include "plan/lowering/quantized.h"

namespace cycloid {
namespace {

class QgemmStep final : public Step {
 public:
  QgemmStep(kernels::QgemmPlan plan, QgemmPlaces places) : plan_(std::move(plan)), places_(std::move(places)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    plan_.run({.a = context.at<const std::byte>(places_.a),
               .b = places_.b ? context.at<const std::byte>(*places_.b) : nullptr,
               .packed = places_.packed,
               .a_zero = static_cast<std::int32_t>(places_.a_zero.get(context)),
               .b_zero = static_cast<std::int32_t>(places_.b_zero.get(context)),
               .bias = places_.bias,
               .scale = places_.scale,
               .factor = static_cast<float>(places_.factor.get(context)),
               .float_bias = places_.float_bias,
               .c_zero = places_.c_zero,
               .c = context.at<std::byte>(places_.c),
               .scratch = context.scratch},
              begin, end);
  }

 private:
  kernels::QgemmPlan plan_;
  QgemmPlaces places_;
};

std::optional<std::vector<double>> numbers(const Tensor& tensor) {
  std::vector<double> values;
  const bool known = dispatch<float, std::int8_t, std::uint8_t, std::int32_t>(tensor.dtype(), [&]<class T>(T) {
    for (const T x : tensor.data<T>()) values.push_back(static_cast<double>(x));
  });
  return known ? std::optional(std::move(values)) : std::nullopt;
}

bool given(const Node& node, std::size_t i) { return i < node.inputs.size() && node.inputs[i].valid(); }

}  // namespace

std::optional<std::vector<double>> constant_numbers(const Lowering& lowering, const Node& node, std::size_t i,
                                                    double fallback) {
  if (!given(node, i)) return std::vector<double>{fallback};
  const Tensor* tensor = lowering.constant(node.inputs[i]);
  return tensor == nullptr ? std::nullopt : numbers(*tensor);
}

std::optional<double> constant_number(const Lowering& lowering, const Node& node, std::size_t i, double fallback) {
  const auto values = constant_numbers(lowering, node, i, fallback);
  return values && values->size() == 1 ? std::optional((*values)[0]) : std::nullopt;
}

std::optional<ScalarSource> scalar_source(Lowering& lowering, const Node& node, std::size_t i, double fallback) {
  if (const auto value = constant_number(lowering, node, i, fallback))
    return ScalarSource{.value = *value, .place = {}};
  const ValueId id = node.inputs[i];
  const Dims* dims = lowering.dims(id);
  const DType dtype = lowering.dtype(id);
  if (dims == nullptr || element_count(*dims) != 1 || (!is_byte(dtype) && dtype != DType::kFloat32)) return {};
  return ScalarSource{.value = 0, .place = lowering.read(id, Layout::kRowMajor)};
}

std::vector<std::int32_t> to_int32s(const std::vector<double>& values) {
  std::vector<std::int32_t> result;
  for (const double value : values) result.push_back(static_cast<std::int32_t>(value));
  return result;
}

void add_qgemm(Lowering& lowering, kernels::QgemmPlan plan, QgemmPlaces places, Lowering::Draft draft) {
  const kernels::QgemmParams& p = plan.params;
  draft.kernel = plan.depthwise ? std::string("depthwise.") + std::string(plan.name) : std::string(plan.name);
  draft.reads = {places.a};
  for (const std::optional<Place>& place : {places.b, places.a_zero.place, places.b_zero.place, places.factor.place}) {
    if (place) draft.reads.push_back(*place);
  }
  draft.writes = {places.c};
  draft.units = plan.units;
  draft.scratch_bytes = plan.scratch_bytes;
  draft.flops = p.flops();
  draft.bytes = static_cast<double>(plan.packed_bytes);
  draft.speed = plan.kernels->words ? 0.5 : 2;  // of the float kernels' peak
  lowering.add(std::make_unique<QgemmStep>(std::move(plan), std::move(places)), std::move(draft));
}

}  // namespace cycloid
