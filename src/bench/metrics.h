// The numbers of a result by name, as gates read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/result.h"
#include "cycloid/result.h"

namespace cycloid {

// The names that may stand after "BACKEND.".
const std::vector<std::string>& gate_metrics();

// The value of a metric, or why there is none.
struct MetricValue {
  std::optional<double> value;
  std::string reason;
};
MetricValue metric_of(const GroupResult& group, const std::string& backend, const std::string& metric);

// An error when `metric` can have no value with so few samples: "p99 needs 1000 samples".
Status check_metric_has_samples(const std::string& metric, std::int64_t loops);

}  // namespace cycloid
