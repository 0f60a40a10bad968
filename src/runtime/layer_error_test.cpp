// The error of every convolution of the shared models, on random data, kernel by kernel: at most 1e-5 of the
// layer's largest output; in a strict session, that of direct convolution, which a plain loop in float has.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "base/aligned.h"
#include "base/atomic_file.h"
#include "graph/fix_inputs.h"
#include "kernels/conv/conv.h"
#include "onnx/import/import.h"
#include "onnx/reader.h"
#include "ops/op.h"
#include "plan/lowering/window.h"

namespace cycloid {
namespace {

namespace fs = std::filesystem;
using kernels::ConvParams;
using kernels::ConvPlan;

const fs::path kModels = fs::path(CYCLOID_SOURCE_DIR).parent_path() / "shared/models";

// Those of the README beside the models, or 1 where a size is open.
std::vector<InputSpec> input_sizes(const Graph& graph, const nlohmann::json& said) {
  std::vector<InputSpec> specs;
  for (const ValueId id : graph.inputs()) {
    const Value& input = graph.value(id);
    if (!input.type.is_tensor() || !input.type.shape) continue;
    InputSpec spec{input.name, {}, {}};
    for (const Dim& dim : *input.type.shape) spec.dims.push_back(dim.known().value_or(1));
    if (const auto given = said.find(input.name); given != said.end())
      spec.dims = given->is_object() ? given->at("s").get<Dims>() : given->get<Dims>();
    specs.push_back(std::move(spec));
  }
  return specs;
}

std::array<std::int64_t, 16> key_of(const ConvParams& p) {
  return {p.batch,    p.in_h,     p.in_w,     p.in_c,       p.out_h,      p.out_w,   p.out_c,    p.kernel_h,
          p.kernel_w, p.stride_h, p.stride_w, p.dilation_h, p.dilation_w, p.pad_top, p.pad_left, p.groups};
}

// The convolutions of float32 in the main graph whose shapes are known.
void collect(const ModelIr& model, std::set<std::array<std::int64_t, 16>>& seen, std::vector<ConvParams>& layers) {
  const Graph& graph = model.graph;
  for (const NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    if (!node.domain.empty() || node.op_type != "Conv") continue;
    const auto dims = [&](ValueId value) {
      const ValueType& type = graph.value(value).type;
      return type.is_tensor() && type.shape ? known_dims(*type.shape) : std::nullopt;
    };
    const auto in = dims(node.inputs[0]), out = dims(node.outputs[0]), weights = dims(node.inputs[1]);
    if (!in || !out || !weights || graph.value(node.inputs[0]).type.dtype != DType::kFloat32) continue;
    KernelWindow window;
    if (!parse_window(node, *in, *out, std::span(*weights).subspan(2), window).empty()) continue;
    ConvParams params{.batch = (*in)[0], .in_c = (*in)[1], .out_c = (*out)[1]};
    set_window(window, params);
    params.groups = (*in)[1] / (*weights)[1];
    if (seen.insert(key_of(params)).second) layers.push_back(params);
  }
}

// SqueezeNet's, at the batch of the founding comparison: its squeezes and expands.
void add_squeezenet(std::set<std::array<std::int64_t, 16>>& seen, std::vector<ConvParams>& layers) {
  for (const std::int64_t size : {15, 14, 7, 3}) {
    for (const std::int64_t squeeze : {16, 32, 48, 64}) {
      ConvParams params{
          .batch = 5, .in_h = size, .in_w = size, .in_c = squeeze, .out_h = size, .out_w = size, .out_c = 4 * squeeze};
      params.kernel_h = params.kernel_w = 3;
      params.pad_top = params.pad_left = 1;
      if (seen.insert(key_of(params)).second) layers.push_back(params);
    }
  }
}

std::vector<ConvParams> zoo_layers() {
  const nlohmann::json sizes = nlohmann::json::parse(read_file((kModels / "run_shapes.json").string()).value());
  std::set<std::array<std::int64_t, 16>> seen;
  std::vector<ConvParams> layers;
  for (const fs::directory_entry& entry : fs::directory_iterator(kModels)) {
    if (entry.path().extension() != ".onnx") continue;
    Result<ModelIr> model = onnx::read_model(entry.path().string());
    if (!model || !onnx::to_normal_form(*model)) continue;
    const auto said = sizes.find(entry.path().stem().string());
    const nlohmann::json none = nlohmann::json::object();
    if (!fix_inputs(model->graph, input_sizes(model->graph, said == sizes.end() ? none : *said))) continue;
    if (infer_types(*model)) collect(*model, seen, layers);
  }
  add_squeezenet(seen, layers);
  return layers;
}

struct Errors {
  double kernel = 0, plain = 0;  // the largest at the sampled pixels, of the kernel and of a plain loop in float
  double largest = 0;            // output of the layer
};

class Layer {
 public:
  explicit Layer(const ConvParams& params)
      : p_(params),
        random_(1),
        in_(static_cast<std::size_t>(p_.batch * p_.in_h * p_.in_w * p_.in_c)),
        weights_(static_cast<std::size_t>(p_.out_c * (p_.in_c / p_.groups) * p_.kernel_h * p_.kernel_w)),
        bias_(static_cast<std::size_t>(p_.out_c)) {
    std::uniform_real_distribution<float> draw(-1, 1);
    for (AlignedBuffer<float>* buffer : {&in_, &weights_, &bias_}) {
      for (float& x : *buffer) x = draw(random_);
    }
  }

