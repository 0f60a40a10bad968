// Element-wise functions of any type: arithmetic of integers and float64, comparisons, logic, casts, choices, and copies that
// repeat elements. float32 arithmetic is in elementwise/.
//
// A kernel is a function pointer, chosen once at plan time, or null where there is none for a type; it computes the rows and
// columns that it is given.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/cpu.h"
#include "kernels/elements/bodies.h"

namespace cycloid::kernels {

ElementFn elements2_kernel(Elements2 op, ElementKind kind, Isa isa);
ElementFn elements1_kernel(Elements1 op, ElementKind kind, Isa isa);
ElementFn cast_kernel(ElementKind from, ElementKind to, Isa isa);
// For elements of 1, 2, 4 or 8 bytes; null for others.
ElementFn select_kernel(int64_t element_bytes, Isa isa);
ElementFn copy_kernel(int64_t element_bytes, Isa isa);
// in[0] * in[1] + in[2] of float64. Whether the product is rounded is the compiler's choice.
ElementFn affine_kernel_of_doubles(Isa isa);
// in[0] between the one element of in[1] and that of in[2], whose steps are 0; null for float32 and bool.
ElementFn clip_kernel(ElementKind kind, Isa isa);

std::string_view name_of(Elements2 op);  // "elements.add"
std::string_view name_of(Elements1 op);

}  // namespace cycloid::kernels
