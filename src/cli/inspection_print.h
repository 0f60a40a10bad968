// The two forms in which an Inspection is shown.
#pragma once

#include <map>
#include <string>

#include "cli/inspection.h"
#include "cli/inspection_roofline.h"

namespace cycloid {

// Facts of the file itself, beside what the graph says.
struct InspectedFile {
  std::string path;
  std::int64_t bytes = 0;
  std::string producer;  // name and version
  std::int64_t ir_version = 0;
  std::map<std::string, std::int64_t, std::less<>> opsets;  // as the file says; "" is ai.onnx
  std::map<std::string, std::size_t> operators;  // nodes by operator as the file has them, subgraphs included
  std::string problem;                           // why types and costs are incomplete; empty if they are not
};

// For people: aligned columns, units; per node unless `summary`.
std::string inspection_text(const InspectedFile& file, const Inspection& inspection, bool summary);

// {"schema":"cycloid.inspect/1", ...}; an unknown cost is null, a symbolic one the polynomial as a string.
// `rooflines`, where there are any, go in as "roofline".
std::string inspection_json(const InspectedFile& file, const Inspection& inspection,
                            const std::vector<InspectedRoofline>& rooflines);

}  // namespace cycloid
