#include "runtime/ledger_json.h"

#include <nlohmann/json.hpp>

namespace cycloid {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json to_json(const GraphTotals& totals) {
  return {{"nodes", totals.nodes}, {"flops", or_null(totals.flops)}, {"bytes", or_null(totals.bytes)}};
}

}  // namespace

std::string ledger_json(const Optimization& optimization) {
  Json json;
  json["schema"] = "cycloid.ledger/1";
  json["before"] = to_json(optimization.before);
  json["after"] = to_json(optimization.after);
  json["applications"] = Json::array();
  for (const RuleUse& use : optimization.applications) {
    json["applications"].push_back({{"rule", use.rule},
                                    {"law", use.law},
                                    {"kind", use.kind},
                                    {"removed", use.removed},
                                    {"added", use.added},
                                    {"flops_saved", or_null(use.flops_saved)},
                                    {"bytes_saved", or_null(use.bytes_saved)},
                                    {"max_abs_error", or_null(use.max_abs_error)},
                                    {"max_rel_error", or_null(use.max_rel_error)},
                                    {"verified", use.verified}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cycloid
