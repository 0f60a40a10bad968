#include "kernels/elementwise/elementwise.h"

#include <cmath>

#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

const ElementwiseBodies& bodies(Isa isa) { return CYCLOID_ISA_TABLE(isa, elementwise_bodies); }

}  // namespace

std::span<const UnaryKernel> unary_kernels() {
  static constexpr UnaryKernel kKernels[] = {
#define CYCLOID_UNARY(kind, name, body, reference, lo, hi) \
  {"elementwise." name, UnaryKind::kind, [](double x) -> double { return reference; }, lo, hi},
#define CYCLOID_BINARY(kind, name, body, reference)
#include "kernels/elementwise/manifest.inc"
#undef CYCLOID_UNARY
#undef CYCLOID_BINARY
  };
  return kKernels;
}

std::span<const BinaryKernel> binary_kernels() {
  static constexpr BinaryKernel kKernels[] = {
#define CYCLOID_UNARY(kind, name, body, reference, lo, hi)
#define CYCLOID_BINARY(kind, name, body, reference) \
  {"elementwise." name, BinaryKind::kind, [](double a, double b) -> double { return reference; }},
#include "kernels/elementwise/manifest.inc"
#undef CYCLOID_UNARY
#undef CYCLOID_BINARY
  };
  return kKernels;
}

UnaryFn unary_kernel(UnaryKind kind, Isa isa) { return bodies(isa).unary[static_cast<int>(kind)]; }
UnaryFn activation_kernel(ActivationKind kind, Isa isa) { return bodies(isa).activation[static_cast<int>(kind)]; }
BinaryFn binary_kernel(BinaryKind kind, Isa isa) { return bodies(isa).binary[static_cast<int>(kind)]; }
AffineFn affine_kernel(Isa isa) { return bodies(isa).affine; }

}  // namespace cycloid::kernels
