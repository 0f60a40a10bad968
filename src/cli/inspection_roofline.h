// What this machine could do for a model at best (`cycloid inspect --roofline`), and what the engine does (`--plan`).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/inspection.h"
#include "cycloid/plan_info.h"
#include "cycloid/session.h"
#include "runtime/machine.h"

namespace cycloid {

// At one thread count.
struct InspectedRoofline {
  MachineLimits machine;
  // max(FLOPs / peak, bytes / bandwidth) of each node of the Inspection; 0 where it is in a subgraph or its cost is not known.
  std::vector<Roofline> nodes;
  double nodes_seconds = 0;  // their sum: as if each node were run by itself
  // The same for the whole, as if nothing but inputs, outputs and parameters were moved: no order of computation with direct
  // arithmetic is faster.
  Roofline whole;
  std::optional<PlanInfo> plan;
};

struct RooflineRequest {
  std::string model;  // the file
  std::vector<int> threads;
  bool plan = false;
  SessionOptions session;  // of the plan; its threads are ignored
};

// `dims` are those of the graph's inputs, all known. `inspection` is of the same model. Measures the machine, which takes
// about half a second for each thread count.
Result<std::vector<InspectedRoofline>> inspect_roofline(const Inspection& inspection,
                                                        const std::vector<std::vector<std::int64_t>>& dims,
                                                        const RooflineRequest& request);

// For people: the machine, the model's limits by node (unless `summary`), and the plans step by step.
std::string roofline_text(const Inspection& inspection, const std::vector<InspectedRoofline>& rooflines, bool summary);
nlohmann::ordered_json roofline_json(const std::vector<InspectedRoofline>& rooflines);

}  // namespace cycloid