  // All channels of the corners and of as many other pixels; the largest output is that of all.
  Errors errors(const ConvPlan& plan) {
    AlignedBuffer<char> packed(plan.packed_bytes), scratch(plan.scratch_bytes);
    const std::int64_t pixels = p_.batch * p_.out_h * p_.out_w;
    AlignedBuffer<float> out(static_cast<std::size_t>(pixels * p_.out_c));
    plan.pack(weights_.data(), bias_.data(), packed.data());
    plan.run({.in = in_.data(), .packed = packed.data(), .out = out.data(), .scratch = scratch.data()}, 0, plan.units);
    Errors errors;
    for (const float y : out) errors.largest = std::max(errors.largest, static_cast<double>(std::fabs(y)));
    std::set<std::int64_t> sampled = {0, p_.out_w - 1, pixels - p_.out_w, pixels - 1};
    std::uniform_int_distribution<std::int64_t> any(0, pixels - 1);
    for (int i = 0; i < 40; ++i) sampled.insert(any(random_));
    for (const std::int64_t pixel : sampled) {
      for (std::int64_t o = 0; o < p_.out_c; ++o) {
        const auto [exact, plain] = direct(pixel, o);
        const float got = out[static_cast<std::size_t>(pixel * p_.out_c + o)];
        errors.kernel = std::max(errors.kernel, std::fabs(static_cast<double>(got) - exact));
        errors.plain = std::max(errors.plain, std::fabs(static_cast<double>(plain) - exact));
      }
    }
    return errors;
  }

 private:
  // The definition, in double and in float.
  std::pair<double, float> direct(std::int64_t pixel, std::int64_t o) const {
    const std::int64_t n = pixel / (p_.out_h * p_.out_w), y = pixel / p_.out_w % p_.out_h, x = pixel % p_.out_w;
    const std::int64_t in_c = p_.in_c / p_.groups, group = o / (p_.out_c / p_.groups);
    double exact = static_cast<double>(bias_[static_cast<std::size_t>(o)]);
    float plain = bias_[static_cast<std::size_t>(o)];
    for (std::int64_t i = 0; i < p_.kernel_h; ++i) {
      for (std::int64_t j = 0; j < p_.kernel_w; ++j) {
        const std::int64_t row = y * p_.stride_h + i * p_.dilation_h - p_.pad_top;
        const std::int64_t column = x * p_.stride_w + j * p_.dilation_w - p_.pad_left;
        if (row < 0 || row >= p_.in_h || column < 0 || column >= p_.in_w) continue;
        for (std::int64_t c = 0; c < in_c; ++c) {
          const float a =
              in_[static_cast<std::size_t>(((n * p_.in_h + row) * p_.in_w + column) * p_.in_c + group * in_c + c)];
          const float w = weights_[static_cast<std::size_t>(((o * in_c + c) * p_.kernel_h + i) * p_.kernel_w + j)];
          exact += static_cast<double>(a) * static_cast<double>(w);
          plain += a * w;
        }
      }
    }
    return {exact, plain};
  }

  const ConvParams p_;
  std::mt19937 random_;
  AlignedBuffer<float> in_, weights_, bias_;
};

std::string describe(const ConvParams& p, std::string_view kernel) {
  return fmt::format("{}: {}x{}x{} -> {}x{}x{}, kernel {}x{}, stride {}, groups {}", kernel, p.in_h, p.in_w, p.in_c,
                     p.out_h, p.out_w, p.out_c, p.kernel_h, p.kernel_w, p.stride_h, p.groups);
}

class LayerError : public testing::TestWithParam<Isa> {};

// Of every kernel that takes the layer, as tuning may choose any.
TEST_P(LayerError, IsWithinTheBoundForEveryConvolutionOfTheSharedModels) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  if (!fs::is_directory(kModels)) GTEST_SKIP() << "the shared models are not at " << kModels;
  const std::vector<ConvParams> layers = zoo_layers();
  ASSERT_GT(layers.size(), 200U);
  int winograd = 0;
  double worst = 0, worst_strict = 0;
  for (ConvParams params : layers) {
    Layer layer(params);
    for (const bool strict : {false, true}) {
      params.strict = strict;
      for (const kernels::ConvCandidate& candidate : kernels::conv_candidates(params, GetParam())) {
        const auto* plan = std::get_if<ConvPlan>(&candidate.selection);
        if (plan == nullptr) continue;
        const bool is_winograd = plan->name().find("winograd") != std::string_view::npos;
        winograd += is_winograd ? 1 : 0;
        const Errors errors = layer.errors(*plan);
        const double error = errors.kernel / errors.largest;
        (strict ? worst_strict : worst) = std::max(strict ? worst_strict : worst, error);
        EXPECT_LE(error, 1e-5) << describe(params, plan->name());
        if (!strict) continue;
        EXPECT_FALSE(is_winograd);
        // Any order of a sum errs alike; twice for the luck of the sample, and the result's own rounding.
        EXPECT_LE(errors.kernel, 2 * errors.plain + 0x1p-24 * errors.largest) << describe(params, plan->name());
      }
    }
  }
  EXPECT_GT(winograd, 100);  // else the default says nothing
  std::printf("%zu layers, %d times Winograd: largest error %.1e, strict %.1e\n", layers.size(), winograd, worst,
              worst_strict);
}

INSTANTIATE_TEST_SUITE_P(Isas, LayerError, testing::Values(Isa::kAvx2, Isa::kAvx512),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace cycloid
