#include "kernels/recurrent/recurrent.h"

#include <algorithm>

#include "base/aligned.h"
#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

const RecurrentBodies& bodies(Isa isa) { return CYCLOID_ISA_TABLE(isa, recurrent_bodies); }

RecurrentPanels panels_of(int64_t gates, int64_t most_blocks, int64_t blocks) {
  RecurrentPanels panels{.gates = gates, .blocks = std::min(most_blocks, blocks), .panels = 0};
  panels.panels = (blocks + panels.blocks - 1) / panels.blocks;
  return panels;
}

int64_t columns_of(const RecurrentPanels& panels, int64_t lanes) {
  return panels.panels * panels.gates * panels.blocks * lanes;
}

int64_t column_in(const RecurrentPanels& panels, int64_t lanes, int64_t gate, int64_t j) {
  const int64_t block = j / lanes, panel = block / panels.blocks, in_panel = block % panels.blocks;
  return ((panel * panels.blocks + in_panel) * panels.gates + gate) * lanes + j % lanes;
}

}  // namespace

RecurrentPlan plan_recurrent(const RecurrentParams& params, Isa isa) {
  static constexpr std::string_view kNames[] = {"recurrent.rnn", "recurrent.gru", "recurrent.gru_linear",
                                                "recurrent.lstm"};
  const RecurrentBodies& table = bodies(isa);
  const auto cell = static_cast<std::size_t>(params.cell);
  RecurrentPlan plan{.params = params, .name = kNames[cell], .fn = table.by_cell[cell], .lanes = table.lanes};
  const int64_t blocks = (params.hidden + plan.lanes - 1) / plan.lanes;
  // Panels of 4 vectors where the gates allow it: as many sums as hide the latency of one row's additions.
  switch (params.cell) {
    case RecurrentCell::kLstm: plan.first = panels_of(4, 1, blocks); break;
    case RecurrentCell::kGruLinear: plan.first = panels_of(3, 1, blocks); break;
    case RecurrentCell::kRnn: plan.first = panels_of(1, 4, blocks); break;
    case RecurrentCell::kGru:
      plan.first = panels_of(2, 2, blocks);
      plan.second = panels_of(1, 4, blocks);
      break;
  }
  plan.padded = std::max(plan.first.panels * plan.first.blocks, plan.second.panels * plan.second.blocks) * plan.lanes;
  plan.columns = columns_of(plan.first, plan.lanes) + columns_of(plan.second, plan.lanes);
  plan.packed_floats = plan.columns * params.hidden;
  // Each group reads R once a step, so there are no more than threads can use.
  const int64_t tiles = (params.batch + table.tile_rows - 1) / table.tile_rows;
  plan.groups = std::clamp<int64_t>((params.threads + params.directions - 1) / params.directions, 1, tiles);
  const int64_t rows = (params.batch + plan.groups - 1) / plan.groups;
  plan.scratch_bytes = align_up(static_cast<std::size_t>(kRecurrentStates * rows * plan.padded) * sizeof(float));
  return plan;
}

int64_t RecurrentPlan::gates() const {
  return params.cell == RecurrentCell::kLstm ? 4 : params.cell == RecurrentCell::kRnn ? 1 : 3;
}

int64_t RecurrentPlan::column(int64_t gate, int64_t j) const {
  if (gate < first.gates) return column_in(first, lanes, gate, j);
  return columns_of(first, lanes) + column_in(second, lanes, gate - first.gates, j);
}

void RecurrentPlan::pack(const float* r, float* packed) const {
  for (int64_t gate = 0; gate < gates(); ++gate) {
    const bool in_second = gate >= first.gates;
    const int64_t width = (in_second ? second.gates * second.blocks : first.gates * first.blocks) * lanes;
    const int64_t before = in_second ? columns_of(first, lanes) : 0;
    for (int64_t j = 0; j < params.hidden; ++j) {
      const int64_t at = column(gate, j) - before;
      float* to = packed + (before + at / width * width) * params.hidden + at % width;
      const float* from = r + (gate * params.hidden + j) * params.hidden;
      for (int64_t k = 0; k < params.hidden; ++k) to[k * width] = from[k];
    }
  }
}

RecurrentPlan::Rows RecurrentPlan::rows(int64_t group) const {
  return {group * params.batch / groups, (group + 1) * params.batch / groups};
}

}  // namespace cycloid::kernels
