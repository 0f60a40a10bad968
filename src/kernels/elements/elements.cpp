#include "kernels/elements/elements.h"

#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

const ElementBodies& bodies(Isa isa) { return CYCLOID_ISA_TABLE(isa, element_bodies); }

int log2_of(int64_t bytes) { return bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : bytes == 8 ? 3 : -1; }

}  // namespace

ElementFn elements2_kernel(Elements2 op, ElementKind kind, Isa isa) {
  return bodies(isa).two[static_cast<int>(op)][static_cast<int>(kind)];
}

ElementFn elements1_kernel(Elements1 op, ElementKind kind, Isa isa) {
  return bodies(isa).one[static_cast<int>(op)][static_cast<int>(kind)];
}

ElementFn cast_kernel(ElementKind from, ElementKind to, Isa isa) {
  return bodies(isa).cast[static_cast<int>(from)][static_cast<int>(to)];
}

ElementFn select_kernel(int64_t element_bytes, Isa isa) {
  const int at = log2_of(element_bytes);
  return at < 0 ? nullptr : bodies(isa).select[at];
}

ElementFn copy_kernel(int64_t element_bytes, Isa isa) {
  const int at = log2_of(element_bytes);
  return at < 0 ? nullptr : bodies(isa).copy[at];
}

ElementFn affine_kernel_of_doubles(Isa isa) { return bodies(isa).affine; }
ElementFn clip_kernel(ElementKind kind, Isa isa) { return bodies(isa).clip[static_cast<int>(kind)]; }

std::string_view name_of(Elements2 op) {
  static constexpr std::string_view kNames[] = {
#define CYCLOID_ELEMENTS2(kind, name, types, result, body) "elements." name,
#define CYCLOID_ELEMENTS1(kind, name, types, result, body)
#include "kernels/elements/manifest.inc"
#undef CYCLOID_ELEMENTS2
#undef CYCLOID_ELEMENTS1
  };
  return kNames[static_cast<int>(op)];
}

std::string_view name_of(Elements1 op) {
  static constexpr std::string_view kNames[] = {
#define CYCLOID_ELEMENTS2(kind, name, types, result, body)
#define CYCLOID_ELEMENTS1(kind, name, types, result, body) "elements." name,
#include "kernels/elements/manifest.inc"
#undef CYCLOID_ELEMENTS2
#undef CYCLOID_ELEMENTS1
  };
  return kNames[static_cast<int>(op)];
}

}  // namespace cycloid::kernels
