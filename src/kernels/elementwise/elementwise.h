// Element-wise functions of float32 on rows of columns: unary, binary with broadcasting, scale and shift per column.
//
// A kernel is a function pointer, chosen once at plan time; it computes the rows and columns it is given, so work is
// split by passing parts. Rows are strided, so a channels-last tensor with a wider pixel stride is a valid operand; a
// dense tensor is best given as one row, or as few long ones. Operands may be the same memory as the result (element
// for element), but must not overlap it otherwise.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/cpu.h"
#include "kernels/activation.h"
#include "kernels/elementwise/bodies.h"

namespace cycloid::kernels {

struct UnaryKernel {
  std::string_view name;  // "elementwise.exp"
  UnaryKind kind;
  double (*reference)(double x);
  float test_lo, test_hi;  // the range that tests draw from
};

struct BinaryKernel {
  std::string_view name;  // "elementwise.add"
  BinaryKind kind;
  double (*reference)(double a, double b);
};

// The lines of manifest.inc, indexed by kind.
std::span<const UnaryKernel> unary_kernels();
std::span<const BinaryKernel> binary_kernels();

UnaryFn unary_kernel(UnaryKind kind, Isa isa);
UnaryFn activation_kernel(ActivationKind kind, Isa isa);  // UnaryArgs::activation has its parameters
BinaryFn binary_kernel(BinaryKind kind, Isa isa);
AffineFn affine_kernel(Isa isa);

}  // namespace cycloid::kernels
