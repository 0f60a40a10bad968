// Down-converters: how one operator crosses one version boundary backwards.
//
// They work on the same NodeEditor as import's converters; its version() is the operator set that is written. There are
// two kinds. An expansion replaces a node by nodes of the normal form, which are converted in their turn. A
// down-converter changes the node itself into its older form; nodes that it adds must be of that form too.
#pragma once

#include <span>
#include <string_view>

#include "cycloid/result.h"
#include "onnx/import/converter.h"

namespace cycloid::onnx {

struct DownConverter {
  std::string_view op;
  std::int64_t since;  // applies where the operator set written is older than this
  Status (*convert)(NodeEditor&);
};

// An attribute that came with a version, and the value that means what its absence meant: a node that has it loses it.
struct NewAttribute {
  std::string_view op;
  std::string_view name;
  std::int64_t since;
  bool (*harmless)(const NodeEditor&, const Attribute&);
};

std::span<const DownConverter> expansions();
std::span<const DownConverter> elementwise_down_converters();
std::span<const DownConverter> tensor_down_converters();
std::span<const DownConverter> nn_down_converters();
std::span<const NewAttribute> new_attributes();

// --- What they share.

// Input i, a constant, becomes the attribute `name`; absent: nothing. Error where the input is computed.
Status input_to_ints(NodeEditor& edit, std::size_t i, std::string_view name);
// The constant at input i, an error where it is computed; nullptr where it is absent.
Result<const Tensor*> constant_input(NodeEditor& edit, std::size_t i);
// The same of integers: an error where it has another type, as axes of float.
Result<const Tensor*> constant_integers(NodeEditor& edit, std::size_t i);
// Takes inputs from `count` on away.
void truncate_inputs(NodeEditor& edit, std::size_t count);
// Negative axes become those that count from the front, which operator sets before 11 need, where the rank is known.
std::vector<std::int64_t> from_front(std::vector<std::int64_t> axes, std::optional<std::int64_t> rank);

}  // namespace cycloid::onnx
